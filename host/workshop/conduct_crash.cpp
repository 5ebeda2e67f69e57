#include <signal.h>
#include <sys/wait.h>

#include "host/workshop/conduct.hpp"

namespace stepd::workshop {

using engine::OutcomeKind;
using engine::Phase;

namespace {

/// Every point up to here, and as many at random behind it.
constexpr std::uint32_t first_points = 12;
constexpr std::uint32_t chance_points = 4;
constexpr std::uint32_t last_point = 200;

bool died_as_planned(const contained::Death& death) {
  return death.by_host == contained::Death::ByHost::no && WIFSIGNALED(death.status) &&
         WTERMSIG(death.status) == SIGKILL && !death.told;
}

std::string words_of_point(const HostTricks::Crash& point) {
  return "after a crash " + std::string(point.after ? "right after" : "right before") +
         " host function " + std::to_string(point.at) + " of a call";
}

/// A step that dies at one host function, and what is found by those who come after.
class CrashedStep final {
 public:
  CrashedStep(Trial& trial, std::unique_ptr<TrialProcess>& after)
      : trial_(trial), after_(after), job_(trial.job()) {}

  /// False: the call ended before it came to the point.
  [[nodiscard]] bool crashes_at(const HostTricks::Crash& point) {
    auto process = trial_.start({.crash = point});
    first_ = Trial::call(*process, *job_, Phase::execute);
    return first_.death() != nullptr;
  }
  /// Nothing: it goes on as if nothing had been, and can be undone.
  [[nodiscard]] std::optional<Finding> fault() {
    if (!died_as_planned(*first_.death())) return fault_of(first_);
    if (auto fault = fault_of_going_on()) return fault;
    if (!trial_.is_saga()) return std::nullopt;
    const CallEnd undone = Trial::settle(*after_, *job_, Phase::compensate);
    if (auto fault = fault_of(undone)) return fault;
    const auto kind = undone.outcome()->kind;
    if (kind != OutcomeKind::failed && kind != OutcomeKind::refused) return std::nullopt;
    return failed("its compensation " + words_of(*undone.outcome()));
  }
  void undo() { trial_.undo(after_, *job_); }

 private:
  [[nodiscard]] std::optional<Finding> fault_of_going_on() {
    if (trial_.type().offers_probe) {
      const CallEnd probed = Trial::settle(*after_, *job_, Phase::probe);
      if (auto fault = fault_of(probed)) return fault;
      const auto kind = probed.outcome()->kind;
      if (kind == OutcomeKind::succeeded) return std::nullopt;
      const bool is_known = kind == OutcomeKind::no_effect;
      if (trial_.type().not_repeatable && !is_known) return std::nullopt;  // it parks
    }
    const CallEnd again = Trial::settle(*after_, *job_, Phase::execute);
    if (auto fault = fault_of(again)) return fault;
    const auto kind = again.outcome()->kind;
    const bool goes_on = kind == OutcomeKind::succeeded || kind == OutcomeKind::suspended;
    if (goes_on) return std::nullopt;
    return failed(words_of(*again.outcome()) +
                  ", though without the crash it does not; a call under the same idempotency key "
                  "must come to the same");
  }

  Trial& trial_;
  std::unique_ptr<TrialProcess>& after_;
  std::unique_ptr<TrialJob> job_;
  CallEnd first_{.how = contained::Death{}};
};

/// Nothing: the point bears a crash. `beyond` says that the call ended before.
struct PointFinding {
  std::optional<Finding> fault;
  bool beyond = false;
};
PointFinding try_point(Trial& trial, std::unique_ptr<TrialProcess>& after,
                       const HostTricks::Crash& point) {
  CrashedStep step(trial, after);
  if (!step.crashes_at(point)) {
    step.undo();
    return {.fault = std::nullopt, .beyond = true};
  }
  auto fault = step.fault();
  if (!fault) return {};
  fault->says = words_of_point(point) + " it " + fault->says;
  return {.fault = std::move(fault)};
}

}  // namespace

Finding check_crashes(Trial& trial, Chance& chance) {
  if (trial.type().not_repeatable && !trial.type().offers_probe) {
    return skipped("is declared not repeatable and has no probe: after a crash it parks");
  }
  if (auto why = trial.why_not_plain()) return *std::move(why);
  auto after = trial.start();
  std::uint32_t points = 0;
  for (std::uint32_t at = 1; at <= first_points + chance_points; ++at) {
    const auto place =
        at <= first_points
            ? at
            : first_points + 1 + static_cast<std::uint32_t>(chance() % (last_point - first_points));
    for (const bool is_after : {false, true}) {
      auto found = try_point(trial, after, {.at = place, .after = is_after});
      if (found.fault) return *std::move(found.fault);
      if (found.beyond && at <= first_points) {
        return passed("bears a crash before and after each of its " + std::to_string(points / 2) +
                      " host functions");
      }
      points += found.beyond ? 0 : 1;
    }
  }
  return passed("bears a crash before and after each of its first " + std::to_string(first_points) +
                " host functions and at some of the others");
}

Finding check_compensate_twice(Trial& trial, Chance&) {
  if (!trial.is_saga()) return skipped("is a plain step: it has no compensation");
  if (auto why = trial.why_not_plain()) return *std::move(why);
  auto process = trial.start();
  const auto job = trial.job();
  const CallEnd executed = Trial::settle(*process, *job, Phase::execute);
  if (auto fault = fault_of(executed)) return *std::move(fault);
  for (const char* which :
       {"its compensation", "its compensation, called once more under its key,"}) {
    const CallEnd undone = Trial::settle(*process, *job, Phase::compensate);
    if (auto fault = fault_of(undone)) {
      fault->says = std::string(which) + ": " + fault->says;
      return *std::move(fault);
    }
    const auto kind = undone.outcome()->kind;
    const std::string words = std::string(which) + " " + words_of(*undone.outcome());
    if (kind == OutcomeKind::suspended || kind == OutcomeKind::retry) return skipped(words);
    if (kind != OutcomeKind::succeeded) {
      return failed(words + "; what is undone already is undone, and that is a success");
    }
  }
  return passed("undoing it a second time changes nothing");
}

Finding check_compensate_without_execute(Trial& trial, Chance&) {
  if (!trial.is_saga()) return skipped("is a plain step: it has no compensation");
  auto process = trial.start();
  const auto job = trial.job();
  const CallEnd undone = Trial::settle(*process, *job, Phase::compensate);
  if (auto fault = fault_of(undone)) return *std::move(fault);
  const auto kind = undone.outcome()->kind;
  const std::string words = words_of(*undone.outcome());
  if (kind == OutcomeKind::succeeded) return passed("undoing what never happened succeeds");
  // Where execute itself cannot do without what is missing, nobody knows what undoing would come
  // to.
  const auto* plain = trial.plain().outcome();
  const std::string& code = undone.outcome()->error.code;
  if (plain && !code.empty() && plain->error.code == code) return skipped(words);
  if (kind == OutcomeKind::suspended || kind == OutcomeKind::retry) return skipped(words);
  return failed(words +
                ", where its execute never took effect; undoing nothing is a success: a host "
                "calls it so after a crash");
}

}  // namespace stepd::workshop
