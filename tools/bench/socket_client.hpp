#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace stepd::bench {

/// A bare HTTP/1.1 client on one kept-alive unix-socket connection: it costs next to nothing beside
/// what it measures. It understands answers with Content-Length, and event streams line by line.
class SocketClient {
 public:
  explicit SocketClient(const std::filesystem::path& socket);
  ~SocketClient();
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  struct Answer {
    int status = 0;
    std::string body;
  };
  /// Throws when the connection breaks.
  [[nodiscard]] Answer ask(std::string_view method, std::string_view path,
                           std::string_view body = {},
                           std::string_view content_type = "application/json");

  /// Opens an event stream; read_line then gives its lines.
  void open_stream(std::string_view path);
  [[nodiscard]] std::string read_line();

 private:
  void send(std::string_view bytes);
  void receive();

  int socket_ = -1;
  std::string buffer_;
};

}  // namespace stepd::bench
