#include "host/workshop/conduct.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <mutex>
#include <thread>

#include "host/engine/schema.hpp"
#include "host/workshop/report.hpp"

namespace stepd::workshop {

namespace json = boost::json;
using engine::OutcomeKind;
using engine::Phase;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds until_stop{100};
constexpr std::size_t calls_at_once = 8;

/// Where an output is not what the type says of it.
std::optional<Finding> misfit(const engine::StepType& type, const engine::Outcome& outcome) {
  if (outcome.kind != OutcomeKind::succeeded || type.output_schema.empty()) return std::nullopt;
  json::value output = outcome.output.empty() ? json::value() : json::parse(outcome.output.view());
  const auto verdict = engine::check_and_complete(output, type.output_schema.value(), {});
  if (verdict.problems.empty()) return std::nullopt;
  const auto& problem = verdict.problems.front();
  return failed("its output does not fit its own schema: " +
                (problem.pointer.empty() ? "" : problem.pointer + ": ") + problem.message);
}

Finding check_valid(Trial& trial, Chance&) {
  const CallEnd& end = trial.plain();
  if (auto fault = fault_of(end)) return *std::move(fault);
  if (auto fault = misfit(trial.type(), *end.outcome())) return *std::move(fault);
  const std::string words = words_of(*end.outcome());
  if (end.was_stopped) {
    return passed("had not ended after " + span_text(Trial::call_max) +
                  " and was asked to stop: " + words);
  }
  if (end.outcome()->kind == OutcomeKind::succeeded) {
    return passed("succeeded in " + span_text(end.took));
  }
  return passed(words);
}

/// Calls with each of these; what they answer is their own affair, as long as they answer.
Finding bear_all(Trial& trial, const std::vector<OddArguments>& all, bool must_be_kept) {
  auto process = trial.start();
  std::string told;
  for (const OddArguments& odd : all) {
    const auto job = trial.job_with(odd.bytes);
    const CallEnd end = Trial::call(*process, *job, Phase::execute);
    const auto* outcome = end.outcome();
    const bool is_bad_answer = outcome && outcome->kind == OutcomeKind::bad_answer;
    if (auto fault = fault_of(end); fault && (must_be_kept || !is_bad_answer)) {
      fault->says = "with " + odd.what + ": " + fault->says;
      return *std::move(fault);
    }
    std::string words = words_of(*outcome);
    constexpr std::size_t words_max = 120;
    if (words.size() > words_max) words = words.substr(0, words.find(':'));
    told += (told.empty() ? "" : "; ") + odd.what + ": " + words;
    trial.undo(process, *job);
  }
  return passed(told);
}

Finding check_wrong(Trial& trial, Chance& chance) {
  const auto all = wrong_arguments(trial.type(), trial.example(), chance);
  if (all.empty()) return skipped("its schema takes whatever there is");
  return bear_all(trial, all, true);
}

Finding check_empty(Trial& trial, Chance&) {
  return bear_all(trial, empty_arguments(trial.example()), true);
}

Finding check_huge(Trial& trial, Chance&) {
  const auto all = huge_arguments(trial.type(), trial.example());
  if (all.empty()) return skipped("its arguments have no text and no list that may be huge");
  return bear_all(trial, all, true);
}

/// No host hands over what is no UTF-8, so an answer that cannot be kept is nobody's fault.
Finding check_non_utf8(Trial& trial, Chance& chance) {
  return bear_all(trial, broken_arguments(trial.example(), chance), false);
}

Finding check_cancel(Trial& trial, Chance&) {
  auto process = trial.start();
  const auto job = trial.job();
  const CallEnd end = process->call(*job, {.phase = Phase::execute, .limit = until_stop}, {});
  if (!end.was_stopped) {
    if (auto fault = fault_of(end)) return *std::move(fault);
    trial.undo(process, *job);
    return skipped("ended in " + span_text(end.took) + ", before it could be asked to stop");
  }
  if (end.death() && end.death()->by_host == contained::Death::ByHost::overran) {
    return failed("went on for " + span_text(end.took - until_stop) +
                  " after it was asked to stop, and was killed; ask context.stop_requested() in a "
                  "loop, and wait with context.sleep() or poll context.stop_fd()");
  }
  if (auto fault = fault_of(end)) return *std::move(fault);
  const std::string words = words_of(*end.outcome());
  trial.undo(process, *job);
  return passed("asked to stop, ended within " + span_text(end.took - until_stop) + ": " + words);
}

/// The longest silence of a call, by its signs of life.
class Silence final {
 public:
  void broken() {
    const std::scoped_lock lock(mutex_);
    const auto now = steady_clock::now();
    longest_ = std::max(longest_, now - last_);
    last_ = now;
  }
  [[nodiscard]] engine::Duration longest() {
    broken();
    const std::scoped_lock lock(mutex_);
    return std::chrono::floor<engine::Duration>(longest_);
  }

 private:
  std::mutex mutex_;
  steady_clock::time_point last_ = steady_clock::now();
  steady_clock::duration longest_{};
};

Finding check_heartbeat(Trial& trial, Chance&) {
  const engine::Duration heartbeat = trial.type().heartbeat;
  if (heartbeat == engine::Duration::zero()) return skipped("declares no heartbeat");
  constexpr engine::Duration limit_max = std::chrono::minutes(2);
  const auto limit = std::min(3 * heartbeat + engine::Duration(Trial::call_max), limit_max);
  auto process = trial.start();
  const auto job = trial.job();
  Silence silence;
  const Listener listener{.sign_of_life = [&silence] { silence.broken(); }};
  const CallEnd end = process->call(
      *job, {.phase = Phase::execute, .limit = std::chrono::ceil<milliseconds>(limit)}, listener);
  const engine::Duration longest = silence.longest();
  if (auto fault = fault_of(end)) return *std::move(fault);
  trial.undo(process, *job);
  if (end.took < heartbeat) {
    return skipped("ended in " + span_text(end.took) + "; its heartbeat is " +
                   span_text(heartbeat));
  }
  if (longest > heartbeat) {
    return failed("was silent for " + span_text(longest) + " and declares a heartbeat of " +
                  span_text(heartbeat) +
                  ": a host would have stopped it; call context.heartbeat() more often, or declare "
                  "a longer one");
  }
  return passed("was never silent for longer than " + span_text(longest) + "; its heartbeat is " +
                span_text(heartbeat));
}

Finding check_eight_at_once(Trial& trial, Chance&) {
  if (auto why = trial.why_not_plain()) return *std::move(why);
  auto process = trial.start();
  std::vector<std::unique_ptr<TrialJob>> jobs;
  std::vector<CallEnd> ends(calls_at_once, CallEnd{.how = contained::Death{}});
  while (jobs.size() < calls_at_once) jobs.push_back(trial.job());
  {
    std::vector<std::jthread> threads;
    for (std::size_t at = 0; at < calls_at_once; ++at) {
      threads.emplace_back(
          [&, at] { ends[at] = Trial::settle(*process, *jobs[at], Phase::execute); });
    }
  }
  std::optional<Finding> finding;
  for (const CallEnd& end : ends) {
    if (finding) break;
    finding = fault_of(end);
    if (!finding && end.outcome()->kind == OutcomeKind::failed) {
      finding = failed("alone it " + words_of(*trial.plain().outcome()) + "; as one of eight it " +
                       words_of(*end.outcome()));
    }
  }
  if (finding) {
    finding->says = "eight calls at once: " + finding->says;
    process = trial.start();
  }
  for (const auto& job : jobs) trial.undo(process, *job);
  return finding ? *std::move(finding) : passed("eight calls at once end as one does");
}

Finding check_oldest_host(Trial& trial, Chance&) {
  if (auto why = trial.why_not_plain()) return *std::move(why);
  auto process = trial.start({.oldest_table = true});
  const auto job = trial.job();
  const CallEnd end = Trial::settle(*process, *job, Phase::execute);
  auto fault = fault_of(end);
  if (end.death()) process = trial.start();
  trial.undo(process, *job);
  if (fault) {
    fault->says =
        "with the host functions of ABI 1.0 and nothing behind them: " + fault->says +
        "; ask STEPD_HAS_FUNCTION before a newer one is called, or declare the ABI it needs";
    return *std::move(fault);
  }
  const auto& plain = *trial.plain().outcome();
  if (end.outcome()->kind == plain.kind) return passed("needs nothing beyond ABI 1.0");
  return failed("with the host functions of ABI 1.0 it " + words_of(*end.outcome()) +
                "; with this host's it " + words_of(plain));
}

}  // namespace

std::span<const ConductCheck> conduct_checks() {
  static constexpr std::array checks{
      ConductCheck{"valid", check_valid},
      ConductCheck{"wrong", check_wrong},
      ConductCheck{"empty", check_empty},
      ConductCheck{"huge", check_huge},
      ConductCheck{"non_utf8", check_non_utf8},
      ConductCheck{"cancel", check_cancel},
      ConductCheck{"heartbeat", check_heartbeat},
      ConductCheck{"eight_at_once", check_eight_at_once},
      ConductCheck{"crash", check_crashes},
      ConductCheck{"compensate_twice", check_compensate_twice},
      ConductCheck{"compensate_without_execute", check_compensate_without_execute},
      ConductCheck{"oldest_host", check_oldest_host}};
  return checks;
}

}  // namespace stepd::workshop
