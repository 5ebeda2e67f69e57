#include "host/http/connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <exception>

#include "host/engine/codec.hpp"
#include "host/http/text.hpp"
#include "storage/store.hpp"

namespace stepd::http {
namespace {

/// The client's end of an event stream.
class WirePort final : public StreamPort {
 public:
  explicit WirePort(Wire& wire) : wire_(wire) {}

  bool send(std::string_view bytes) override { return wire_.send(bytes); }

  Wake wait(int descriptor, std::chrono::milliseconds at_most) override {
    const auto until = std::chrono::steady_clock::now() + at_most;
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (left.count() <= 0) return Wake::time;
      std::array<pollfd, 2> waits{pollfd{descriptor, POLLIN, 0},
                                  pollfd{wire_.descriptor(), POLLIN | POLLRDHUP, 0}};
      const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
      if (ready < 0) continue;  // a signal
      if (waits[1].revents != 0 && client_left()) return Wake::gone;
      if (waits[0].revents != 0) return Wake::signal;
    }
  }

 private:
  /// A client that watches has nothing more to say: whatever it sends is dropped.
  bool client_left() {
    wire_.take(wire_.buffered().size());
    return wire_.receive() != Wire::Arrival::bytes;
  }

  Wire& wire_;
};

Problem broken(const storage::StoreError& error) {
  const bool full = error.kind == storage::StoreError::Kind::full;
  return {.status = full ? 507 : 503,
          .code = full ? "storage_full" : "storage",
          .detail = std::string("the storage cannot be read now: ") + error.what()};
}

Problem unreadable(const engine::UnreadableRecord& error) {
  return {.status = 500,
          .code = "record_unreadable",
          .detail = std::string("the record of this job cannot be read: ") + error.what() +
                    "; run the stepd that wrote it, or put back a backup of the state folder"};
}

std::string failure(const Head& head, const std::exception& error) {
  return "request failed path=" + in_quotes(head.path) + " reason=" + in_quotes(error.what());
}

}  // namespace

void Connection::serve() {
  for (;;) {
    switch (serve_one()) {
      case After::next:
        break;
      case After::close:
        return;
      case After::close_gently:
        wire_.close_gently();
        return;
    }
  }
}

Connection::After Connection::serve_one() {
  Head head;
  try {
    if (!read_head()) return After::close;
    head = parse_head(head_text_, scope_.head_limits);
  } catch (const Refusal& refusal) {
    return send(reply_to(refusal.problem), "", false) ? After::close_gently : After::close;
  }
  Body body(wire_, head);
  try {
    Answer given = answer(head, body);
    if (const auto* events = std::get_if<Stream>(&given)) {
      if (head.method != "HEAD") return stream(*events);
      given = Reply{.content_type = "text/event-stream"};
    }
    body.let_go();
    const bool keeps_alive = head.keeps_alive && body.finished() && !scope_.ending;
    if (!send(std::get<Reply>(given), head.method, keeps_alive)) return After::close;
    if (keeps_alive) return After::next;
    return body.finished() && wire_.buffered().empty() ? After::close : After::close_gently;
  } catch (const ClientGone&) {
    return After::close;
  }
}

bool Connection::read_head() {
  wire_.begin_request();
  std::size_t searched = 0;
  for (;;) {
    while (wire_.buffered().starts_with("\r\n")) {
      wire_.take(2);
      searched = 0;
    }
    const std::string_view text = wire_.buffered();
    const auto end = text.find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
    const std::size_t bytes = end == std::string_view::npos ? text.size() : end + 4;
    if (bytes > scope_.head_limits.bytes_max) {
      refuse(431, "head_too_large",
             "the request head has more than " + std::to_string(scope_.head_limits.bytes_max) +
                 " bytes");
    }
    if (end != std::string_view::npos) {
      head_text_.assign(text.substr(0, bytes));
      wire_.take(bytes);
      return true;
    }
    searched = text.size();
    const Wire::Arrival arrival = wire_.receive();
    if (searched == 0 && !wire_.buffered().empty()) {
      wire_.begin_request();  // until then it was idle, which is no delay
      continue;
    }
    switch (arrival) {
      case Wire::Arrival::bytes:
        break;
      case Wire::Arrival::closed:
        return false;
      case Wire::Arrival::slow:
        if (wire_.buffered().empty()) return false;
        refuse(408, "too_slow", "the request did not arrive in time: send it again");
    }
  }
}

/// Every trouble of a request ends here as a problem document.
Answer Connection::answer(const Head& head, Body& body) {
  try {
    if (guard_ != nullptr) guard_->admit(head);
    return scope_.api.answer(head, body);
  } catch (const Refusal& refusal) {
    Reply reply = reply_to(refusal.problem);
    if (reply.status == 401) reply.fields = "WWW-Authenticate: Bearer\r\n";
    return reply;
  } catch (const storage::StoreError& error) {
    scope_.report(failure(head, error));
    return reply_to(broken(error));
  } catch (const engine::UnreadableRecord& error) {
    scope_.report(failure(head, error));
    return reply_to(unreadable(error));
  } catch (const std::exception& error) {
    scope_.report(failure(head, error));
    return reply_to({.status = 500,
                     .code = "broken",
                     .detail = std::string("this is a fault of stepd's own: ") + error.what()});
  }
}

Connection::After Connection::stream(const Stream& stream) {
  if (!scope_.begin_stream()) {
    const Problem full{.status = 503,
                       .code = "too_many_streams",
                       .detail = "too many event streams are open: close one, or try again later"};
    return send(reply_to(full), "", false) ? After::close_gently : After::close;
  }
  WirePort port(wire_);
  const bool sent = port.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
      "Connection: close\r\n\r\n");
  if (!sent) return After::close;
  try {
    stream(port);
  } catch (const std::exception& error) {
    // The status has been sent long ago; the client sees the end and comes back.
    scope_.report("event stream failed reason=" + in_quotes(error.what()));
  }
  return After::close;
}

bool Connection::send(const Reply& reply, std::string_view method, bool keeps_alive) {
  constexpr std::size_t together_bytes_max = 64 * 1024;
  out_.clear();
  out_ += "HTTP/1.1 ";
  out_ += std::to_string(reply.status);
  out_ += ' ';
  out_ += phrase(reply.status);
  out_ += "\r\nContent-Type: ";
  out_ += reply.content_type;
  out_ += "\r\nContent-Length: ";
  out_ += std::to_string(reply.body.size());
  out_ += "\r\nCache-Control: no-store\r\n";
  out_ += reply.fields;
  out_ += keeps_alive ? "\r\n" : "Connection: close\r\n\r\n";
  if (method == "HEAD") return wire_.send(out_);
  if (reply.body.size() > together_bytes_max) return wire_.send(out_) && wire_.send(reply.body);
  out_ += reply.body;
  return wire_.send(out_);
}

}  // namespace stepd::http
