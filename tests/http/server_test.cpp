#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>

#include <catch2/catch.hpp>

#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using testing::RawClient;
using testing::Response;
using testing::Served;

const std::string health = "GET /v1/health HTTP/1.1\r\n\r\n";

/// What Poco's own client makes of an answer.
int status_by_poco(Poco::Net::HTTPClientSession& session, Poco::Net::HTTPRequest& request,
                   const std::string& body = {}) {
  session.sendRequest(request) << body;
  Poco::Net::HTTPResponse response;
  std::string text;
  Poco::StreamCopier::copyToString(session.receiveResponse(response), text);
  CHECK(text.size() == static_cast<std::size_t>(response.getContentLength()));
  return response.getStatus();
}

TEST_CASE("requests follow one another on one connection") {
  const Served served;
  RawClient client = served.client();

  client.send(health);
  CHECK(client.response().status == 200);
  client.send("GET /v1/nothing HTTP/1.1\r\n\r\n");
  CHECK(client.response().status == 404);
  client.send("\r\n" + health);
  CHECK(client.response().status == 200);
}

TEST_CASE("requests sent in one go are answered in order") {
  const Served served;
  RawClient client = served.client();

  client.send(health + "GET /v1/nothing HTTP/1.1\r\n\r\n" + health);

  CHECK(client.response().status == 200);
  CHECK(client.response().status == 404);
  CHECK(client.response().status == 200);
}

TEST_CASE("a request that comes byte by byte is answered") {
  const Served served;
  RawClient client = served.client();

  for (const char byte : health) client.send({&byte, 1});

  CHECK(client.response().status == 200);
}

TEST_CASE("the client of Poco is served over the unix socket and over TCP") {
  const Served served;
  const bool over_tcp = GENERATE(false, true);
  Poco::Net::HTTPClientSession session(
      Poco::Net::StreamSocket(over_tcp ? served.tcp_address() : served.unix_address()));
  session.setKeepAlive(true);
  const std::string host = "127.0.0.1:" + std::to_string(served.port());

  for (int round = 0; round < 3; ++round) {
    Poco::Net::HTTPRequest request("GET", "/v1/status", "HTTP/1.1");
    request.set("Host", host);
    request.set("Authorization", "Bearer secret");
    CHECK(status_by_poco(session, request) == 200);
  }
  Poco::Net::HTTPRequest chunked("POST", "/v1/jobs", "HTTP/1.1");
  chunked.set("Host", host);
  chunked.set("Authorization", "Bearer secret");
  chunked.setChunkedTransferEncoding(true);
  CHECK(status_by_poco(session, chunked, "no JSON") == 400);
}

TEST_CASE("what is no HTTP is answered with a problem document and the connection ends") {
  const Served served;
  const std::string bytes =
      GENERATE(as<std::string>{}, "hello\r\n\r\n", "GET / HTTP/1.1\r\nbad field\r\n\r\n",
               "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "\x16\x03\x01\r\n\r\n");
  RawClient client = served.client();

  client.send(bytes + health);

  const Response response = client.response();
  CHECK(response.status == 400);
  CHECK(response.fields.at("content-type") == "application/problem+json");
  CHECK(response.fields.at("connection") == "close");
  CHECK(response.code() == "malformed_request");
  CHECK(client.closed());
}

TEST_CASE("a head without end is refused once it is too large") {
  const Served served;
  RawClient client = served.client();

  client.send("GET / HTTP/1.1\r\n");
  client.send("A: " + std::string(40'000, 'b'));

  CHECK(client.response().status == 431);
}

TEST_CASE("a body in chunks is put together") {
  const Served served;
  const Response response = served.raw(
      "POST /v1/jobs/x:cancel HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\n{\"\r\n5;why=not\r\nfoo\":\r\n2\r\n1}\r\n0\r\nTrailer: x\r\n\r\n");

  CHECK(response.status == 422);
  CHECK(response.detail().find("/foo") != std::string::npos);
}

TEST_CASE("chunks that are not framed properly are refused") {
  const Served served;
  const std::string chunks = GENERATE(as<std::string>{}, "x\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n",
                                      "-1\r\n\r\n", "ffffffffffffffffff\r\n\r\n", "\r\n\r\n");

  const Response response =
      served.raw("POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);

  CHECK(response.status == 400);
  CHECK(response.fields.at("connection") == "close");
}

TEST_CASE("a body that is cut off is not acted on") {
  Served served;
  const auto id = served.host.add({"a"});
  RawClient client = served.client();

  client.send("POST " + testing::path_of(id) + ":cancel HTTP/1.1\r\nContent-Length: 10\r\n\r\n{}");
  client.end();

  CHECK(client.closed());
  CHECK(served.host.acts().empty());
}

TEST_CASE("chunks that end without the last one are not acted on") {
  Served served;
  const auto id = served.host.add({"a"});
  RawClient client = served.client();

  client.send("POST " + testing::path_of(id) +
              ":cancel HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n");
  client.end();

  CHECK(client.closed());
  CHECK(served.host.acts().empty());
}

TEST_CASE("a client that asks first is told to go on") {
  Served served;
  const auto id = served.host.add({"a"});
  RawClient client = served.client();

  client.send("POST " + testing::path_of(id) +
              ":cancel HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("{}");

  CHECK(client.response().status == 200);
}

TEST_CASE("a client that asks first is refused before it sends too much") {
  const Served served;
  RawClient client = served.client();

  client.send("POST /v1/jobs HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");

  const Response response = client.response();
  CHECK(response.status == 413);
  CHECK(response.detail().find("99999999") != std::string::npos);
  CHECK(response.detail().find("16777216") != std::string::npos);
}

TEST_CASE("a client that sends too much can read why though it has not been read") {
  const Served served({.api = {.job_bytes_max = 1000}});
  const std::string body(3'000'000, ' ');

  const Response response = served.post("/v1/jobs", body);

  CHECK(response.status == 413);
  CHECK(response.detail().find("3000000") != std::string::npos);
  CHECK(response.detail().find("1000") != std::string::npos);
}

TEST_CASE("HEAD is answered as GET without the body") {
  const Served served;
  RawClient client = served.client();

  client.send("HEAD /v1/health HTTP/1.1\r\n\r\n" + health);

  CHECK(client.until("\r\n\r\n").find("Content-Length: 15\r\n") != std::string::npos);
  CHECK(client.response().body == R"({"status":"ok"})");
}

TEST_CASE("a path that is not there is told apart from a method that does not apply") {
  const Served served;

  const Response nothing = served.get("/v2/jobs");
  const Response wrong_method = served.remove("/v1/jobs");

  CHECK(nothing.status == 404);
  CHECK(nothing.code() == "no_such_path");
  CHECK(wrong_method.status == 405);
  CHECK(wrong_method.fields.at("allow") == "POST, GET, HEAD");
  CHECK(served.get("/v1/jobs/x:cancel").fields.at("allow") == "POST");
}

TEST_CASE("a client that keeps the server waiting in the middle of a request is told so") {
  using namespace std::chrono_literals;
  const Served served({.patience = {.idle = 50ms}});
  const std::string begun = GENERATE(as<std::string>{}, "GET /v1/he",
                                     "POST /v1/jobs HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}");

  CHECK(served.raw(begun).status == 408);
}

TEST_CASE("a client that sends a little now and then does not hold a connection for ever") {
  using namespace std::chrono_literals;
  const Served served({.patience = {.idle = 10s, .request = 0ms}});
  RawClient client = served.client();

  client.send("GET /v1/health HTTP/1.1\r\n");
  for (int piece = 0; piece < 1000 && !client.readable_within(5ms); ++piece) {
    client.send("A: b\r\n");
  }

  CHECK(client.response().status == 408);
}

TEST_CASE("a client that takes its replies in too slowly does not hold a connection for ever") {
  using namespace std::chrono_literals;
  const Served served({.patience = {.idle = 1h, .reply = 0ms}});
  RawClient client = served.client();

  // All at once: the server may hang up at the first reply.
  std::string requests;
  for (int request = 0; request < 100; ++request) {
    requests += "GET /v1/openapi.json HTTP/1.1\r\n\r\n";
  }
  client.send(requests);

  CHECK(client.gone_within(20s));
}

TEST_CASE("an idle connection is closed without a word") {
  using namespace std::chrono_literals;
  const Served served({.patience = {.idle = 50ms}});
  RawClient client = served.client();

  CHECK(client.closed());
}

TEST_CASE("a client beyond the budget is turned away with 503") {
  const Served served({.connections_max = 1});
  RawClient first = served.client();
  first.send(health);
  CHECK(first.response().status == 200);

  const Response second = served.client().response();

  CHECK(second.status == 503);
  CHECK(second.code() == "too_many_connections");
}

TEST_CASE("stopping ends idle connections") {
  Served served;
  RawClient client = served.client();
  client.send(health);
  CHECK(client.response().status == 200);

  served.server.stop();

  CHECK(client.closed());
}

TEST_CASE("D4: damage that a reader meets is told to the host and to whoever asks how it is") {
  Served served;
  served.host.script([](auto& script) {
    script.reader_trouble.emplace(storage::StoreError::Kind::broken, "too many open files");
  });
  CHECK(served.get("/v1/jobs").status == 503);
  CHECK(served.get("/v1/health").status == 200);

  served.host.script([](auto& script) {
    script.reader_trouble.emplace(storage::StoreError::Kind::damaged, "the file is damaged");
  });
  CHECK(served.get("/v1/jobs").status == 503);
  const Response told = served.get("/v1/health");
  CHECK(told.status == 503);
  CHECK(told.body.find("the file is damaged") != std::string::npos);
}

TEST_CASE("a reader that fails is a problem of the storage and is reported") {
  std::mutex mutex;
  std::vector<std::string> reports;
  Served served({.report = [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    reports.push_back(line);
  }});
  served.host.script([](auto& script) {
    script.reader_trouble.emplace(storage::StoreError::Kind::broken, "the disk\nis gone");
  });

  const Response response = served.get("/v1/jobs");

  CHECK(response.status == 503);
  CHECK(response.detail().find("the disk\nis gone") != std::string::npos);
  const std::lock_guard lock(mutex);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0] == R"(request failed path="/v1/jobs" reason="the disk\nis gone")");
}

}  // namespace
}  // namespace stepd::http
