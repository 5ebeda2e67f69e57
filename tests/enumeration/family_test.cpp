#include "tests/enumeration/family.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/engine/child.hpp"
#include "host/engine/planted_bug.hpp"
#include "host/runtime/child_undo.hpp"

using namespace stepd::enumeration;
using namespace stepd::engine;
using namespace std::chrono_literals;
using stepd::rehearsal::CrashPoint;

namespace {

Outcome done(const std::string& output = "{}") { return {.output = JsonText(output)}; }
Outcome refuses() {
  return {.kind = OutcomeKind::refused, .error = {"refused", "as the story says", {}}};
}
Outcome waits(Wait wait, std::vector<Spawn> spawns = {}) {
  return {.kind = OutcomeKind::suspended, .wait = std::move(wait), .spawns = std::move(spawns)};
}
Wait for_event(std::string key) { return {.key = std::move(key), .takes_event = true}; }
Wait for_time(Duration span) { return {.due = Due{{}, span}}; }
Wait for_all_jobs() { return {.children = ChildWait{}}; }
Wait for_another_job() {
  return {.children = ChildWait{.until = ChildWait::Until::another_settled}};
}

bool is_undoing(const Called& called) { return called.request.phase == Phase::compensate; }

/// Step `a` waits for so many events of one key; all others just succeed.
std::function<Outcome(const Called&)> takes_events(std::size_t count) {
  return [count](const Called& called) {
    const auto& ended = called.request.ended_waits;
    if (called.request.step != "a" || ended.size() >= count) return done();
    return waits(for_event("k"));
  };
}

/// Step `a` starts these jobs and waits for them; step `w` waits for an event that may never come;
/// step `r` refuses; step `j` refuses if one of the jobs of step `a` did not succeed.
std::function<Outcome(const Called&)> starts(std::vector<std::string> jobs) {
  return [jobs = std::move(jobs)](const Called& called) {
    const std::string& step = called.request.step;
    if (is_undoing(called)) return done();
    if (step == "r") return refuses();
    if (step == "w" && called.request.ended_waits.empty()) return waits(for_event("k"));
    if (step != "a") return done();
    if (called.request.children_open) return waits(for_all_jobs());
    if (called.children.empty()) {
      std::vector<Spawn> spawns;
      for (const std::string& job : jobs) {
        spawns.push_back(spawn_of("c" + std::to_string(spawns.size()), job));
      }
      return waits(for_all_jobs(), std::move(spawns));
    }
    const bool all_well = std::ranges::all_of(called.children, [](const auto& child) {
      return child.outcome && child.outcome->word == JobWord::succeeded;
    });
    return all_well ? done(R"({"jobs":)" + std::to_string(called.children.size()) + "}")
                    : refuses();
  };
}

/// Two subtasks at first, and a third once one of them is done: as a distributed task goes.
Outcome in_waves(const Called& called) {
  if (called.request.step != "a") return done();
  const auto settled = std::ranges::count_if(
      called.children, [](const auto& child) { return child.outcome.has_value(); });
  const std::string subtask = R"({"steps":[{"id":"x","step":"plain"}]})";
  if (called.children.empty()) {
    return waits(for_another_job(), {spawn_of("c0", subtask), spawn_of("c1", subtask)});
  }
  if (settled == 0) return waits(for_another_job());
  if (called.children.size() == 2) return waits(for_all_jobs(), {spawn_of("c2", subtask)});
  return settled == 3 ? done(R"({"subtasks":3})") : waits(for_all_jobs());
}

/// A saga step that starts a job with its success, and waits for nothing.
Outcome starts_and_goes_on(const Called& called) {
  const std::string& step = called.request.step;
  if (is_undoing(called)) return done();
  if (step == "r") return refuses();
  if (step == "w") return waits(for_event("k"));
  Outcome outcome = done();
  const std::string child = R"({"steps":[{"id":"w","step":"plain"}]})";
  if (step == "a") outcome.spawns = {spawn_of("c0", child)};
  return outcome;
}

Outcome not_undone(OutcomeKind kind) {
  return {.kind = kind, .error = {"child_not_undone", "as the story says", {}}};
}

/// As a compensation of the SDK goes that undoes all jobs of its step and is nothing without them.
Outcome undoes_jobs(const Called& called) {
  const JobId starter = called.request.executed_in.value_or(called.request.id.job);
  Outcome asks = waits(for_all_jobs());
  bool goes_on = false;
  for (const auto& child : called.children) {
    if (is_name_of_undo(child.key)) continue;
    const auto checked = stepd::runtime::check_undo(called.disk, called.request, child.key);
    if (const auto* undo = std::get_if<std::shared_ptr<const DerivedJob>>(&checked)) {
      asks.spawns.push_back({.key = name_of_undo(child.key), .undo = *undo});
    }
    const auto undo =
        stepd::runtime::child_undo(called.disk, starter, {called.request.step_index, child.key});
    if (!undo) continue;
    goes_on = goes_on || !undo->outcome;
    const bool failed = undo->outcome && undo->outcome->word != JobWord::compensated;
    if (failed) return not_undone(OutcomeKind::failed);
  }
  if (!asks.spawns.empty() || called.request.children_open) return asks;
  return goes_on ? not_undone(OutcomeKind::retry) : done();
}

/// Step `a` starts these jobs, and its compensation undoes them.
std::function<Outcome(const Called&)> starts_and_undoes(std::vector<std::string> jobs) {
  return [start = starts(std::move(jobs))](const Called& called) {
    const bool undoes = is_undoing(called) && called.request.step == "a";
    return undoes ? undoes_jobs(called) : start(called);
  };
}

/// The same; what `role` is to undo in step `step` fails.
std::function<Outcome(const Called&)> fails_to_undo(std::vector<std::string> jobs, std::string role,
                                                    std::string step) {
  return [act = starts_and_undoes(std::move(jobs)), role = std::move(role),
          step = std::move(step)](const Called& called) {
    const bool fails = is_undoing(called) && called.role == role && called.request.step == step;
    return fails ? not_undone(OutcomeKind::failed) : act(called);
  };
}

Verb verb(Verb::Kind kind, std::string step = {}) {
  return {.kind = kind, .step = std::move(step), .reason = "as the story says"};
}

const std::string two_steps = R"({"steps":[{"id":"a","step":"plain"},{"id":"b","step":"plain"}]})";
const std::string two_sagas = R"({"steps":[{"id":"s","step":"saga"},{"id":"b","step":"probed"}]})";
const std::string saga_first = R"({"steps":[{"id":"s","step":"saga"},{"id":"a","step":"plain"}]})";
const std::string one_step = R"({"steps":[{"id":"x","step":"plain"}]})";
const std::string one_saga = R"({"steps":[{"id":"y","step":"saga"},{"id":"x","step":"plain"}]})";
const std::string waiting = R"({"steps":[{"id":"w","step":"plain"}]})";
const std::string refusing = R"({"steps":[{"id":"r","step":"plain"}]})";
const std::string saga_then_refusal =
    R"({"steps":[{"id":"a","step":"saga"},{"id":"r","step":"plain"}]})";

std::vector<Family> event_families() {
  return {{.name = "an event that a step waits for",
           .job = two_steps,
           .act = takes_events(1),
           .moments = {{"job", "a", "suspended", SendEvent{"e1", "k"}}},
           .ends = "job succeeded"},
          {.name = "an event that comes before anybody waits for it",
           .job = R"({"steps":[{"id":"z","step":"plain"},{"id":"a","step":"saga"}]})",
           .act =
               [](const Called& called) {
                 const bool first =
                     called.request.step == "z" && called.request.ended_waits.empty();
                 Wait nap = for_time(1h);
                 nap.key = "nap";
                 return first ? waits(nap) : takes_events(1)(called);
               },
           .moments = {{"job", "z", "suspended", SendEvent{"e1", "k"}}},
           .ends = "job succeeded"},
          {.name = "an event that is sent twice and another one",
           .job = two_steps,
           .act = takes_events(2),
           .moments = {{"job", "a", "suspended", SendEvent{"e1", "k"}},
                       {"job", "a", "suspended", SendEvent{"e1", "k"}},
                       {"job", "a", "suspended", SendEvent{"e2", "k"}}},
           .ends = "job succeeded"},
          {.name = "an event that comes when the time is up",
           .job = two_steps,
           .act =
               [](const Called& called) {
                 if (called.request.step != "a" || !called.request.ended_waits.empty())
                   return done();
                 Wait wait = for_event("k");
                 wait.due = Due{{}, 10s};
                 return waits(wait);
               },
           .moments = {{"job", "", "succeeded", SendEvent{"e1", "k"}}},
           .ends = "job succeeded"}};
}

std::vector<Family> child_families() {
  return {{.name = "two jobs that a step waits for",
           .job = two_steps,
           .act = starts({one_step, one_saga}),
           .ends = "job succeeded, job/a:c0 succeeded, job/a:c1 succeeded"},
          {.name = "subtasks in waves",
           .job = two_steps,
           .act = in_waves,
           .ends = "job succeeded, job/a:c0 succeeded, job/a:c1 succeeded, job/a:c2 succeeded"},
          {.name = "a job that fails and takes its parent back",
           .job = saga_first,
           .act = starts({one_step, refusing}),
           .ends = "job compensated, job/a:c0 succeeded, job/a:c1 failed"},
          {.name = "a job that waits for an event while its parent waits for it",
           .job = saga_first,
           .act = starts({waiting}),
           .moments = {{"job/a:c0", "w", "suspended", SendEvent{"e1", "k"}}},
           .ends = "job succeeded, job/a:c0 succeeded"},
          {.name = "a parent that is cancelled while its jobs wait",
           .job = saga_first,
           .act = starts({waiting, waiting}),
           .moments = {{"job/a:c1", "w", "suspended", verb(Verb::Kind::cancel), "job"}},
           .ends = "job cancelled, job/a:c0 cancelled, job/a:c1 cancelled"},
          {.name = "a job that is cancelled while its parent waits for it",
           .job = saga_first,
           .act = starts({waiting}),
           .moments = {{"job/a:c0", "w", "suspended", verb(Verb::Kind::cancel)}},
           .ends = "job compensated, job/a:c0 cancelled"},
          {.name = "a step that is compensated after the job it started",
           .job = saga_then_refusal,
           .act = starts_and_goes_on,
           .ends = "job compensated, job/a:c0 cancelled"},
          {.name = "a job that settles after the one it started",
           .job = two_steps,
           .act = starts_and_goes_on,
           .moments = {{"job/a:c0", "w", "suspended", verb(Verb::Kind::skip, "w")}},
           .ends = "job succeeded, job/a:c0 succeeded"}};
}

std::vector<Family> derived_families() {
  return {
      {.name = "a rerun of a whole job",
       .job = two_sagas,
       .act = takes_events(0),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::rerun)}},
       .ends = "job succeeded, job+rerun succeeded"},
      {.name = "a rerun from a step",
       .job = two_sagas,
       .act = takes_events(0),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::rerun, "b")}},
       .ends = "job succeeded, job+rerun succeeded"},
      {.name = "a rerun from a step that refuses and undoes nothing of what was kept",
       .job = saga_first,
       .act =
           [](const Called& called) {
             const bool again = called.role == "job+rerun" && called.request.step == "a";
             return again ? refuses() : done();
           },
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::rerun, "a")}},
       .ends = "job succeeded, job+rerun failed"},
      {.name = "a rerun of a job that failed",
       .job = saga_first,
       .act = starts({refusing}),
       .moments = {{"job", "", "compensated", verb(Verb::Kind::rerun)}},
       .ends = "job compensated, job+rerun compensated, job+rerun/a:c0 failed, job/a:c0 failed"},
      {.name = "an undo",
       .job = two_sagas,
       .act = takes_events(0),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::undo)}},
       .ends = "job succeeded, job+undo compensated"},
      {.name = "an undo of a job that started others",
       .job = saga_first,
       .act = starts({one_saga}),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::undo)}},
       .ends = "job succeeded, job+undo compensated, job/a:c0 succeeded"},
      {.name = "a rerun and its undo",
       .job = two_sagas,
       .act = takes_events(0),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::rerun)},
                   {"job+rerun", "", "succeeded", verb(Verb::Kind::undo)}},
       .ends = "job succeeded, job+rerun succeeded, job+rerun+undo compensated"}};
}

std::vector<Family> undo_families() {
  const std::string then_waits =
      R"({"steps":[{"id":"a","step":"saga"},{"id":"w","step":"plain"},{"id":"r","step":"plain"}]})";
  const std::string starter = R"({"steps":[{"id":"a","step":"saga"}]})";
  return {
      {.name = "a compensation that undoes the jobs of its step",
       .job = saga_then_refusal,
       .act = starts_and_undoes({one_saga, one_step}),
       .ends = "job compensated, job/a:c0 succeeded, job/a:c1 succeeded, "
               "job/a:undo:c0 compensated"},
      {.name = "an undo that undoes the jobs of its steps",
       .job = starter,
       .act = starts_and_undoes({one_saga}),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::undo)}},
       .ends = "job succeeded, job+undo compensated, job+undo/a:undo:c0 compensated, "
               "job/a:c0 succeeded"},
      {.name = "a compensation that finds its job undone by an operator",
       .job = then_waits,
       .act = starts_and_undoes({one_saga}),
       .moments = {{"job", "w", "suspended", verb(Verb::Kind::undo), "job/a:c0"},
                   {"job", "w", "suspended", SendEvent{"e1", "k"}}},
       .ends = "job compensated, job/a:c0 succeeded, job/a:c0+undo compensated"},
      {.name = "a compensation whose undo of a job fails and is gone on with",
       .job = saga_then_refusal,
       .act = fails_to_undo({one_saga}, "job/a:undo:c0", "y"),
       .moments = {{"job/a:undo:c0", "y", "parked", verb(Verb::Kind::skip, "y")},
                   {"job", "a", "parked", verb(Verb::Kind::rerun), "job/a:undo:c0"},
                   {"job/a:c0+undo+undo", "", "compensated", verb(Verb::Kind::retry, "a"), "job"}},
       .ends = "job compensated, job/a:c0 succeeded, job/a:c0+undo+undo compensated, "
               "job/a:undo:c0 failed"},
      {.name = "a failed undo that is gone on with",
       .job = two_sagas,
       .act = fails_to_undo({}, "job+undo", "s"),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::undo)},
                   {"job+undo", "s", "parked", verb(Verb::Kind::skip, "s")},
                   {"job+undo", "", "failed", verb(Verb::Kind::rerun)}},
       .ends = "job succeeded, job+undo failed, job+undo+undo compensated"},
      {.name = "a failed undo of a job that started others and is gone on with",
       .job = R"({"steps":[{"id":"s","step":"saga"},{"id":"a","step":"saga"}]})",
       .act = fails_to_undo({one_saga}, "job+undo", "s"),
       .moments = {{"job", "", "succeeded", verb(Verb::Kind::undo)},
                   {"job+undo", "s", "parked", verb(Verb::Kind::skip, "s")},
                   {"job+undo", "", "failed", verb(Verb::Kind::rerun)}},
       .ends = "job succeeded, job+undo failed, job+undo+undo compensated, "
               "job+undo/a:undo:c0 compensated, job/a:c0 succeeded"}};
}

std::vector<Family> all_families() {
  std::vector<Family> all = event_families();
  for (const auto& more : {child_families(), derived_families(), undo_families()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

struct Counted {
  std::uint64_t crash_points = 0;
  std::uint64_t pairs = 0;
  std::string difference{};  // of the first run that does not end as the first
};

std::string shown(const CrashPoint& point) {
  return (point.after ? "after commit " : "before commit ") + std::to_string(point.commit);
}

/// Plays one family with a crash before and after every commit.
class Enumeration {
 public:
  explicit Enumeration(const Family& family, Backing backing = Backing::memory)
      : family_(family), backing_(backing), whole_(play_family(family, {}, backing)) {
    if (whole_.breach.empty() && whole_.words == family.ends) return;
    counted_.difference = family.name + " without a crash: " + whole_.breach + "\nit ends " +
                          whole_.words + ", not " + family.ends;
  }

  Counted run(bool in_pairs) && {
    crash_from({}, whole_.commits, in_pairs);
    return std::move(counted_);
  }

 private:
  /// With one crash more than these, and with each second one where `deeper`.
  void crash_from(const std::set<CrashPoint>& crashes, std::uint64_t commits, bool deeper) {
    const std::uint64_t from = crashes.empty() ? 1 : crashes.rbegin()->commit + 1;
    for (std::uint64_t commit = from; commit <= commits; ++commit) {
      for (const bool after : {false, true}) {
        if (!counted_.difference.empty()) return;
        std::set<CrashPoint> points = crashes;
        points.insert({commit, after});
        ++(crashes.empty() ? counted_.crash_points : counted_.pairs);
        const FamilyPlayed played = play_family(family_, points, backing_);
        compare(played, points);
        if (deeper) crash_from(points, played.commits, false);
      }
    }
  }

  void compare(const FamilyPlayed& played, const std::set<CrashPoint>& points) {
    if (played.breach.empty() && played.ending == whole_.ending) return;
    counted_.difference = family_.name + ":";
    for (const CrashPoint& point : points) counted_.difference += " " + shown(point);
    counted_.difference += ": " + played.breach + "\nit ends as\n" + played.ending +
                           "and without a crash as\n" + whole_.ending;
  }

  const Family& family_;
  Backing backing_;
  FamilyPlayed whole_;
  Counted counted_;
};

void enumerate_all(const std::vector<Family>& families, Backing backing = Backing::memory) {
  Counted sum;
  for (const Family& family : families) {
    const Counted counted = Enumeration(family, backing).run(backing == Backing::memory);
    INFO(counted.difference);
    CHECK(counted.difference.empty());
    CHECK(counted.crash_points >= 8);
    sum.crash_points += counted.crash_points;
    sum.pairs += counted.pairs;
  }
  WARN(sum.crash_points << " crash points, " << sum.pairs << " pairs");
}

}  // namespace

TEST_CASE("W1 W2 D2: a job that waits for events ends the same wherever its host dies") {
  enumerate_all(event_families());
}

TEST_CASE("W3 D2: a job and those it starts end the same wherever their host dies") {
  enumerate_all(child_families());
}

TEST_CASE("J5 D2: reruns and undos end the same wherever their host dies") {
  enumerate_all(derived_families());
}

TEST_CASE("W3 J5 D2: undos of what a step started end the same wherever their host dies") {
  enumerate_all(undo_families());
}

TEST_CASE("W2 W3 J5 D2: families on a file end the same wherever their host dies") {
  // One for each thing that a store keeps beside the jobs themselves.
  enumerate_all({event_families().at(2), child_families().at(4), derived_families().at(6),
                 undo_families().at(3)},
                Backing::sqlite);
}

TEST_CASE("W2 W3 J5: the enumeration of several jobs finds planted bugs") {
  const auto bug = GENERATE(PlantedBug::loses_given_event, PlantedBug::settles_before_children,
                            PlantedBug::forgets_children, PlantedBug::undoes_what_was_kept,
                            PlantedBug::acts_before_commit, PlantedBug::repeats_after_success);
  planted_bug = bug;
  std::string difference;
  for (const Family& family : all_families()) {
    difference = Enumeration(family).run(false).difference;
    if (!difference.empty()) break;
  }
  planted_bug = PlantedBug::none;
  INFO("planted bug " << static_cast<int>(bug));
  CHECK_FALSE(difference.empty());
}
