#include "host/workshop/trial.hpp"

#include <boost/json.hpp>
#include <stdexcept>

#include "host/engine/names.hpp"
#include "host/workshop/report.hpp"
#include "host/workshop/workshop_main.hpp"

namespace stepd::workshop {

namespace json = boost::json;
using engine::OutcomeKind;
using engine::Phase;

namespace {

constexpr int attempts_max = 4;
/// Longer than that, and a check that calls it many times takes too long.
constexpr std::chrono::seconds soon{3};

std::vector<std::string> backtrace_of(const contained::Death& death) {
  const json::object details = json::parse(contained::details_of(death).view()).as_object();
  std::vector<std::string> lines;
  if (!details.contains("backtrace")) return lines;
  for (const json::value& frame : details.at("backtrace").as_array()) {
    lines.emplace_back(frame.as_string());
  }
  return lines;
}

}  // namespace

std::unique_ptr<TrialProcess> Trial::start(const HostTricks& tricks) const {
  auto started = TrialProcess::start(
      subject_.module, {.command = {"/proc/self/exe", std::string(process_flag), to_text(tricks)},
                        .configuration = subject_.configuration});
  if (const auto* fault = std::get_if<TrialProcess::Fault>(&started)) {
    throw std::runtime_error("one of its processes " + fault->fact);
  }
  return std::get<std::unique_ptr<TrialProcess>>(std::move(started));
}

std::unique_ptr<TrialJob> Trial::job() const { return job_with(json::serialize(example())); }

std::unique_ptr<TrialJob> Trial::job_with(std::string args) const {
  return std::make_unique<TrialJob>(type(), engine::JsonText(std::move(args)));
}

CallEnd Trial::call(TrialProcess& process, TrialJob& job, Phase phase) {
  return process.call(job, {.phase = phase, .limit = call_max}, {});
}

CallEnd Trial::settle(TrialProcess& process, TrialJob& job, Phase phase) {
  CallEnd end = call(process, job, phase);
  for (int attempt = 1; attempt < attempts_max; ++attempt) {
    if (!end.outcome() || end.outcome()->kind != OutcomeKind::retry) return end;
    end = call(process, job, phase);
  }
  return end;
}

void Trial::undo(std::unique_ptr<TrialProcess>& process, TrialJob& job) const {
  if (!is_saga()) return;
  const CallEnd end = settle(*process, job, Phase::compensate);
  if (end.death()) process = start();
}

const CallEnd& Trial::plain() {
  if (plain_) return *plain_;
  auto process = start();
  const auto tried = job();
  plain_ = settle(*process, *tried, Phase::execute);
  if (plain_->death()) process = start();
  undo(process, *tried);
  return *plain_;
}

std::optional<Finding> Trial::why_not_plain() {
  const CallEnd& end = plain();
  const std::string see = " (see " + type().name + "/valid)";
  if (!end.outcome()) return skipped("with valid arguments its process ends" + see);
  if (end.took > soon || end.was_stopped) {
    return skipped("with valid arguments a call takes " + span_text(end.took) + see);
  }
  const auto kind = end.outcome()->kind;
  if (kind == OutcomeKind::succeeded || kind == OutcomeKind::suspended) return std::nullopt;
  return skipped("with its arguments it " + words_of(*end.outcome()) + " (others: --args " +
                 type().name + "=JSON)");
}

std::optional<Finding> fault_of(const CallEnd& end) {
  if (const auto* death = end.death()) {
    std::string says = contained::in_words(*death, "its process");
    if (death->by_host == contained::Death::ByHost::overran) {
      says = "did not end within " + span_text(Trial::call_max) +
             ", nor when it was asked to stop, and was killed " + span_text(end.took) +
             " after it began; ask context.stop_requested() in a loop, and wait with "
             "context.sleep()";
    }
    Finding finding = failed(contained::with_print(std::move(says), death->printed));
    finding.details = backtrace_of(*death);
    return finding;
  }
  const engine::Outcome& outcome = *end.outcome();
  if (outcome.kind == OutcomeKind::bad_answer) return failed(outcome.error.message);
  return std::nullopt;
}

std::string words_of(const engine::Outcome& outcome) {
  std::string words(engine::name_of(outcome.kind));
  if (outcome.kind == OutcomeKind::suspended) words = "waits";
  if (outcome.kind == OutcomeKind::retry) words = "asks for another attempt";
  if (!outcome.error.code.empty()) words += ": " + outcome.error.code;
  if (!outcome.error.message.empty()) words += ": " + outcome.error.message;
  return words;
}

}  // namespace stepd::workshop
