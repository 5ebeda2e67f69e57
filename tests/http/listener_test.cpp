#include "host/http/listener.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using testing::FakeHost;
using testing::TemporaryFolder;

std::string refusal_of(const std::string& address, const std::string& token = "secret") {
  FakeHost host;
  HttpServer server(host, {.listen = {address}, .token = token});
  try {
    server.start();
    return {};
  } catch (const ListenError& error) {
    return error.what();
  }
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat facts {};
  ::stat(path.c_str(), &facts);
  return facts.st_mode & 0777U;
}

TEST_CASE("a unix socket and a folder made for it are their owner's alone") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "made" / "socket";
  FakeHost host;
  HttpServer server(host, {.listen = {"unix:" + path.string()}});

  server.start();

  CHECK(server.addresses() == std::vector<std::string>{"unix:" + path.string()});
  CHECK(mode_of(path) == 0600U);
  CHECK(mode_of(path.parent_path()) == 0700U);
}

TEST_CASE("the file of a unix socket is gone after the stop") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "socket";
  FakeHost host;
  HttpServer server(host, {.listen = {"unix:" + path.string()}});
  server.start();

  server.stop();
  server.stop();

  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a server that was never started can be stopped") {
  FakeHost host;
  HttpServer server(host, {.listen = {"unix:/nowhere"}});

  server.stop();

  CHECK(server.addresses().empty());
}

TEST_CASE("a socket file that nobody answers on is replaced") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "socket";
  {
    // Bound and closed, its file left behind: as by a host that was killed.
    Poco::Net::ServerSocket left;
    left.bind(Poco::Net::SocketAddress(Poco::Net::SocketAddress::UNIX_LOCAL, path.string()));
  }
  REQUIRE(std::filesystem::exists(path));

  CHECK(refusal_of("unix:" + path.string()).empty());
}

TEST_CASE("a socket that another process answers on is left alone") {
  const testing::Served other;
  const std::string path = other.socket_path().string();

  const std::string refusal = refusal_of("unix:" + path);

  CHECK(refusal.find(path) != std::string::npos);
  CHECK(refusal.find("answers") != std::string::npos);
  CHECK(other.get("/v1/health").status == 200);
}

TEST_CASE("a file that is no socket is left alone") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "letter";
  std::ofstream(path) << "dear";

  CHECK(refusal_of("unix:" + path.string()).find("no socket") != std::string::npos);
  CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("a socket path that the system does not take is refused with its length") {
  const std::string path = "/tmp/" + std::string(103, 'x');

  const std::string refusal = refusal_of("unix:" + path);

  CHECK(refusal.find("108") != std::string::npos);
  CHECK(refusal.find("107") != std::string::npos);
}

TEST_CASE("an address that is not of this machine alone is refused") {
  const std::string address =
      GENERATE(as<std::string>{}, "tcp:0.0.0.0:0", "tcp:[::]:0", "tcp:192.168.0.1:0",
               "tcp:example.org:0", "tcp:127.0.0.1", "tcp:127.0.0.1:70000", "tcp:127.0.0.1:x",
               "tcp::0", "unix:", "http://127.0.0.1:0", "");

  CAPTURE(address);
  CHECK_FALSE(refusal_of(address).empty());
}

TEST_CASE("a TCP address without a token is refused") {
  CHECK(refusal_of("tcp:127.0.0.1:0", "").find("token") != std::string::npos);
}

TEST_CASE("a port that is taken is refused and named") {
  const testing::Served other;
  const std::string port = std::to_string(other.port());

  CHECK(refusal_of("tcp:127.0.0.1:" + port).find(port) != std::string::npos);
}

}  // namespace
}  // namespace stepd::http
