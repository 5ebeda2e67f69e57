#include <Poco/Net/SSLManager.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stepd/testing/rehearsal.hpp>
#include <string>

#include "plugins/http/request.hpp"
#include "tests/plugins/servers.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace std::chrono_literals;
using boost::json::value;
using Poco::Net::HTTPServerResponse;
using stepd::testing::Ending;
using stepd::testing::Outcome;
using stepd::testing::Rehearsal;

namespace {

/// The step as a configured plugin offers it.
class RequestStep {
 public:
  explicit RequestStep(const value& settings = boost::json::object{}) {
    http::describe(plugin_, client_);
    plugin_.init(boost::json::serialize(settings));
    rehearsal.emplace(plugin_, "http.request");
  }

  Ending execute(const value& arguments) { return rehearsal->execute(arguments); }

  std::optional<Rehearsal> rehearsal;

 private:
  http::SharedClient client_ = std::make_shared<std::optional<http::Client>>();
  stepd::Plugin plugin_{"http", "0"};
};

/// A server that gives every request this status and body.
Server::Answer always(int status, const std::string& body = "",
                      const std::string& type = "text/plain") {
  return [=](const Seen&, HTTPServerResponse& response) {
    response.setStatusAndReason(static_cast<HTTPServerResponse::HTTPStatus>(status));
    response.setContentType(type);
    response.sendBuffer(body.data(), body.size());
  };
}

/// What the host makes readable when a call is asked to stop.
class StopSignal {
 public:
  StopSignal() : fd_{::eventfd(0, EFD_CLOEXEC)} { REQUIRE(fd_ >= 0); }
  ~StopSignal() { ::close(fd_); }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void give() const { (void)::eventfd_write(fd_, 1); }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace

TEST_CASE("a GET returns status and headers and the JSON of the answer") {
  Server server{always(200, R"({"n": 1})", "application/json; charset=utf-8")};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url("/a?b=c")}});

  REQUIRE(ending.outcome == Outcome::succeeded);
  const auto output = boost::json::parse(*ending.output);
  CHECK(output.at("status") == 200);
  CHECK(output.at("headers").at("content-type") == "application/json; charset=utf-8");
  CHECK(output.at("json") == value{{"n", 1}});
  CHECK(server.seen().at(0).method == "GET");
  CHECK(server.seen().at(0).path == "/a?b=c");
}

TEST_CASE("path and query are sent as they are given and what cannot be sent is encoded") {
  struct Row {
    std::string given;
    std::string sent;
  };
  const Row row = GENERATE(Row{"/a%2Fb?c=d%26e&f=g+h", "/a%2Fb?c=d%26e&f=g+h"},
                           Row{"/a b/\u00e9?x=\"y\"", "/a%20b/%C3%A9?x=%22y%22"},
                           Row{"/a#part", "/a"}, Row{"?b", "/?b"}, Row{"", "/"});
  Server server{always(200, "")};
  RequestStep step;

  CHECK(step.execute(value{{"url", server.url(row.given)}}).outcome == Outcome::succeeded);

  CHECK(server.seen().at(0).path == row.sent);
}

TEST_CASE("an address that has no name is asked all the same") {
  const std::string nameless = "127.1.2.3";
  Server server{always(200, ""), nameless};
  RequestStep step;

  CHECK(step.execute(value{{"url", server.url("/", nameless)}}).outcome == Outcome::succeeded);
}

TEST_CASE("a text answer comes back as text and any other bytes as base64") {
  struct Row {
    std::string sent, member, received;
  };
  const Row row = GENERATE(values<Row>({{"grüße", "body", "grüße"},
                                        {"{not json", "body", "{not json"},
                                        {"\xff\xfe", "body_base64", "//4="}}));
  Server server{always(200, row.sent, "application/json")};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url("/")}});

  REQUIRE(ending.outcome == Outcome::succeeded);
  const auto output = boost::json::parse(*ending.output);
  CHECK(output.at(row.member) == row.received.c_str());
}

TEST_CASE("every method is sent with its body and the idempotency key") {
  const std::string method = GENERATE("POST", "PUT", "PATCH", "DELETE");
  Server server{always(204)};
  RequestStep step;

  const auto json =
      step.execute(value{{"method", method}, {"url", server.url("/")}, {"json", {{"cents", 5}}}});
  const auto text =
      step.execute(value{{"method", method}, {"url", server.url("/")}, {"body", "hello"}});

  CHECK(json.outcome == Outcome::succeeded);
  CHECK(text.outcome == Outcome::succeeded);
  const auto seen = server.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].method == method);
  CHECK(seen[0].body == R"({"cents":5})");
  CHECK(seen[0].content_type == "application/json");
  CHECK_FALSE(seen[0].idempotency_key.empty());
  CHECK(seen[1].body == "hello");
  CHECK(seen[1].idempotency_key == seen[0].idempotency_key);
}

TEST_CASE("headers are sent and the caller's own idempotency key goes first") {
  Server server{always(200)};
  RequestStep step;

  (void)step.execute(value{{"url", server.url("/")},
                           {"headers", {{"idempotency-key", "mine"}, {"Content-Type", "a/b"}}}});

  CHECK(server.seen().at(0).idempotency_key == "mine");
  CHECK(server.seen().at(0).content_type == "a/b");
}

TEST_CASE("the status decides whether a request is refused or tried again") {
  struct Row {
    int status;
    Outcome outcome;
  };
  const Row row = GENERATE(values<Row>({{200, Outcome::succeeded},
                                        {204, Outcome::succeeded},
                                        {302, Outcome::failed},
                                        {304, Outcome::failed},
                                        {400, Outcome::refused},
                                        {404, Outcome::refused},
                                        {408, Outcome::retry},
                                        {409, Outcome::refused},
                                        {425, Outcome::retry},
                                        {429, Outcome::retry},
                                        {500, Outcome::retry},
                                        {503, Outcome::retry}}));
  const bool has_body = row.status != 204 && row.status != 304;
  Server server{always(row.status, has_body ? "why" : "")};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url("/secret?token=1")}});

  CHECK(ending.outcome == row.outcome);
  if (row.outcome == Outcome::succeeded) return;
  CHECK(ending.code == "http_" + std::to_string(row.status));
  CHECK_THAT(ending.message, !Catch::Contains("token"));
  if (has_body) CHECK_THAT(ending.details, Catch::Contains(R"("body":"why")"));
}

TEST_CASE("a redirect fails for good and names the new address") {
  Server server{[](const Seen&, HTTPServerResponse& response) {
    response.setStatusAndReason(HTTPServerResponse::HTTP_PERMANENT_REDIRECT);
    response.set("Location", "https://new.example.org/path?token=1");
  }};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url("/")}});

  CHECK(ending.outcome == Outcome::failed);
  CHECK_THAT(ending.message, Catch::EndsWith("redirects are not followed: ask "
                                             "https://new.example.org/path"));
}

TEST_CASE("Retry-After holds the next attempt back by seconds or until a date") {
  struct Row {
    std::string header;
    std::optional<std::chrono::milliseconds> wait;
  };
  // The rehearsal's clock stands at 2023-11-14 22:13:20.
  const Row row = GENERATE(values<Row>({{"7", 7s},
                                        {"Tue, 14 Nov 2023 22:14:20 GMT", 60s},
                                        {"Tuesday, 14-Nov-23 22:14:20 GMT", 60s},
                                        {"Tue Nov 14 22:14:20 2023", 60s},
                                        {"Tue, 14 Nov 2023 22:00:00 GMT", 0s},
                                        {"99999999999999999999999", 24h * 30},
                                        {"soon", std::nullopt}}));
  Server server{[&](const Seen&, HTTPServerResponse& response) {
    response.setStatusAndReason(HTTPServerResponse::HTTP_SERVICE_UNAVAILABLE);
    response.set("Retry-After", row.header);
  }};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url("/")}});

  CHECK(ending.outcome == Outcome::retry);
  INFO(row.header);
  CHECK(ending.retry_after == row.wait);
}

TEST_CASE("arguments that make no request are refused before anything is sent") {
  Server server{always(200)};
  RequestStep step;
  struct Row {
    value arguments;
    std::string code;
  };
  const auto url = server.url("/");
  const Row row = GENERATE_COPY(values<Row>({
      {{{"url", "ftp://example.org/"}}, "bad_url"},
      {{{"url", "not a url"}}, "bad_url"},
      {{{"url", "http:///path"}}, "bad_url"},
      {{{"url", "http://user:secret@example.org/"}}, "bad_url"},
      {{{"url", url}, {"json", 1}, {"body", "1"}}, "two_bodies"},
      {{{"url", url}, {"headers", {{"A B", "1"}}}}, "bad_header"},
      {{{"url", url}, {"headers", {{"A", "1\r\nB: 2"}}}}, "bad_header"},
      {{{"url", url}, {"headers", {{"Host", "other"}}}}, "bad_header"},
      {{{"url", url}, {"timeout", "0s"}}, "bad_timeout"},
  }));

  const auto ending = step.execute(row.arguments);

  CHECK(ending.outcome == Outcome::refused);
  CHECK(ending.code == row.code);
  CHECK(server.seen().empty());
}

TEST_CASE("an answer larger than allowed fails for good because the request was carried out") {
  Server server{always(200, std::string(101, 'x'))};
  RequestStep step{value{{"body_bytes_max", 100}}};

  const auto ending = step.execute(value{{"method", "POST"}, {"url", server.url("/")}});

  CHECK(ending.outcome == Outcome::failed);
  CHECK(ending.code == "body_too_large");
}

TEST_CASE("an answer as large as allowed is taken") {
  Server server{always(200, std::string(100, 'x'))};
  RequestStep step{value{{"body_bytes_max", 100}}};

  CHECK(step.execute(value{{"url", server.url("/")}}).outcome == Outcome::succeeded);
}

TEST_CASE("a chunked answer is put together") {
  BareServer server{
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nTrailer: x\r\n\r\n"};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url()}});

  REQUIRE(ending.outcome == Outcome::succeeded);
  CHECK(boost::json::parse(*ending.output).at("body") == "hello world");
}

TEST_CASE("an interim answer is passed over") {
  BareServer server{
      "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url()}});

  REQUIRE(ending.outcome == Outcome::succeeded);
  CHECK(boost::json::parse(*ending.output).at("body") == "ok");
}

TEST_CASE("half an answer is none") {
  const std::string half = GENERATE(
      "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", "SSH-2.0-OpenSSH_9.2\r\n\r\n");
  BareServer server{half};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url()}});

  CHECK(ending.outcome == Outcome::retry);
  CHECK(ending.code == "broken_answer");
}

TEST_CASE("a server that does not answer in time is tried again") {
  BareServer server{wait_for_the_end};
  RequestStep step;

  const auto ending = step.execute(value{{"url", server.url()}, {"timeout", "50ms"}});

  CHECK(ending.outcome == Outcome::retry);
  CHECK(ending.code == "timed_out");
}

TEST_CASE("a server that trickles is cut off when the time is up") {
  BareServer server{[](Poco::Net::StreamSocket& connection) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
    connection.sendBytes(head.data(), static_cast<int>(head.size()));
    // Ends by an exception or a refusal to take more, once the client has left.
    while (connection.sendBytes("x", 1) > 0 &&
           !connection.poll(1000, Poco::Net::Socket::SELECT_READ)) {
    }
  }};
  RequestStep step{value{{"body_bytes_max", 1'000'000'000}}};

  const auto ending = step.execute(value{{"url", server.url()}, {"timeout", "80ms"}});

  CHECK(ending.code == "timed_out");
}

TEST_CASE("a port that nobody listens on and a host that does not exist are tried again") {
  std::string nobody;
  {
    const Poco::Net::ServerSocket socket{Poco::Net::SocketAddress{"127.0.0.1", 0}};
    nobody = "http://" + socket.address().toString() + "/";
  }
  RequestStep step;

  const auto refused = step.execute(value{{"url", nobody}});
  const auto unknown = step.execute(value{{"url", "http://nowhere.invalid/"}});

  CHECK(refused.outcome == Outcome::retry);
  CHECK(refused.code == "unreachable");
  CHECK(unknown.outcome == Outcome::retry);
  CHECK(unknown.code == "unreachable");
}

TEST_CASE("a request that is asked to stop leaves at once") {
  const StopSignal stop;
  BareServer server{[&](Poco::Net::StreamSocket& connection) {
    stop.give();
    wait_for_the_end(connection);
  }};
  const http::Outgoing outgoing{.method = "GET", .url = Poco::URI{server.url()}};

  std::optional<http::ExchangeFailed::Cause> cause;
  try {
    (void)http::exchange(outgoing, {.timeout = 1h, .body_bytes_max = 10, .stop_fd = stop.fd()}, {});
  } catch (const http::ExchangeFailed& failed) {
    cause = failed.cause();
  }

  CHECK(cause == http::ExchangeFailed::Cause::stopped);
}

TEST_CASE("TLS is accepted from a server that proves its name and from no other") {
  stepd::support::TemporaryFolder folder;
  const CertificateFiles files{folder.path() / "certificate.pem", folder.path() / "key.pem"};
  write_certificate("localhost", files);
  Poco::Net::initializeSSL();
  const Poco::Net::Context::Ptr context{
      new Poco::Net::Context{Poco::Net::Context::TLS_SERVER_USE, files.key.string(),
                             files.certificate.string(), "", Poco::Net::Context::VERIFY_NONE}};
  Server server{always(200, "safe"), context};
  RequestStep trusting{value{{"ca_file", files.certificate.string()}}};
  RequestStep system;

  const auto proven = trusting.execute(value{{"url", server.url("/", "localhost")}});
  const auto other_name = trusting.execute(value{{"url", server.url("/", "127.0.0.1")}});
  const auto unknown_authority = system.execute(value{{"url", server.url("/", "localhost")}});

  CHECK(proven.outcome == Outcome::succeeded);
  CHECK(other_name.outcome == Outcome::retry);
  CHECK(other_name.code == "tls");
  CHECK(unknown_authority.outcome == Outcome::retry);
  CHECK(unknown_authority.code == "tls");
  CHECK(server.seen().size() == 1);
}

TEST_CASE("a setting that cannot be is refused when the plugin starts") {
  http::SharedClient client = std::make_shared<std::optional<http::Client>>();
  stepd::Plugin plugin{"http", "0"};
  http::describe(plugin, client);

  CHECK_THROWS_AS(plugin.init(R"({"ca_file": "/does/not/exist.pem"})"), stepd::Refused);
  CHECK_THROWS_AS(plugin.init(R"({"timeout": "0s"})"), stepd::Refused);
  CHECK_THROWS_AS(plugin.init(R"({"body_bytes_max": -1})"), stepd::Refused);
}
