#include "host/http/head.hpp"

#include <catch2/catch.hpp>

#include "host/http/problem.hpp"

namespace stepd::http {
namespace {

int status_of(const std::string& head) {
  try {
    static_cast<void>(parse_head(head, {.target_bytes_max = 64, .fields_max = 3}));
    return 0;
  } catch (const Refusal& refusal) {
    return refusal.problem.status;
  }
}

TEST_CASE("a request head is taken apart") {
  const std::string text =
      "POST /v1/jobs:batch?strict=true HTTP/1.1\r\nhost: here\r\nContent-Length:  42 \r\n\r\n";

  const Head head = parse_head(text, {});

  CHECK(head.method == "POST");
  CHECK(head.path == "/v1/jobs:batch");
  CHECK(head.query == "strict=true");
  CHECK(head.length == 42);
  CHECK(head.keeps_alive);
  CHECK_FALSE(head.chunked);
  CHECK(head.field("HOST") == "here");
  CHECK_FALSE(head.field("Origin"));
}

TEST_CASE("a connection ends after a request that says so or is of HTTP 1.0") {
  CHECK_FALSE(parse_head("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", {}).keeps_alive);
  CHECK_FALSE(parse_head("GET / HTTP/1.0\r\n\r\n", {}).keeps_alive);
}

TEST_CASE("a head that two readers could take for two things is refused") {
  const std::string head = GENERATE(
      as<std::string>{}, "GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1 \r\n\r\n", " GET / HTTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n",
      "GET v1 HTTP/1.1\r\n\r\n", "GET http://there/ HTTP/1.1\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n",
      "GET /\x7F HTTP/1.1\r\n\r\n", "GET /\xC3\xA4 HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\nA: b\r\n\r\n", "GET / HTTP/1.1\r\nA b\r\n\r\n",
      "GET / HTTP/1.1\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
      "GET / HTTP/1.1\r\n: b\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");

  CAPTURE(head);
  CHECK(status_of(head) == 400);
}

TEST_CASE("what is understood and not offered has a status of its own") {
  CHECK(status_of("GET / HTTP/2.0\r\n\r\n") == 505);
  CHECK(status_of("GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n") == 501);
  CHECK(status_of("GET / HTTP/1.1\r\nExpect: a-miracle\r\n\r\n") == 417);
  CHECK(status_of("GET /" + std::string(64, 'a') + " HTTP/1.1\r\n\r\n") == 414);
  CHECK(status_of("GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n") == 431);
}

TEST_CASE("a NUL byte in a head is refused") {
  CHECK(status_of(std::string("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 27)) == 400);
}

}  // namespace
}  // namespace stepd::http
