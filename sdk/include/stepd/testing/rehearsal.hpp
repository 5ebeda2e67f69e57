/// Runs a step with no daemon, no shared object and no disk: with a clock that the test moves, and
/// everything the step asks of its host answered from memory. What can be rehearsed is what can go
/// wrong: retries, a stop, and a crash at every host call in turn.
#pragma once

#include <algorithm>
#include <boost/assert/source_location.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stepd/json_writer.hpp>
#include <stepd/plugin.hpp>
#include <stepd/testing/crash_point.hpp>
#include <stepd/testing/ending.hpp>
#include <stepd/testing/record.hpp>
#include <stepd/testing/rehearsed_call.hpp>
#include <stepd/testing/rehearsed_host.hpp>
#include <stepd/text.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace stepd::testing {

/// A JSON value as it is, a described struct as it would be written.
template <class T>
[[nodiscard]] std::string json_of_argument(const T& value) {
  return detail::json_text_of(value);
}
[[nodiscard]] inline std::string json_of_argument(const boost::json::value& value) {
  return boost::json::serialize(value);
}

class Rehearsal {
 public:
  /// A step type of a plugin described in the test itself, with its defaults and policies.
  Rehearsal(Plugin& plugin, std::string_view type) : Rehearsal(plugin.abi(), type) {
    crash_by_ = CrashBy::unwinding;
  }
  /// A step type of any plugin, in C or loaded from a file: crashes by fencing.
  Rehearsal(const stepd_plugin& plugin, std::string_view type) : Rehearsal(found(plugin, type)) {}
  explicit Rehearsal(const stepd_step& step) : step_(&step) {
    if (step.retry != nullptr) surroundings.attempts_max = step.retry->attempts_max;
  }

  /// A step function or a step class alone.
  template <auto Function>
  [[nodiscard]] static Rehearsal of() {
    return of<detail::FunctionStep<Function>>();
  }
  template <class S, class... Parts>
  [[nodiscard]] static Rehearsal of(Parts... parts) {
    auto plugin = std::make_shared<Plugin>("rehearsal", "0");
    if constexpr (S::is_saga_step) {
      plugin->saga<S>("rehearsed.step", std::move(parts)...);
    } else {
      plugin->step<S>("rehearsed.step", std::move(parts)...);
    }
    Rehearsal rehearsal(*plugin->abi().steps[0]);
    rehearsal.plugin_ = std::move(plugin);
    return rehearsal.crash_by(CrashBy::unwinding);
  }

  /// Who calls, and what the job around the step looks like.
  Surroundings surroundings;
  /// What the host has on disk for the step before the next call; changed by calls.
  Record record;
  /// What the step let the host see since the last run began.
  Observed observed;

  Rehearsal& crash_by(CrashBy how) {
    crash_by_ = how;
    return *this;
  }
  Rehearsal& configuration(std::string key, const boost::json::value& value) {
    surroundings.configuration[std::move(key)] =
        value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
    return *this;
  }
  template <class T>
  Rehearsal& earlier_output(std::string step_id, const T& output) {
    surroundings.earlier_outputs[std::move(step_id)] = json_of_argument(output);
    return *this;
  }
  /// An event with this key is sent before the step waits for it.
  template <class T>
  Rehearsal& event(std::string key, const T& data) {
    record.events.push_back({std::move(key), json_of_argument(data)});
    return *this;
  }
  /// How the jobs that the step starts end; without it, each that settles is a test's own doing. It
  /// is asked once for each, with the job as it was given to spawn.
  Rehearsal& children(std::function<StartedJob(const StartedJob&)> end) {
    end_child_ = std::move(end);
    return *this;
  }
  /// How the undos of those jobs end that a compensation asks for; without it, "compensated".
  Rehearsal& undos(std::function<std::string(const StartedJob&)> end) {
    end_undo_ = std::move(end);
    return *this;
  }
  /// Called before every run of survives_every_crash: put the outside world back as it was.
  Rehearsal& before_each_run(std::function<void()> reset) {
    before_each_run_ = std::move(reset);
    return *this;
  }

  /// One call. What it saves stays in `record`, for the next one.
  template <class Arguments>
  Ending execute(const Arguments& arguments) {
    return call(Phase::execute, json_of_argument(arguments));
  }
  template <class Arguments>
  Ending compensate(const Arguments& arguments) {
    return call(Phase::compensate, json_of_argument(arguments));
  }
  template <class Arguments>
  Ending probe(const Arguments& arguments) {
    return call(Phase::probe, json_of_argument(arguments));
  }

  /// Calls until the step is through with it, as a host would: it retries, waits out suspensions on
  /// its own clock, and asks the probe when the effect is in doubt. `crash` kills one of the calls.
  template <class Arguments>
  Ending run(const Arguments& arguments, std::optional<CrashPoint> crash = std::nullopt) {
    return run_phase(Phase::execute, json_of_argument(arguments), crash);
  }
  template <class Arguments>
  Ending undo(const Arguments& arguments, std::optional<CrashPoint> crash = std::nullopt) {
    return run_phase(Phase::compensate, json_of_argument(arguments), crash);
  }

  /// Runs the step once undisturbed, then again with a crash before and after every host call in
  /// turn, each from the start, and demands the same answer every time. `check` looks at the
  /// outside world after each run. Throws NotCrashSafe.
  template <class Arguments, class Check>
  void survives_every_crash(const Arguments& arguments, Check check,
                            boost::source_location here = BOOST_CURRENT_LOCATION) {
    const auto text = json_of_argument(arguments);
    const auto start = begin(record);
    const auto undisturbed = run_phase(Phase::execute, text, {});
    look(check, undisturbed);
    const auto host_calls = observed.host_calls;
    each_crash(host_calls, [&](const CrashPoint& crash, const std::string& host_call) {
      begin(start);
      const auto ending = run_phase(Phase::execute, text, crash);
      judge({crash, host_call, "run", undisturbed, ending, here});
      look(check, ending);
    });
    record = start;
  }

  /// The same for undoing, in both ways it comes about: the step succeeded and its compensation
  /// crashes at every host call in turn; and the step itself crashed at every host call in turn and
  /// is undone with its output unknown. Every time the compensation has to succeed.
  template <class Arguments, class Check>
  void undo_survives_every_crash(const Arguments& arguments, Check check,
                                 boost::source_location here = BOOST_CURRENT_LOCATION) {
    const auto text = json_of_argument(arguments);
    const auto start = begin(record);
    static_cast<void>(run_phase(Phase::execute, text, {}));
    const auto execute_calls = observed.host_calls;
    observed = {};
    const auto undisturbed = run_phase(Phase::compensate, text, {});
    judge({{}, "", "undo", Ending{.outcome = Outcome::succeeded}, undisturbed, here});
    look(check, undisturbed);
    const auto compensate_calls = observed.host_calls;
    each_crash(compensate_calls, [&](const CrashPoint& crash, const std::string& host_call) {
      begin(start);
      static_cast<void>(run_phase(Phase::execute, text, {}));
      observed = {};
      const auto ending = run_phase(Phase::compensate, text, crash);
      judge({crash, host_call, "undo", undisturbed, ending, here});
      look(check, ending);
    });
    each_crash(execute_calls, [&](const CrashPoint& crash, const std::string& host_call) {
      begin(start);
      const auto ending = undo_of_crashed(text, crash);
      judge({crash, host_call, "undo_of_crashed", undisturbed, ending, here});
      look(check, ending);
    });
    record = start;
  }

  /// Kills execute at the crash point and undoes it, without another execute in between.
  template <class Arguments>
  Ending undo_of_crashed(const Arguments& arguments, const CrashPoint& crash) {
    return undo_of_crashed(json_of_argument(arguments), crash);
  }

 private:
  struct Trial {
    CrashPoint crash;
    std::string host_call;
    std::string verb;
    Ending expected;
    Ending ending;
    boost::source_location where;
  };

  static constexpr int calls_max = 1000;

  [[nodiscard]] static const stepd_step& found(const stepd_plugin& plugin, std::string_view type) {
    for (std::uint32_t index = 0; index < plugin.step_count; ++index) {
      if (text_of(plugin.steps[index]->type) == type) return *plugin.steps[index];
    }
    throw std::invalid_argument("plugin " + std::string(text_of(plugin.id)) +
                                " offers no step type " + std::string(type));
  }

  Record begin(const Record& start) {
    if (before_each_run_) before_each_run_();
    record = start;
    observed = {};
    return start;
  }

  Ending call(Phase phase, const std::string& arguments, std::optional<CrashPoint> crash = {}) {
    auto* const callback = phase == Phase::execute ? step_->execute
                           : phase == Phase::probe ? step_->probe
                                                   : step_->compensate;
    if (callback == nullptr) {
      throw std::logic_error(std::string(text_of(step_->type)) + " has no callback for this phase");
    }
    RehearsedCall one(RehearsedHost::table(),
                      {*step_, surroundings, record, observed, crash, crash_by_}, phase, arguments);
    auto ending = one.run(callback);
    note(phase, ending);
    return ending;
  }

  /// Keeps what a host would: how far the count is, and whether the effect is in doubt.
  void note(Phase phase, const Ending& ending) {
    ++record.calls;
    if (ending.outcome != Outcome::suspended) ++record.of(phase).attempts;
    if (ending.outcome == Outcome::killed) {
      record.outcome_unknown = true;
    } else if (phase != Phase::probe) {
      record.outcome_unknown = ending.outcome == Outcome::effect_unknown;
    }
    if (phase != Phase::execute) return;
    if (ending.output) record.output = ending.output;
    record.resuming = ending.outcome == Outcome::suspended;
    if (ending.outcome == Outcome::succeeded) {
      record.effect_possible = false;
    } else if (ending.outcome != Outcome::refused) {
      record.effect_possible = true;
    }
  }

  [[nodiscard]] static bool settles(const Ending& ending) {
    switch (ending.outcome) {
      case Outcome::retry:
      case Outcome::suspended:
      case Outcome::effect_unknown:
      case Outcome::killed:
        return false;
      default:
        return true;
    }
  }

  /// A crash is one attempt more than the policy was made for.
  [[nodiscard]] bool used_up(Phase phase, bool crashed) const {
    const auto most = phase == Phase::execute ? surroundings.attempts_max : 0;
    return most != 0 && record.of(phase).attempts >= most + (crashed ? 1 : 0);
  }

  Ending run_phase(Phase phase, const std::string& arguments, std::optional<CrashPoint> crash) {
    for (int calls = 0; calls < calls_max; ++calls) {
      if (is_in_doubt(phase) && step_->probe != nullptr) {
        const auto known = call(Phase::probe, arguments, crash);
        if (const auto answer = after_probe(phase, known)) return *answer;
        if (is_in_doubt(phase)) continue;
      }
      if (must_not_run_again(phase)) {
        return Ending{.outcome = Outcome::effect_unknown,
                      .code = "parked_in_doubt",
                      .message = "it is not repeatable and offers no probe"};
      }
      const auto ending = call(phase, arguments, crash);
      if (settles(ending)) return ending;
      const bool waits = ending.outcome == Outcome::suspended;
      if (!waits && used_up(phase, crash.has_value())) return ending;
      if (waits) end_wait(phase, ending);
      if (waits) end_children(ending);
      record.now = next_call(ending);
    }
    throw std::logic_error(std::string(text_of(step_->type)) + " has not settled after " +
                           std::to_string(calls_max) + " calls");
  }

  /// A step that goes on where it suspended is not asked what became of it.
  [[nodiscard]] bool is_in_doubt(Phase phase) const {
    return record.outcome_unknown ||
           (record.effect_possible && !(record.resuming && phase == Phase::execute));
  }

  [[nodiscard]] bool must_not_run_again(Phase phase) const {
    return phase == Phase::execute && is_in_doubt(phase) && step_->not_repeatable != 0 &&
           step_->probe == nullptr;
  }

  /// An answer when the probe makes another call of the phase needless.
  std::optional<Ending> after_probe(Phase phase, const Ending& known) {
    record.now += std::chrono::seconds(1);
    if (known.outcome == Outcome::succeeded) {
      record.outcome_unknown = record.effect_possible = false;
      record.output = known.output;
      if (phase == Phase::execute) return known;
    }
    if (known.outcome == Outcome::no_effect) {
      record.outcome_unknown = record.effect_possible = false;
      if (phase == Phase::compensate) return Ending{.outcome = Outcome::succeeded};
    }
    return std::nullopt;
  }

  /// One after the other, as far as the step wants to hear of it.
  void end_children(const Ending& ending) {
    if (!ending.waits_for_children) return;
    for (StartedJob& job : record.children) {
      if (job.undo == "asked") job.undo = end_undo_ ? end_undo_(job) : "compensated";
    }
    std::uint32_t settled = 0;
    for (const StartedJob& job : record.children) settled = std::max(settled, job.number);
    for (StartedJob& job : record.children) {
      if (settled > *ending.waits_for_children) return;
      if (job.number != 0) continue;
      if (!end_child_) {
        throw std::logic_error(std::string(text_of(step_->type)) + " waits for the job " + job.key +
                               " that it started, and the test does not say how it ends: add "
                               "rehearsal.children(...)");
      }
      StartedJob ended = end_child_(job);
      ended.key = job.key;
      ended.job = job.job;
      ended.number = ++settled;
      job = std::move(ended);
    }
  }

  /// With the event that was sent for it, or when its time is up.
  void end_wait(Phase phase, const Ending& ending) {
    if (ending.waits_for.empty()) return;
    auto& ended = record.of(phase).ended_waits;
    const auto sent =
        std::find_if(record.events.begin(), record.events.end(),
                     [&](const KeptEvent& event) { return event.key == ending.waits_for; });
    if (ending.takes_event && sent != record.events.end()) {
      const std::string number = std::to_string(ended.size() + 1);
      ended.push_back({ending.waits_for, R"({"id":"event-)" + number + R"(","key":)" +
                                             json_of_argument(ending.waits_for) + R"(,"data":)" +
                                             sent->data + R"(,"at_unix_ms":)" +
                                             std::to_string(record.now.time_since_epoch().count()) +
                                             "}"});
      record.events.erase(sent);
    } else if (ending.suspended_until) {
      ended.push_back({ending.waits_for, std::nullopt});
    } else if (ending.takes_event) {
      throw std::logic_error(std::string(text_of(step_->type)) + " waits for event \"" +
                             ending.waits_for + "\" without a time-out, and none is sent: add " +
                             "rehearsal.event(\"" + ending.waits_for + "\", data)");
    }
  }

  [[nodiscard]] Time next_call(const Ending& ending) const {
    const auto soonest = record.now + std::chrono::seconds(1);
    const auto due = record.now + ending.retry_after.value_or(std::chrono::milliseconds(0));
    return std::max({soonest, due, ending.suspended_until.value_or(soonest)});
  }

  Ending undo_of_crashed(const std::string& arguments, const CrashPoint& crash) {
    for (int calls = 0; calls < calls_max; ++calls) {
      const auto ending = call(Phase::execute, arguments, crash);
      if (ending.outcome == Outcome::killed) break;
      if (settles(ending)) return ending;  // judged: the crash point was not reached
      record.now = next_call(ending);
    }
    return run_phase(Phase::compensate, arguments, {});
  }

  template <class Body>
  void each_crash(const std::vector<std::string>& host_calls, Body body) {
    for (std::size_t index = 0; index < host_calls.size(); ++index) {
      body(CrashPoint{index + 1, When::before}, host_calls[index]);
      body(CrashPoint{index + 1, When::after}, host_calls[index]);
    }
  }

  template <class Check>
  static void look(Check& check, const Ending& ending) {
    if constexpr (std::invocable<Check&, const Ending&>) {
      check(ending);
    } else {
      check();
    }
  }

  void judge(const Trial& trial) const {
    if (observed.went_on_when_dead) {
      throw NotCrashSafe(heading(trial) +
                         "\n  the step went on after that: something in it catches every exception"
                         " and does not throw it on (see: catch (...))");
    }
    if (trial.ending.answers_as(trial.expected)) return;
    throw NotCrashSafe(heading(trial) + "\n  the answer was:   " + trial.ending.sentence() +
                       "\n  without a crash:  " + trial.expected.sentence());
  }

  [[nodiscard]] std::string heading(const Trial& trial) const {
    std::string text = std::string(trial.where.file_name()) + ":" +
                       std::to_string(trial.where.line()) + ": " +
                       std::string(text_of(step_->type));
    if (trial.crash.host_call == 0) return text + ", " + trial.verb + " without a crash:";
    return text + ", killed " + (trial.crash.when == When::before ? "before" : "after") +
           " host call " + std::to_string(trial.crash.host_call) + " (" + trial.host_call +
           "); to see it again: rehearsal." + trial.verb + "(arguments, " + trial.crash.replay() +
           ")";
  }

  const stepd_step* step_;
  // Of this rehearsal and its copies; the step points into it.
  std::shared_ptr<Plugin> plugin_;
  std::function<void()> before_each_run_;
  std::function<StartedJob(const StartedJob&)> end_child_;
  std::function<std::string(const StartedJob&)> end_undo_;
  CrashBy crash_by_ = CrashBy::fencing;
};

}  // namespace stepd::testing
