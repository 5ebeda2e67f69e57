#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "host/http/api.hpp"
#include "host/http/guard.hpp"
#include "host/http/wire.hpp"

namespace stepd::http {

/// What all connections share. Outlives them.
struct ConnectionScope {
  const Api& api;
  HeadLimits head_limits;
  /// Takes a place among the event streams; false: there is none left.
  std::function<bool()> begin_stream;
  /// For what broke in here: answered with 500, and told to whoever runs the host.
  std::function<void(const std::string&)> report;
  const std::atomic<bool>& ending;
};

/// One client's connection: reads requests and answers them one after the other, until the client
/// goes, keeps us waiting, or sends what cannot be told apart from the next request any more.
class Connection {
 public:
  /// `guard` null: whoever can connect may speak.
  Connection(Wire wire, const ConnectionScope& scope, const TcpGuard* guard)
      : wire_(std::move(wire)), scope_(scope), guard_(guard) {}

  void serve();

 private:
  enum class After { next, close, close_gently };

  [[nodiscard]] After serve_one();
  /// False: there is no further request.
  [[nodiscard]] bool read_head();
  [[nodiscard]] Answer answer(const Head& head, Body& body);
  [[nodiscard]] After stream(const Stream& stream);
  [[nodiscard]] bool send(const Reply& reply, std::string_view method, bool keeps_alive);

  Wire wire_;
  const ConnectionScope& scope_;
  const TcpGuard* guard_;
  std::string head_text_;
  std::string out_;
};

}  // namespace stepd::http
