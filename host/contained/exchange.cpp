#include "host/contained/exchange.hpp"

#include <chrono>
#include <exception>
#include <utility>
#include <variant>
#include <vector>

#include "host/contained/outcome_check.hpp"
#include "host/plugin/call_limits.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::contained {
namespace {

/// What a call has had checked, and may start with its end.
using Checked = std::variant<std::shared_ptr<const engine::JobDefinition>,
                             std::shared_ptr<const engine::DerivedJob>>;

/// A name that is given once more is checked once more, and so many are enough.
constexpr std::size_t checks_max = 4 * plugin::call_limits::spawns_max;

/// One call, as its process speaks of it.
class Conversation final {
 public:
  Conversation(LiveProcess::Seat& seat, const engine::CallRequest& request,
               plugin::CallPorts& ports, const engine::Limits& limits)
      : seat_(seat), line_(seat.line()), request_(request), ports_(ports), limits_(limits) {}

  /// Nothing: nobody speaks any more.
  [[nodiscard]] std::optional<engine::Outcome> listen() {
    while (true) {
      auto received = line_.receive_soon(request_.quick ? awake_for_quick_calls
                                                        : std::chrono::microseconds::zero());
      const auto* message = std::get_if<PacketLine::Message>(&received);
      if (message == nullptr) return std::nullopt;
      FromCall said = from_call(message->bytes);
      if (auto* ended = std::get_if<Ended>(&said)) return outcome_of(std::move(*ended));
      if (!std::visit([this](auto& one) { return hear(one); }, said)) return std::nullopt;
    }
  }

 private:
  [[nodiscard]] engine::Outcome outcome_of(Ended ended) const {
    if (ended.serial != seat_.serial()) throw BadMessage("the outcome of another call");
    auto& spawns = ended.outcome.spawns;
    if (spawns.size() != ended.kept.size()) throw BadMessage("an outcome with too few jobs");
    for (std::size_t at = 0; at < spawns.size(); ++at) {
      const std::uint32_t place = ended.kept[at];
      if (place >= checked_.size()) throw BadMessage("an outcome with a job nobody has checked");
      if (const auto* job = std::get_if<0>(&checked_[place])) spawns[at].definition = *job;
      if (const auto* undo = std::get_if<1>(&checked_[place])) spawns[at].undo = *undo;
    }
    require_possible(ended.outcome, request_.phase, limits_);
    return std::move(ended.outcome);
  }

  /// Asks the host and says what it answers. False: nobody hears it.
  template <class Question>
  bool answer(Question question) {
    ToCall reply;
    try {
      reply = question();
    } catch (const BadMessage&) {
      throw;
    } catch (const std::exception& error) {
      reply = Trouble{error.what()};
    }
    return line_.send(encode(reply));
  }

  template <class Value>
  Kept keep(Value value) {
    if (checked_.size() == checks_max) throw BadMessage("too many jobs to check");
    checked_.emplace_back(std::move(value));
    return {static_cast<std::uint32_t>(checked_.size() - 1)};
  }

  static Children at_most_one(std::optional<plugin::ChildNow> child) {
    Children children;
    if (child) children.children.push_back(*std::move(child));
    return children;
  }

  [[noreturn]] bool hear(Ended&) { throw BadMessage("ended twice"); }
  bool hear(Save& wish) {
    require_possible(wish);
    return answer(
        [&] { return Saved{ports_.save(wish.kind, std::move(wish.key), std::move(wish.bytes))}; });
  }
  bool hear(Send& wish) {
    require_possible(wish, limits_);
    return answer([&] {
      return Sent{ports_.send(
          {.id = std::move(wish.id), .key = std::move(wish.key), .data = std::move(wish.data)})};
    });
  }
  bool hear(CheckJob& wish) {
    return answer([&]() -> ToCall {
      auto checked = ports_.check_job(wish.json);
      if (auto* why = std::get_if<std::string>(&checked)) return Objection{std::move(*why)};
      return keep(std::get<0>(std::move(checked)));
    });
  }
  bool hear(CheckUndo& wish) {
    return answer([&]() -> ToCall {
      auto checked = ports_.check_undo(wish.key);
      if (auto* why = std::get_if<std::string>(&checked)) return Objection{std::move(*why)};
      if (std::holds_alternative<plugin::NothingToUndo>(checked)) return NothingThere{};
      if (std::holds_alternative<plugin::UndoneAlready>(checked)) return DoneAlready{};
      return keep(std::get<0>(std::move(checked)));
    });
  }
  bool hear(TellChild& wish) {
    return answer([&] { return at_most_one(ports_.child(wish.key)); });
  }
  bool hear(TellUndo& wish) {
    return answer([&] { return at_most_one(ports_.child_undo(wish.key)); });
  }
  bool hear(TellSettled& wish) {
    return answer([&] {
      const auto limit =
          std::min<std::uint64_t>(wish.limit, plugin::call_limits::children_told_max);
      return Children{ports_.settled_children(wish.after, static_cast<std::size_t>(limit))};
    });
  }
  bool hear(TellRecords&) {
    return answer([&] { return Records{ports_.blobs()}; });
  }

  bool hear(TellTime&) {
    return answer([&] {
      const engine::Now now = ports_.now();
      return TimeNow{now.wall, now.steady.time_since_epoch()};
    });
  }

  bool hear(Alive&) {
    ports_.heartbeat();
    return true;
  }
  bool hear(Progress& said) {
    ports_.progress(std::min(said.permille, 1000U),
                    plugin::readable(said.note, plugin::call_limits::note_bytes_max));
    return true;
  }
  bool hear(LogLine& said) {
    require_possible(said);
    ports_.log(said.level, plugin::readable(said.message, plugin::call_limits::log_bytes_max),
               said.fields_json);
    return true;
  }

  LiveProcess::Seat& seat_;
  PacketLine& line_;
  const engine::CallRequest& request_;
  plugin::CallPorts& ports_;
  const engine::Limits& limits_;
  std::vector<Checked> checked_;
};

}  // namespace

std::variant<engine::Outcome, Unheard> exchange(LiveProcess::Seat& seat,
                                                const engine::CallRequest& request,
                                                plugin::CallPorts& ports, std::stop_token stop,
                                                const engine::Limits& limits) {
  try {
    const RunCall call{seat.serial(), ports.now().wall, request};
    ports.begins([&seat] { return seat.cpu_clock(); });
    if (!seat.line().send(encode(ToCall(call)))) return Unheard::not_sent;
    const std::stop_callback pass_on(std::move(stop), [&seat] { seat.ask_to_stop(); });
    if (auto outcome = Conversation(seat, request, ports, limits).listen()) {
      return *std::move(outcome);
    }
  } catch (const BadMessage&) {
    seat.process().kill(Death::ByHost::nonsense);
  } catch (const std::exception&) {
    seat.process().kill(Death::ByHost::trouble);
  }
  return Unheard::ended;
}

}  // namespace stepd::contained
