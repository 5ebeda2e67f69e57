#include "host/http/server.hpp"

#include <Poco/Exception.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "host/http/connection.hpp"
#include "host/http/connections.hpp"
#include "host/http/guard.hpp"
#include "host/http/listener.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

/// Readable for good once it is given.
class StopSignal {
 public:
  StopSignal() : descriptor_(::eventfd(0, EFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~StopSignal() { ::close(descriptor_); }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void give() const { ::eventfd_write(descriptor_, 1); }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Waits a little for it; true when it has been given.
  [[nodiscard]] bool given_within(std::chrono::milliseconds span) const {
    pollfd wait{descriptor_, POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(span.count())) > 0;
  }

 private:
  int descriptor_;
};

/// Poco keeps to itself in `what` what it has to say.
std::string words_of(const std::exception& error) {
  const auto* of_poco = dynamic_cast<const Poco::Exception*>(&error);
  return of_poco != nullptr ? of_poco->displayText() : error.what();
}

/// One address, its acceptor's thread, and who may speak there.
struct Door {
  explicit Door(const ListenAddress& address, const std::string& token) : listener(address) {
    if (listener.port()) guard.emplace(token, *listener.port());
  }
  Listener listener;
  std::optional<TcpGuard> guard;
  std::thread acceptor;
};

/// Told without waiting for it: this thread takes in everybody.
void turn_away(const Poco::Net::StreamSocket& socket) {
  const std::string body = to_json({.status = 503,
                                    .code = "too_many_connections",
                                    .detail = "too many connections are open: try again later"});
  const std::string reply =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
      "Retry-After: 1\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  ::send(socket.impl()->sockfd(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

struct HttpServer::State {
  State(runtime::Host& host, HttpSettings settings_)
      : settings(std::move(settings_)),
        api(host, settings.api),
        connections({settings.connections_max, settings.streams_max}) {}

  HttpSettings settings;
  Api api;
  std::atomic<bool> ending = false;
  StopSignal stop_signal;
  std::deque<Door> doors;  // their acceptors refer to them
  Connections connections;

  void listen();
  void accept_from(Door& door);
  void serve(const Poco::Net::StreamSocket& socket, Connections::Place& place, const Door& door);
};

void HttpServer::State::listen() {
  for (const std::string& text : settings.listen) {
    const ListenAddress address = parse_listen_address(text);
    if (!address.is_unix() && settings.token.empty()) {
      throw ListenError("cannot listen on " + text + " without a token: give a token file");
    }
    doors.emplace_back(address, settings.token);
  }
}

void HttpServer::State::accept_from(Door& door) {
  constexpr std::chrono::milliseconds breath(100);
  for (;;) {
    try {
      auto socket = door.listener.accept(stop_signal.descriptor());
      if (!socket) return;
      const bool admitted = connections.admit(
          socket, [this, &door](const Poco::Net::StreamSocket& own, Connections::Place& place) {
            serve(own, place, door);
          });
      if (!admitted) turn_away(*socket);
    } catch (const std::exception& error) {
      // No descriptors are left, most likely; connections that end give some back.
      settings.report("connection not accepted address=" + door.listener.text() +
                      " reason=" + in_quotes(words_of(error)));
      if (stop_signal.given_within(breath)) return;
    }
  }
}

void HttpServer::State::serve(const Poco::Net::StreamSocket& socket, Connections::Place& place,
                              const Door& door) {
  const ConnectionScope scope{.api = api,
                              .head_limits = settings.head_limits,
                              .begin_stream = [&place] { return place.become_stream(); },
                              .report = settings.report,
                              .ending = ending};
  try {
    Connection(Wire(socket, settings.patience), scope, door.guard ? &*door.guard : nullptr).serve();
  } catch (const std::exception& error) {
    settings.report("connection failed reason=" + in_quotes(words_of(error)));
  }
}

HttpServer::HttpServer(runtime::Host& host, HttpSettings settings)
    : state_(std::make_unique<State>(host, std::move(settings))) {}

HttpServer::~HttpServer() { stop(); }

void HttpServer::start() {
  try {
    state_->listen();
  } catch (const ListenError&) {
    state_->doors.clear();
    throw;
  }
  for (Door& door : state_->doors) {
    door.acceptor = std::thread([this, &door] { state_->accept_from(door); });
  }
}

void HttpServer::stop() {
  state_->ending = true;
  state_->stop_signal.give();
  for (Door& door : state_->doors) {
    if (door.acceptor.joinable()) door.acceptor.join();
  }
  state_->connections.stop();
  state_->doors.clear();
}

std::vector<std::string> HttpServer::addresses() const {
  std::vector<std::string> texts;
  for (const Door& door : state_->doors) texts.push_back(door.listener.text());
  return texts;
}

}  // namespace stepd::http
