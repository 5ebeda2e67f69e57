#include "tests/enumeration/family.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include "host/engine/codec.hpp"
#include "host/engine/job_parser.hpp"
#include "host/engine/job_state.hpp"
#include "host/engine/names.hpp"
#include "host/engine/validate.hpp"
#include "host/engine/why.hpp"
#include "host/rehearsal/record.hpp"
#include "storage/memory/memory_store.hpp"
#include "storage/sqlite/sqlite_reader.hpp"
#include "storage/sqlite/sqlite_store.hpp"
#include "tests/support/temporary_folder.hpp"

namespace stepd::enumeration {

using namespace engine;
using rehearsal::curtain_up;
using rehearsal::Record;
using rehearsal::Stage;

namespace {

constexpr int turns_max = 20'000;
constexpr std::size_t jobs_max = 1000;

const Catalogue& family_types() {
  static const Catalogue types = [] {
    Catalogue catalogue;
    for (const StepType& type :
         {StepType{.name = "plain"},
          {.name = "saga", .kind = StepKind::saga},
          {.name = "probed", .kind = StepKind::saga, .offers_probe = true}}) {
      catalogue.types.emplace(type.name, type);
    }
    return catalogue;
  }();
  return types;
}

std::shared_ptr<const JobDefinition> definition_of(const std::string& text) {
  ParsedJob parsed = parse_job(text, Limits{});
  if (!parsed.problems.empty()) throw std::runtime_error(parsed.problems.front().message);
  Validated validated = validate(std::move(parsed.definition), family_types(), {}, Limits{});
  if (!validated.problems.empty()) throw std::runtime_error(validated.problems.front().message);
  return std::make_shared<const JobDefinition>(std::move(validated.definition));
}

bool is_given_up(const StepCondition& condition) {
  return std::holds_alternative<Abandoned>(condition) || std::holds_alternative<Never>(condition) ||
         std::holds_alternative<Compensated>(condition);
}

/// What outlives a host: a record in memory, or a file.
class Disk {
 public:
  explicit Disk(Backing backing) {
    if (backing == Backing::sqlite) folder_.emplace();
    open();
  }

  /// As the next host finds it.
  void open() {
    if (!folder_) {
      memory_ = memory_ ? std::make_unique<storage::MemoryStore>(memory_->snapshot())
                        : std::make_unique<storage::MemoryStore>();
      return;
    }
    reader_.reset();
    file_.reset();
    file_ = std::make_unique<storage::SqliteStore>(folder_->path(),
                                                   storage::SqliteOptions{.prewrite_wal = false});
    reader_ = std::make_unique<storage::SqliteReader>(folder_->path());
  }

  [[nodiscard]] storage::Store& store() {
    return folder_ ? static_cast<storage::Store&>(*file_) : *memory_;
  }
  [[nodiscard]] storage::Reader& reader() {
    return folder_ ? static_cast<storage::Reader&>(*reader_) : *memory_;
  }

 private:
  std::optional<support::TemporaryFolder> folder_;
  std::unique_ptr<storage::MemoryStore> memory_;
  std::unique_ptr<storage::SqliteStore> file_;
  std::unique_ptr<storage::SqliteReader> reader_;
};

class Play {
 public:
  Play(const Family& family, std::set<rehearsal::CrashPoint> crashes, Backing backing)
      : family_(family),
        disk_(backing),
        stage_(disk_.store(), std::make_shared<const Catalogue>(family_types()),
               {.crashes = std::move(crashes)}, curtain_up) {}

  FamilyPlayed run() && {
    submit();
    while (played_.breach.empty()) {
      settle();
      if (end_a_call() || let_moment_happen() || pass_time()) continue;
      break;
    }
    conclude();
    return std::move(played_);
  }

 private:
  using StepPlace = std::pair<std::string, StepIndex>;  // role, step

  void breach(const std::string& what) {
    if (played_.breach.empty()) played_.breach = what;
  }

  void submit() {
    const auto job = definition_of(family_.job);
    submit_ = next_token_++;
    stage_.post(
        Submission{*submit_, job, encode(*job), SubmitKey{"key", {std::string(32, 'c')}, {}}});
  }

  void settle() {
    for (; turns_ < turns_max; ++turns_) {
      const Stage::Advance advance = stage_.advance();
      for (const auto& row : stage_.take_rows()) look_at(row);
      deliver();
      if (advance == Stage::Advance::quiet) return;
      if (advance == Stage::Advance::died) die();
    }
    breach("O2: the jobs are not at rest after " + std::to_string(turns_) + " turns");
  }

  /// A job does not settle before those that it started.
  void look_at(const runtime::NewsFeed::Row& row) {
    for (const Entry& entry : decode_entries(row.entries)) {
      if (!std::holds_alternative<Settled>(entry)) continue;
      for (const storage::ChildLine& child : disk_.reader().children(row.job, {}, jobs_max)) {
        if (!child.outcome) breach("W3: " + role_of(row.job) + " settles before its own");
      }
    }
  }

  /// Whoever got no answer asks again: under the same key, id or request id.
  void die() {
    live_.clear();
    disk_.open();
    stage_.restart(disk_.store(), {});
    if (submit_) submit();
    if (std::exchange(asked_, std::nullopt)) ask();
  }

  void deliver() {
    for (const BoxedCall& call : stage_.take_starts()) begin(std::move(*call));
    static_cast<void>(stage_.take_stops());
    for (const auto& [token, reply] : stage_.take_replies()) {
      if (token == submit_) submit_.reset();
      if (token != asked_) continue;
      asked_.reset();
      ++moment_;
      const auto* verdict = std::get_if<Verdict>(&reply);
      const auto* refused = verdict ? std::get_if<Refused>(verdict) : nullptr;
      if (refused) breach("O1: a verb is refused: " + refused->message);
    }
  }

  /// Held against the promises by the record on disk.
  void begin(CallRequest request) {
    const auto loaded = disk_.reader().find(request.id.job);
    const std::string call = "call " + std::to_string(request.id.number) + " of step " +
                             request.step + " of " + role_of(request.id.job);
    if (!loaded) return breach("A1: " + call + " starts, and its job is not on disk");
    const Record record = Record::read(*loaded);
    const bool is_forward = request.phase == Phase::execute;
    if (record.settled) breach("J5: " + call + " starts, and its job has settled");
    if (!record.calls_started.contains(request.id.number)) {
      breach("A1: " + call + " starts before its start is on disk");
    }
    if (is_forward && record.succeeded.contains(request.step_index)) {
      breach("A1: " + call + " starts, and the step is recorded as succeeded");
    }
    if (record.started_backward.contains(request.id.number)) {
      breach("C3: " + call + " starts after its job turned back");
    }
    for (const storage::ChildLine& child : children_of(request)) {
      if (request.phase == Phase::compensate && !request.executed_in && !child.outcome) {
        breach("W3: " + call + " starts before job " + role_of(child.job) + " has settled");
      }
    }
    live_.emplace(request.id, std::move(request));
  }

  std::vector<storage::ChildLine> children_of(const CallRequest& request) {
    std::vector<storage::ChildLine> lines =
        disk_.reader().children(request.executed_in.value_or(request.id.job), {}, jobs_max);
    std::erase_if(lines,
                  [&](const storage::ChildLine& line) { return line.step != request.step_index; });
    return lines;
  }

  /// Of all that run the one whose job has the first role.
  bool end_a_call() {
    if (live_.empty()) return false;
    const auto chosen = std::ranges::min_element(live_, {}, [this](const auto& live) {
      return std::pair(role_of(live.second.id.job), live.second.step_index);
    });
    const CallRequest request = std::move(chosen->second);
    live_.erase(chosen);
    const StepPlace place{role_of(request.executed_in.value_or(request.id.job)),
                          request.step_index};
    Outcome outcome = outcome_of(request, applied_.contains(place));
    if (outcome.wait && outcome.wait->due) {
      outcome.wait->due->at = stage_.now().wall + outcome.wait->due->span;
    }
    const bool takes_effect = outcome.kind == OutcomeKind::succeeded;
    if (takes_effect && request.phase == Phase::execute) applied_.insert(place);
    if (takes_effect && request.phase == Phase::compensate) undone_ += applied_.erase(place);
    stage_.post(CallReported{request.id, std::move(outcome), {}});
    return true;
  }

  /// A probe tells the truth.
  Outcome outcome_of(const CallRequest& request, bool applied) {
    if (request.phase != Phase::probe) {
      return family_.act({request, role_of(request.id.job), children_of(request), disk_.reader()});
    }
    if (applied) return {.output = JsonText("{}")};
    return {.kind = OutcomeKind::no_effect, .error = {"no_effect", "it is not there", {}}};
  }

  bool let_moment_happen() {
    if (asked_ || moment_ >= family_.moments.size()) return false;
    const FamilyMoment& moment = family_.moments[moment_];
    const auto job = job_of(moment.role);
    if (!job) return false;
    const JobState state = fold(disk_.reader().find(*job).value());
    std::string_view now = name_of(word_of(state));
    if (!moment.step.empty()) {
      now = name_of(state.steps[find_step(*state.definition, moment.step).value()].condition);
    }
    if (now != moment.state) return false;
    ask();
    return true;
  }

  void ask() {
    const FamilyMoment& moment = family_.moments[moment_];
    asked_ = next_token_++;
    if (const auto* event = std::get_if<SendEvent>(&moment.happens)) {
      stage_.post(EventSent{*asked_,
                            {.tenant = "default",
                             .id = event->id,
                             .key = event->key,
                             .data = JsonText(R"({"from":")" + event->id + R"("})")},
                            {}});
      return;
    }
    Verb verb = std::get<Verb>(moment.happens);
    verb.request_id = "moment " + std::to_string(moment_);
    const std::string& whom = moment.whom.empty() ? moment.role : moment.whom;
    stage_.post(VerbRequested{*asked_, job_of(whom).value(), std::move(verb)});
  }

  bool pass_time() {
    const auto next = stage_.wake_at();
    if (!next) return false;
    stage_.pass_to(*next);
    ++turns_;
    return true;
  }

  std::string role_of(JobId id) {
    const auto known = roles_.find(id);
    if (known != roles_.end()) return known->second;
    const auto loaded = disk_.reader().find(id);
    if (!loaded) return "an unknown job";
    const JobDefinition definition = decode_definition(loaded->definition);
    std::string role = "job";
    if (definition.parent) {
      const auto parent = disk_.reader().find(definition.parent->job);
      const JobDefinition of = decode_definition(parent.value().definition);
      role = role_of(definition.parent->job) + "/" + of.steps[definition.parent->step].id + ":" +
             definition.parent->key;
    } else if (definition.origin) {
      const bool undoes = definition.origin->kind == Origin::Kind::undo;
      role = role_of(definition.origin->job) + (undoes ? "" : "+rerun");
      if (undoes) role += chain_to(id, definition.origin->job);
    }
    return roles_[id] = role;
  }

  /// One more of them for each undo that it goes on with.
  std::string chain_to(JobId undo, JobId undone) {
    std::string chain;
    while (undone != undo) {
      chain += "+undo";
      const auto made = disk_.reader().derived(undone, jobs_max);
      const auto next = std::ranges::find(made, Origin::Kind::undo, &storage::DerivedLine::kind);
      if (next == made.end()) throw std::logic_error("an undo that nobody knows of");
      undone = next->job;
    }
    return chain;
  }

  std::map<std::string, JobId> jobs_by_role() {
    std::map<std::string, JobId> jobs;
    for (const storage::JobLine& line : disk_.reader().page({}, {}, jobs_max)) {
      if (!jobs.emplace(role_of(line.id), line.id).second) {
        breach("W3: there are two jobs in the role of " + role_of(line.id));
      }
    }
    return jobs;
  }

  std::optional<JobId> job_of(const std::string& role) {
    const auto jobs = jobs_by_role();
    const auto found = jobs.find(role);
    return found == jobs.end() ? std::nullopt : std::optional(found->second);
  }

  void conclude() {
    if (!live_.empty() || asked_) breach("A8: it rests while a call goes on");
    if (moment_ < family_.moments.size()) {
      breach("moment " + std::to_string(moment_) + " never came");
    }
    for (const auto& [role, id] : jobs_by_role()) tell(role, id);
    for (const storage::EventLine& event :
         disk_.reader().events({.tenant = "default"}, {}, jobs_max)) {
      played_.ending += "event " + event.id + (event.given_to ? " is taken\n" : " is kept\n");
    }
    played_.ending += "undone: " + std::to_string(undone_) + "\n";
    played_.commits = stage_.commits();
  }

  void tell(const std::string& role, JobId id) {
    const LoadedJob loaded = disk_.reader().find(id).value();
    const JobState state = fold(loaded);
    const Record record = Record::read(loaded);
    if (record.rows_after_settling != 0) breach("J5: " + role + " goes on after it settled");
    const std::string word(name_of(word_of(state)));
    played_.words += (played_.words.empty() ? "" : ", ") + role + " " + word;
    played_.ending += role + ": " + word + "\n";
    for (StepIndex index = 0; index < state.steps.size(); ++index) {
      const StepState& step = state.steps[index];
      played_.ending += "  " + state.definition->steps[index].id + ": ";
      played_.ending += is_given_up(step.condition) ? "given up" : name_of(step.condition);
      if (applied_.contains({role, index})) played_.ending += ", its effect is there";
      if (!is_given_up(step.condition)) played_.ending += ", output " + step.output.text();
      for (const EndedWait& wait : step.ended_waits) {
        played_.ending += ", " + wait.key + " = " + (wait.event ? wait.event->id : "time");
      }
      played_.ending += "\n";
    }
    for (const std::string& event : record.taken_events) {
      if (!taken_.insert(event).second) breach("W2: event " + event + " is taken twice");
    }
  }

  const Family& family_;
  Disk disk_;
  Stage stage_;
  FamilyPlayed played_;
  std::map<CallId, CallRequest> live_;
  std::set<StepPlace> applied_;  // effects that are there
  std::map<JobId, std::string> roles_;
  std::set<std::string> taken_;  // events, by all journals
  std::size_t undone_ = 0;
  std::size_t moment_ = 0;
  ReplyToken next_token_ = 1;
  std::optional<ReplyToken> submit_;  // not answered yet; likewise the next
  std::optional<ReplyToken> asked_;
  int turns_ = 0;
};

}  // namespace

FamilyPlayed play_family(const Family& family, std::set<rehearsal::CrashPoint> crashes,
                         Backing backing) {
  return Play(family, std::move(crashes), backing).run();
}

Spawn spawn_of(std::string key, const std::string& job) {
  return {std::move(key), definition_of(job)};
}

}  // namespace stepd::enumeration
