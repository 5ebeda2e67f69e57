#include "host/rehearsal/rehearsal.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "host/engine/names.hpp"
#include "host/rehearsal/performance.hpp"
#include "storage/memory/memory_store.hpp"

namespace stepd::rehearsal {

using namespace engine;

namespace {

/// What the journal and the world say of one path, against what was to be expected.
class Review {
 public:
  Review(const Paths& paths, const Path& path, const JobDefinition& job, const Played& played)
      : paths_(paths), path_(path), job_(job), played_(played), doubts_(played.code.doubts()) {}

  PathResult result() && {
    result_.path = paths_.name_of(path_);
    result_.ended = played_.word;
    result_.calls = played_.calls;
    result_.code_calls = played_.code_calls;
    result_.took = played_.took;
    for (const std::string& breach : played_.breaches) say(Verdict::broken, breach);
    starts_jobs();
    code_at_fault();
    const bool is_whole = played_.cut_short.empty() && played_.code.starters_of_jobs().empty();
    if (!is_whole || arguments_are_bad()) return std::move(result_);
    compare();
    parked();
    effects_that_stay();
    return std::move(result_);
  }

 private:
  void say(Verdict verdict, std::string remark) {
    result_.verdict = std::max(result_.verdict, verdict);
    result_.remarks.push_back(std::move(remark));
  }
  [[nodiscard]] std::string named(StepIndex step) const {
    return "step \"" + job_.steps[step].id + "\"";
  }

  /// Steps that could not do their part here.
  void starts_jobs() {
    for (const StepIndex step : played_.code.starters_of_jobs()) {
      say(Verdict::starts_jobs, named(step) +
                                    " starts jobs of its own, and a test does not run jobs that "
                                    "steps start; give an output for it, then it is not called");
    }
  }

  void code_at_fault() {
    const std::vector<std::string> faults = played_.code.faults();
    for (const std::string& fault : faults) say(Verdict::step_at_fault, fault);
    const bool blames = !faults.empty() || played_.code.starters_of_jobs().empty();
    for (const std::string& left : {played_.cut_short, played_.not_tidied}) {
      if (!left.empty()) say(blames ? Verdict::step_at_fault : Verdict::starts_jobs, left);
    }
    for (const auto& [step, remark] : played_.code.remarks()) result_.remarks.push_back(remark);
    has_faults_ = !faults.empty();
  }

  /// Whether it is by the steps' code that the job came to something else.
  bool blame_code() {
    for (std::string& doubt : std::exchange(doubts_, {})) {
      say(Verdict::step_at_fault, std::move(doubt));
      has_faults_ = true;
    }
    return has_faults_;
  }

  /// Steps that wait for an event, which nothing here sends.
  bool waits() {
    if (played_.word != JobWord::waiting) return false;
    for (StepIndex index = 0; index < played_.state.steps.size(); ++index) {
      const auto* suspended = std::get_if<Suspended>(&played_.state.steps[index].condition);
      if (!suspended || !suspended->wait.takes_event) continue;
      say(Verdict::waits, named(index) + " waits for the event \"" + suspended->wait.key +
                              "\", which no step of the job sends; give an output for it, then "
                              "it is not called");
    }
    return result_.verdict >= Verdict::waits;
  }

  bool arguments_are_bad() {
    bool bad = false;
    for (StepIndex index = 0; index < played_.state.steps.size(); ++index) {
      const StepState& step = played_.state.steps[index];
      const auto* abandoned = std::get_if<Abandoned>(&step.condition);
      const auto* parked = std::get_if<Parked>(&step.condition);
      const bool not_called = step.last_call == 0;
      if (abandoned && abandoned->reason == AbandonReason::bad_arguments) {
        say(Verdict::bad_arguments, named(index) + " is given up: " + abandoned->error.message);
        bad = true;
      } else if (parked && not_called && parked->reason == ParkReason::past_pivot) {
        say(Verdict::bad_arguments, named(index) + " is parked: " + parked->error.message);
        bad = true;
      }
    }
    return bad;
  }

  [[nodiscard]] bool turned_by_deadline() const {
    const auto& cause = played_.record.turned_back;
    return cause && cause->kind == Cause::Kind::deadline && job_.deadline &&
           played_.took >= *job_.deadline;
  }

  void compare() {
    End expected = paths_.end_of(path_);
    // The deadline comes first, also where the step would have waited for an operator.
    if (turned_by_deadline()) expected = End::turns_back;
    if (ended_as(expected)) return cause_fits(expected);
    if (blame_code() || waits()) return;
    say(Verdict::broken, "the job is " + std::string(name_of(played_.word)) + ", and it was to " +
                             (expected == End::succeeds     ? "succeed"
                              : expected == End::turns_back ? "turn back and settle"
                                                            : "wait for an operator"));
  }

  [[nodiscard]] bool ended_as(End end) const {
    if (end == End::parks) return played_.word == JobWord::parked;
    const bool succeeded = played_.word == JobWord::succeeded;
    return is_settled(played_.word) && succeeded == (end == End::succeeds);
  }

  void cause_fits(End end) {
    if (end != End::turns_back || turned_by_deadline()) return;
    const Cause& cause = played_.record.turned_back.value();
    const Mishap mishap = path_.forward->mishap;
    const bool cancel = mishap == Mishap::cancelled || mishap == Mishap::cancelled_too_late;
    const Cause::Kind wanted = cancel                       ? Cause::Kind::cancel
                               : mishap == Mishap::deadline ? Cause::Kind::deadline
                                                            : Cause::Kind::step_abandoned;
    const bool fits = cause.kind == wanted &&
                      (wanted != Cause::Kind::step_abandoned || cause.step == path_.forward->step);
    // (A cancel of a job that is on its way back changes nothing, its cause least of all.)
    if (!fits && !blame_code())
      say(Verdict::broken, "C6: the job names another cause than what went wrong");
  }

  void parked() {
    const auto expected = paths_.parked_by(path_);
    for (StepIndex index = 0; index < played_.state.steps.size(); ++index) {
      const auto* parked = std::get_if<Parked>(&played_.state.steps[index].condition);
      if (!parked) continue;
      if (index != expected && !blame_code())
        say(Verdict::broken, named(index) + " parks, and nothing says why");
      say(Verdict::parked,
          named(index) + " needs an operator (" + std::string(name_of(parked->reason)) + ")");
    }
  }

  void effects_that_stay() {
    const bool turned = is_settled(played_.word) && played_.word != JobWord::succeeded;
    if (!turned) return;
    for (StepIndex index = 0; index < played_.world.size(); ++index) {
      if (!played_.world[index].applied) continue;
      say(Verdict::effect_stays,
          "what " + named(index) +
              " did outside, if anything, stays: it is a plain step, without compensation");
    }
  }

  const Paths& paths_;
  const Path& path_;
  const JobDefinition& job_;
  const Played& played_;
  PathResult result_;
  std::vector<std::string> doubts_;
  bool has_faults_ = false;
};

/// What asks for another attempt has done nothing yet, where its code decides what it does.
void leave_to_code(Script& script) {
  for (auto& [where, part] : script.parts) {
    if (!script.real.contains(where.step)) continue;
    for (Act& act : part.acts) {
      if (act.ends == OutcomeKind::retry) act.takes_effect = false;
    }
  }
}

Played play(const RehearsalSetting& setting, const Script& script) {
  storage::MemoryStore store;
  Performance::Setting played{.job = setting.job,
                              .key = {},
                              .catalogue = setting.catalogue,
                              .stage = {.defaults = setting.defaults, .limits = setting.limits},
                              .code = setting.code};
  if (setting.code) {
    played.begin.wall = setting.now().wall;
    played.stage.ids_above = setting.code->ids_above(played.begin.wall);
  }
  const auto ground = [&store] { return Ground{&store, &store}; };
  return Performance(std::move(played), script, ground).run();
}

struct PlayedPath {
  PathResult result{};
  std::map<StepIndex, std::string> remarks{};
  std::string cut_short{};  // of the whole test
};

/// Absent: the compensation that was to go wrong did not come to run on this path.
std::optional<PlayedPath> played(const RehearsalSetting& setting, const Paths& paths,
                                 const Path& path, bool with_rows) {
  Script script = paths.script_of(path);
  script.outputs = setting.outputs;
  script.real = setting.real;
  leave_to_code(script);
  Played played = play(setting, script);
  const bool ran = !path.back || std::ranges::find(played.compensations, path.back->step) !=
                                     played.compensations.end();
  const bool as_expected = played.breaches.empty() && played.cut_short.empty() &&
                           played.code.faults().empty() && played.code.doubts().empty();
  if (!ran && as_expected && !with_rows) return std::nullopt;
  // What did not run changes nothing: the path ends as its first part does.
  const Path seen{.forward = path.forward, .back = ran ? path.back : std::nullopt};
  PathResult result = Review(paths, seen, *setting.job, played).result();
  result.path = paths.name_of(path);
  if (!ran) result.remarks.push_back("the compensation that was to go wrong did not run");
  if (with_rows) result.rows = std::move(played.rows);
  return PlayedPath{std::move(result), played.code.remarks(),
                    played.code_is_silent ? played.cut_short : std::string()};
}

/// How long real code has been played.
class Watch {
 public:
  explicit Watch(const RehearsalSetting& setting)
      : setting_(setting), began_(setting.code ? setting.now().steady : SteadyPoint()) {}
  [[nodiscard]] bool is_over() const {
    return setting_.code && setting_.now().steady - began_ >= setting_.real_time_max;
  }

 private:
  const RehearsalSetting& setting_;
  const SteadyPoint began_;
};

/// Of real steps that refuse already where nothing was to go wrong: mostly the world lacks
/// something, and that is what all other paths tell, too.
std::string plain_run(const RehearsalSetting& setting, const PathResult& result) {
  const bool bears = result.verdict <= Verdict::effect_stays || result.verdict == Verdict::broken;
  if (!setting.code || bears || result.remarks.empty()) return {};
  return "the plain run, in which nothing was to go wrong, already ends " +
         std::string(engine::name_of(result.ended)) + ": " + result.remarks.front() +
         ". Mend that first (the step, its arguments, or what it finds outside): until then the "
         "other paths say little";
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  constexpr std::array<std::string_view, 8> names{
      "ok",           "parked",        "waits",         "starts_jobs",
      "effect_stays", "bad_arguments", "step_at_fault", "broken"};
  return names[static_cast<std::size_t>(verdict)];
}

Rehearsed rehearse(const RehearsalSetting& setting) {
  const Paths paths(*setting.job);
  Rehearsed rehearsed{.omitted = paths.omitted(), .paths = paths.all().size()};
  const std::size_t most =
      std::max<std::size_t>(1, setting.steps_played_max / setting.job->steps.size());
  const std::size_t count = paths.all().size();
  const std::size_t wanted = std::min(most, count);
  std::map<StepIndex, std::string> remarks;
  const Watch watch(setting);
  for (std::size_t number = 0; number < wanted; ++number) {
    if (watch.is_over()) {
      rehearsed.cut_short = "the steps took so long that the last " +
                            std::to_string(wanted - number) + " paths were not played";
      break;
    }
    const Path& path = paths.all()[number * count / wanted];
    auto one = played(setting, paths, path, false);
    if (!one) {
      --rehearsed.paths;
      continue;
    }
    remarks.merge(one->remarks);
    rehearsed.results.push_back(std::move(one->result));
    if (!path.forward) rehearsed.plain_run = plain_run(setting, rehearsed.results.back());
    if (!one->cut_short.empty()) {
      rehearsed.cut_short = one->cut_short;
      break;
    }
  }
  for (auto& [step, remark] : remarks) rehearsed.remarks.push_back(std::move(remark));
  return rehearsed;
}

PathResult rehearse(const RehearsalSetting& setting, const Paths& paths, const Path& path) {
  return played(setting, paths, path, true).value().result;
}

}  // namespace stepd::rehearsal
