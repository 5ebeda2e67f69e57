#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/http/api.hpp"
#include "host/http/head.hpp"
#include "host/http/wire.hpp"
#include "host/runtime/host.hpp"

namespace stepd::http {

struct HttpSettings {
  std::vector<std::string> listen{};  // "unix:PATH", "tcp:HOST:PORT"
  std::string token{};                // what clients over TCP must know; needed for any tcp address
  ApiSettings api{};
  Patience patience{};
  HeadLimits head_limits{};
  std::size_t connections_max = 256;  // with a request under way or to come; a thread each
  std::size_t streams_max = 256;      // event streams, apart from those; a thread each
  /// Told of what broke in here, in the form of a log line. Any thread.
  std::function<void(const std::string&)> report = [](const std::string&) {};
};

/// The door: listens, and answers every client on a thread of its own. An event stream leaves the
/// connections' budget for one of its own, so that watchers never keep requests out.
class HttpServer {
 public:
  HttpServer(runtime::Host& host, HttpSettings settings);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Throws ListenError; then nothing listens. Once.
  void start();

  /// Takes in no more, lets requests under way be answered, ends streams and idle connections, and
  /// removes socket files. May be called twice and before `start`.
  void stop();

  /// Where it can be reached, in the form of the settings; with the port it got. After `start`.
  [[nodiscard]] std::vector<std::string> addresses() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stepd::http
