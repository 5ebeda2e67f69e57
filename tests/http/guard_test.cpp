#include "host/http/guard.hpp"

#include <catch2/catch.hpp>

#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using testing::RawClient;
using testing::Response;
using testing::Served;

Response ask(const Served& served, const std::string& fields) {
  RawClient client(served.tcp_address());
  client.send("GET /v1/health HTTP/1.1\r\nConnection: close\r\n" + fields + "\r\n");
  return client.response();
}

const std::string token = "Authorization: Bearer secret\r\n";

TEST_CASE("over TCP a request with the token is answered") {
  const Served served;
  const std::string port = std::to_string(served.port());
  const std::string name =
      GENERATE(as<std::string>{}, "127.0.0.1", "localhost", "LocalHost", "[::1]");

  CHECK(ask(served, "Host: " + name + ":" + port + "\r\n" + token).status == 200);
}

TEST_CASE("over TCP a request without the right token is refused") {
  const Served served;
  const std::string host = "Host: 127.0.0.1:" + std::to_string(served.port()) + "\r\n";
  const std::string credentials = GENERATE(
      as<std::string>{}, "", "Authorization: Bearer secreT\r\n",
      "Authorization: Bearer secret2\r\n", "Authorization: Bearer \r\n",
      "Authorization: Bearer\r\n", "Authorization: secret\r\n", "Authorization: Basic secret\r\n");

  const Response response = ask(served, host + credentials);

  CHECK(response.status == 401);
  CHECK(response.fields.at("www-authenticate") == "Bearer");
  CHECK(response.code() == "unauthorized");
}

TEST_CASE("over TCP a request under a foreign name is refused") {
  const Served served;
  const std::string port = std::to_string(served.port());
  const std::string host = GENERATE_COPY(
      "Host: rebound.example:" + port, "Host: 127.0.0.1", "Host: 127.0.0.1:" + port + "0",
      "Host: localhost.example:" + port, "Host: " + port, std::string("Host: "));

  const Response response = ask(served, host + "\r\n" + token);

  CHECK(response.status == 403);
  CHECK(response.code() == "foreign_host");
}

TEST_CASE("over TCP a request without a Host is malformed") {
  const Served served;

  CHECK(ask(served, token).status == 400);
}

TEST_CASE("over TCP a request from a page elsewhere is refused even with the token") {
  const Served served;
  const std::string port = std::to_string(served.port());
  const std::string host = "Host: 127.0.0.1:" + port + "\r\n";
  const std::string origin = GENERATE_COPY(
      std::string("http://evil.example"), std::string("null"), "https://127.0.0.1:" + port,
      std::string("http://127.0.0.1"), "http://127.0.0.1:" + port + ".evil.example");

  const Response response = ask(served, host + "Origin: " + origin + "\r\n" + token);

  CHECK(response.status == 403);
  CHECK(response.code() == "foreign_origin");
}

TEST_CASE("over TCP a request from a page of our own is answered") {
  const Served served;
  const std::string authority = "localhost:" + std::to_string(served.port());

  CHECK(ask(served, "Host: " + authority + "\r\nOrigin: http://" + authority + "\r\n" + token)
            .status == 200);
}

TEST_CASE("the unix socket needs no token") {
  const Served served;

  CHECK(served.get("/v1/health").status == 200);
}

TEST_CASE("secrets are the same only when every byte is") {
  CHECK(same_secret("secret", "secret"));
  CHECK_FALSE(same_secret("secret", "secreT"));
  CHECK_FALSE(same_secret("secret", "secret "));
  CHECK_FALSE(same_secret("", "secret"));
}

}  // namespace
}  // namespace stepd::http
