#include "host/workshop/step_run.hpp"

#include <signal.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <thread>

#include "host/engine/names.hpp"
#include "host/workshop/debugger.hpp"
#include "host/workshop/host_tricks.hpp"
#include "host/workshop/module_steps.hpp"
#include "host/workshop/trial_process.hpp"
#include "host/workshop/workshop_main.hpp"

namespace stepd::workshop {

namespace json = boost::json;
using engine::OutcomeKind;
using engine::Phase;

namespace {

constexpr std::chrono::milliseconds quiesce_budget = std::chrono::seconds(5);
/// Under a debugger nothing is too slow.
constexpr std::chrono::milliseconds no_end = std::chrono::hours(24 * 365);

/// A signal to this process asks the call to stop; the second one kills it. Made before any other
/// thread, which then leave the signals alone.
class Interruption final {
 public:
  Interruption() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~Interruption() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// While what is returned is there; `again` is called on each signal after the first.
  [[nodiscard]] std::jthread watch(std::function<void()> again) {
    return std::jthread([this, again = std::move(again)](const std::stop_token& over) {
      while (!over.stop_requested()) {
        if (!next_signal()) continue;
        if (!source_.request_stop()) again();
      }
    });
  }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  [[nodiscard]] bool next_signal() const {
    constexpr timespec look_apart{0, 50'000'000};
    return ::sigtimedwait(&signals_, nullptr, &look_apart) > 0;
  }

  sigset_t signals_{};
  sigset_t before_{};
  std::stop_source source_;
};

json::object error_of(const engine::Error& error) {
  json::object told{{"code", error.code}, {"message", error.message}};
  if (!error.details.empty()) told["details"] = json::parse(error.details.view());
  return told;
}

engine::Outcome outcome_of(const contained::Death& death, const CallEnd& end) {
  engine::Outcome outcome;
  const bool overran = death.by_host == contained::Death::ByHost::overran;
  outcome.kind = overran ? OutcomeKind::timed_out : OutcomeKind::crashed;
  std::string words = contained::in_words(death, "its process");
  if (overran) words += " (" + span_text(end.took) + " after it began)";
  outcome.error = {overran ? "not_stopped" : "crashed",
                   contained::with_print(std::move(words), death.printed),
                   contained::details_of(death)};
  return outcome;
}

std::string words_of(const engine::Wait& wait) {
  std::string words = "it waits";
  if (!wait.key.empty()) words += (wait.takes_event ? " for an event " : " as ") + wait.key;
  if (wait.children) words += " for jobs it has started";
  if (wait.due) {
    words += wait.due->span > engine::Duration::zero() ? ", for " + span_text(wait.due->span)
                                                       : ", until a point in time";
  }
  return words + "; a daemon would call it again then";
}

json::object told(Phase phase, const CallEnd& end, const engine::Outcome& outcome) {
  json::object call{{"phase", engine::name_of(phase)},
                    {"outcome", engine::name_of(outcome.kind)},
                    {"took_us", end.took.count()},
                    {"output", nullptr},
                    {"error", nullptr}};
  if (!outcome.output.empty()) call["output"] = json::parse(outcome.output.view());
  if (!outcome.error.code.empty()) call["error"] = error_of(outcome.error);
  if (outcome.retry_after) call["retry_after_us"] = outcome.retry_after->count();
  if (outcome.wait) call["waits"] = words_of(*outcome.wait);
  return call;
}

void tell(Report& report, Phase phase, const CallEnd& end, const engine::Outcome& outcome) {
  std::string text = std::string(engine::name_of(phase)) + " " +
                     std::string(engine::name_of(outcome.kind)) + " in " + span_text(end.took);
  if (!outcome.error.code.empty()) {
    if (outcome.error.code != engine::name_of(outcome.kind)) text += ": " + outcome.error.code;
    if (!outcome.error.message.empty()) text += ": " + outcome.error.message;
  }
  if (outcome.wait) text += ": " + words_of(*outcome.wait);
  const bool says_enough = report.is_quiet() && outcome.kind == OutcomeKind::succeeded;
  if (!says_enough) report.print(text + "\n");
  if (!outcome.error.details.empty()) report.print(laid_out(outcome.error.details.view()) + "\n");
  if (!outcome.output.empty()) report.print(laid_out(outcome.output.view()) + "\n");
}

/// One step of a loaded plugin, called phase by phase.
class Run final {
 public:
  Run(const RunStep& work, TrialProcess& process, Interruption& interruption, Report& report)
      : work_(work), process_(process), interruption_(interruption), report_(report) {}

  [[nodiscard]] int of(const engine::StepType& type, engine::JsonText args, bool json) {
    std::optional<Debugger> debugger;
    if (work_.debug) debugger.emplace(process_.number(), [this](auto text) { report_.say(text); });
    TrialJob job(type, std::move(args));
    json::array calls;
    bool all_well = true;
    for (const Phase phase : work_.phases) {
      const CallEnd end = call(type, phase, job);
      const engine::Outcome outcome =
          end.outcome() ? *end.outcome() : outcome_of(*end.death(), end);
      if (json) {
        calls.push_back(told(phase, end, outcome));
      } else {
        tell(report_, phase, end, outcome);
      }
      all_well = all_well && outcome.kind == OutcomeKind::succeeded;
      if (end.death()) break;
    }
    if (json) report_.print(laid_out(json::serialize(document(type, std::move(calls)))) + "\n");
    return all_well ? 0 : 1;
  }

 private:
  [[nodiscard]] CallEnd call(const engine::StepType& type, Phase phase, TrialJob& job) {
    const auto declared = phase == Phase::compensate ? type.compensate_timeout : type.timeout;
    const TrialProcess::Wish wish{
        .phase = phase,
        .limit = work_.debug ? std::chrono::milliseconds::zero()
                             : std::chrono::ceil<std::chrono::milliseconds>(declared),
        .stop = interruption_.token()};
    CallEnd end = process_.call(job, wish, report_.listener());
    if (end.was_stopped && !interruption_.token().stop_requested()) {
      report_.note("the call was asked to stop: its time-out of " + span_text(declared) +
                   " was over");
    }
    return end;
  }

  [[nodiscard]] json::object document(const engine::StepType& type, json::array calls) const {
    return {{"file", work_.file}, {"type", type.name}, {"calls", std::move(calls)}};
  }

  const RunStep& work_;
  TrialProcess& process_;
  Interruption& interruption_;
  Report& report_;
};

}  // namespace

int run_step(const RunStep& work, bool json, Report& report) {
  Interruption interruption;
  const std::string args = object_text(work.args, "--args");
  const std::string configuration = object_text(work.configuration, "--config");
  const auto copied = ModuleCopy::of(work.file);
  if (const auto* refusal = std::get_if<plugin::Refusal>(&copied)) {
    report.say("error: " + refusal->sentence);
    return 1;
  }
  TrialProcess::Setting setting{
      .command = {"/proc/self/exe", std::string(process_flag),
                  to_text(HostTricks{.may_be_traced = work.debug})},
      .configuration = configuration,
      .heard = [&report](std::string_view text) { report.note("plugin: " + std::string(text)); }};
  if (work.debug) setting.stop_grace = no_end;
  auto started = TrialProcess::start(std::get<ModuleCopy>(copied), setting);
  if (const auto* fault = std::get_if<TrialProcess::Fault>(&started)) {
    report.say("error: " + work.file + " " + fault->fact);
    return 1;
  }
  auto& process = *std::get<std::unique_ptr<TrialProcess>>(started);
  const auto* type = type_named(process.description(), work.type, work.file, report);
  if (type == nullptr) return 1;
  auto completed_args = completed(*type, args, report);
  if (!completed_args) return 1;
  const auto watch = interruption.watch([&process] { static_cast<void>(process.end()); });
  const int code = Run(work, process, interruption, report).of(*type, *completed_args, json);
  if (const auto trouble = process.quiesce(quiesce_budget)) {
    report.note("warning: " + work.file + " " + *trouble);
  }
  return code;
}

}  // namespace stepd::workshop
