#pragma once

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>
#include <poll.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "host/http/server.hpp"
#include "tests/http/fake_host.hpp"

namespace stepd::http::testing {

namespace fs = std::filesystem;

/// A folder of its own, gone when the test is over.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "stepd-http-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code gone_already;
    fs::remove_all(path_, gone_already);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;

  [[nodiscard]] boost::json::value json() const { return boost::json::parse(body); }
  [[nodiscard]] std::string code() const {
    return std::string(json().as_object().at("code").as_string());
  }
  [[nodiscard]] std::string detail() const {
    return std::string(json().as_object().at("detail").as_string());
  }
};

/// A client that says exactly what it is told to, byte by byte.
class RawClient {
 public:
  explicit RawClient(const Poco::Net::SocketAddress& address) : socket_(address) {
    socket_.setReceiveTimeout(Poco::Timespan(20, 0));
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int sent = socket_.sendBytes(bytes.data(), static_cast<int>(bytes.size()));
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void end() { socket_.shutdownSend(); }

  /// Everything up to and with the marker, which is then forgotten.
  std::string until(std::string_view marker) {
    for (;;) {
      if (const auto at = buffer_.find(marker); at != std::string::npos) {
        std::string text = buffer_.substr(0, at + marker.size());
        buffer_.erase(0, at + marker.size());
        return text;
      }
      if (!receive()) throw std::runtime_error("the server closed; it sent: " + buffer_);
    }
  }

  Response response() {
    std::istringstream head(until("\r\n\r\n"));
    Response response;
    std::string line;
    std::getline(head, line);
    response.status = std::stoi(line.substr(9, 3));
    while (std::getline(head, line) && line != "\r") {
      const auto colon = line.find(':');
      std::string name = line.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char character) {
        return static_cast<char>(std::tolower(character));
      });
      response.fields[name] = line.substr(colon + 2, line.size() - colon - 3);
    }
    if (const auto length = response.fields.find("content-length");
        length != response.fields.end()) {
      const auto bytes = static_cast<std::size_t>(std::stoul(length->second));
      while (buffer_.size() < bytes && receive()) {
      }
      response.body = buffer_.substr(0, bytes);
      buffer_.erase(0, bytes);
    }
    return response;
  }

  /// Something has come, or comes within the time.
  [[nodiscard]] bool readable_within(std::chrono::milliseconds span) {
    return socket_.poll(Poco::Timespan(span.count() * 1000), Poco::Net::Socket::SELECT_READ);
  }

  /// The server has closed, or closes within the time, whatever is still to be read.
  [[nodiscard]] bool gone_within(std::chrono::milliseconds span) {
    pollfd wait{socket_.impl()->sockfd(), POLLRDHUP, 0};
    return ::poll(&wait, 1, static_cast<int>(span.count())) > 0;
  }

  /// The server has closed and sent nothing more.
  [[nodiscard]] bool closed() {
    while (receive()) {
    }
    return buffer_.empty();
  }

 private:
  bool receive() {
    std::array<char, 4096> bytes{};
    const int received = socket_.receiveBytes(bytes.data(), static_cast<int>(bytes.size()));
    if (received <= 0) return false;
    buffer_.append(bytes.data(), static_cast<std::size_t>(received));
    return true;
  }

  Poco::Net::StreamSocket socket_;
  std::string buffer_;
};

/// A server before a fake host, on a unix socket and a TCP port.
class Served {
 public:
  explicit Served(HttpSettings settings = {}) : server(host, with_addresses(std::move(settings))) {
    server.start();
  }

  FakeHost host;

  [[nodiscard]] Poco::Net::SocketAddress unix_address() const {
    return {Poco::Net::SocketAddress::UNIX_LOCAL, socket_path().string()};
  }
  [[nodiscard]] std::uint16_t port() const {
    const std::string text = server.addresses().at(1);
    return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
  }
  [[nodiscard]] Poco::Net::SocketAddress tcp_address() const { return {"127.0.0.1", port()}; }
  [[nodiscard]] fs::path socket_path() const { return folder_.path() / "s"; }

  [[nodiscard]] RawClient client() const { return RawClient(unix_address()); }

  /// One request on a connection of its own.
  [[nodiscard]] Response raw(std::string_view bytes) const {
    RawClient one = client();
    one.send(bytes);
    return one.response();
  }
  [[nodiscard]] Response get(const std::string& target, const std::string& fields = "") const {
    return raw("GET " + target + " HTTP/1.1\r\nConnection: close\r\n" + fields + "\r\n");
  }
  [[nodiscard]] Response remove(const std::string& target) const {
    return raw("DELETE " + target + " HTTP/1.1\r\nConnection: close\r\n\r\n");
  }
  [[nodiscard]] Response post(const std::string& target, const std::string& body,
                              const std::string& fields = "") const {
    return raw("POST " + target + " HTTP/1.1\r\nConnection: close\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body);
  }

 private:
  HttpSettings with_addresses(HttpSettings settings) const {
    settings.listen = {"unix:" + socket_path().string(), "tcp:127.0.0.1:0"};
    settings.token = "secret";
    settings.api.version = "1.2.3";
    return settings;
  }

  TemporaryFolder folder_;

 public:
  HttpServer server;
};

/// A text for a path: the job's id.
[[nodiscard]] inline std::string path_of(engine::JobId id) {
  return "/v1/jobs/" + engine::to_text(id);
}

}  // namespace stepd::http::testing
