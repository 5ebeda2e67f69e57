#include "tools/bench/socket_client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace stepd::bench {

SocketClient::SocketClient(const std::filesystem::path& socket)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof(address.sun_path)) {
    ::close(socket_);
    throw std::runtime_error("the socket's path is too long: " + path);
  }
  std::copy(path.begin(), path.end(), static_cast<char*>(address.sun_path));
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(socket_);
    throw std::runtime_error("nobody answers at " + path);
  }
}

SocketClient::~SocketClient() { ::close(socket_); }

SocketClient::Answer SocketClient::ask(std::string_view method, std::string_view path,
                                       std::string_view body, std::string_view content_type) {
  std::string request;
  request.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (!body.empty()) {
    request.append("Content-Type: ").append(content_type).append("\r\n");
    request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  request.append("\r\n").append(body);
  send(request);

  std::size_t head_end = std::string::npos;
  while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) receive();
  Answer answer;
  std::from_chars(buffer_.data() + 9, buffer_.data() + 12, answer.status);
  std::string head = buffer_.substr(0, head_end);
  std::ranges::transform(head, head.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const std::size_t field = head.find("content-length:");
  if (field == std::string::npos) throw std::runtime_error("an answer without its length");
  std::size_t length = 0;
  const char* digits = head.data() + head.find_first_not_of(' ', field + 15);
  std::from_chars(digits, head.data() + head.size(), length);
  while (buffer_.size() < head_end + 4 + length) receive();
  answer.body = buffer_.substr(head_end + 4, length);
  buffer_.erase(0, head_end + 4 + length);
  return answer;
}

void SocketClient::open_stream(std::string_view path) {
  std::string request = "GET ";
  request.append(path).append(" HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  send(request);
  while (!read_line().empty()) {
  }
}

std::string SocketClient::read_line() {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find('\n')) == std::string::npos) receive();
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

void SocketClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the daemon closed the connection");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void SocketClient::receive() {
  std::array<char, 65536> piece{};
  const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
  if (got <= 0) throw std::runtime_error("the daemon closed the connection");
  buffer_.append(piece.data(), static_cast<std::size_t>(got));
}

}  // namespace stepd::bench
