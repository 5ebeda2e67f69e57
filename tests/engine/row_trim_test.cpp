#include "host/engine/row_trim.hpp"

#include <catch2/catch.hpp>

#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

/// The course with the rows that the trim lets go taken out, and the trim's own count of them.
struct Trimmed {
  JobState state;
  std::vector<std::uint64_t> rows;
};

Trimmed trimmed(const Course& course, const std::vector<JournalRow>& rows) {
  LoadedJob loaded{.id = course.job.id, .definition = encode(*course.job.definition)};
  for (const JournalRow& row : rows) {
    loaded.rows.push_back({row.number, row.at, encode(row.entries)});
  }
  RowTrim trim;
  static_cast<void>(
      fold(loaded, [&](const JobState& job, const JournalRow& row) { trim.note(job, row); }));
  for (const std::uint64_t dropped : trim.take_droppable()) {
    std::erase_if(loaded.rows, [&](const StoredRow& row) { return row.number == dropped; });
  }
  Trimmed result{fold(loaded), {}};
  result.state.definition = course.job.definition;
  for (const StoredRow& row : loaded.rows) result.rows.push_back(row.number);
  return result;
}

Trimmed trimmed(const Course& course) { return trimmed(course, course.rows); }

/// As when the calls of two steps begin and end in the same turns: each two rows become one.
std::vector<JournalRow> in_pairs(const std::vector<JournalRow>& rows) {
  std::vector<JournalRow> pairs{rows.front()};
  for (std::size_t at = 1; at + 1 < rows.size(); at += 2) {
    JournalRow pair = rows[at];
    pair.number = pairs.size() + 1;
    pair.entries.insert(pair.entries.end(), rows[at + 1].entries.begin(),
                        rows[at + 1].entries.end());
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace

TEST_CASE("D6: of a step's calls the first and last twenty stay and the fold is the same",
          "[engine]") {
  const std::vector<std::pair<std::string, std::function<void(Course&)>>> ways{
      {"it fails", [](Course& c) { c.run("a", ends(OutcomeKind::retry)).wake("a"); }},
      {"it overruns",
       [](Course& c) {
         c.call("a").overrun("a").end("a", ends(OutcomeKind::cancelled)).wake("a");
       }},
      {"it suspends", [](Course& c) { c.run("a", sleeps(5s)).wake("a"); }},
      {"its host is gone", [](Course& c) { c.call("a").lose_host().wake("a"); }},
      {"its host ends",
       [](Course& c) { c.call("a").take(HostEnding{}).end("a", ends(OutcomeKind::cancelled)); }}};
  for (const auto& [name, call] : ways) {
    INFO(name);
    Course course({plain("a"), plain("b")});
    for (int times = 0; times < 100; ++times) call(course);
    const Trimmed at_100 = trimmed(course);
    CHECK(at_100.state == course.job);
    CHECK(at_100.rows.front() == 1);
    CHECK(at_100.rows.back() == course.rows.back().number);
    for (int times = 0; times < 100; ++times) call(course);
    const Trimmed at_200 = trimmed(course);
    CHECK(at_200.state == course.job);
    CHECK(at_200.rows.size() == at_100.rows.size());
    CHECK(at_200.rows.size() < 200);
    course.run("a").run("b");
    CHECK(trimmed(course).state == course.job);
  }
}

TEST_CASE("D6: rows that the calls of parallel steps share are let go too", "[engine]") {
  Course course({plain("a"), {.id = "b", .after = std::vector<StepIndex>{}}});
  const auto both_fail = [&course] {
    course.call("a").call("b");
    course.end("a", ends(OutcomeKind::retry)).end("b", ends(OutcomeKind::retry));
    course.wake("a").wake("b");
  };
  for (int times = 0; times < 100; ++times) both_fail();
  const auto at_100 = in_pairs(course.rows);
  const Trimmed trimmed_100 = trimmed(course, at_100);
  for (int times = 0; times < 100; ++times) both_fail();
  const auto at_200 = in_pairs(course.rows);
  const Trimmed trimmed_200 = trimmed(course, at_200);

  CHECK(at_200.size() == 601);
  CHECK(trimmed_200.rows.size() == trimmed_100.rows.size());
  CHECK(trimmed_200.rows.size() < 200);
  CHECK(trimmed_200.state.steps == course.job.steps);
}

TEST_CASE("D6: a step that starts jobs in many waves keeps a bounded journal", "[engine]") {
  // Two are under way after each wave; the first settles each time, and at last all of them.
  Course course({plain("a"), plain("b")});
  std::uint32_t spawned = 0;
  const auto wave = [&] {
    Outcome waits{.kind = OutcomeKind::suspended,
                  .wait = Wait{.children = ChildWait{ChildWait::Until::another_settled,
                                                     spawned == 0 ? 0 : spawned - 1}}};
    for (const std::uint32_t more = spawned == 0 ? 2 : 1; waits.spawns.size() < more; ++spawned) {
      waits.spawns.push_back({std::to_string(spawned), job_of({plain("x")})});
    }
    course.run("a", waits);
    course.take(ChildrenCame{
        {.step = 0, .spawned = spawned, .settled = spawned - 1, .as_of_row = course.job.rows}});
  };

  for (int times = 0; times < 100; ++times) wave();
  const Trimmed at_100 = trimmed(course);
  for (int times = 0; times < 100; ++times) wave();
  const Trimmed at_200 = trimmed(course);

  CHECK(at_200.state == course.job);
  CHECK(at_200.rows.size() == at_100.rows.size());
  CHECK(at_200.rows.size() < 200);

  course.run("a", Outcome{.kind = OutcomeKind::suspended, .wait = Wait{.children = ChildWait{}}});
  course.take(ChildrenCame{
      {.step = 0, .spawned = spawned, .settled = spawned, .as_of_row = course.job.rows}});
  CHECK_FALSE(course.state("a").children.open);
  CHECK(trimmed(course).state == course.job);
  course.run("a").run("b");
  CHECK(trimmed(course).state == course.job);
}

namespace {

/// The journal of a course on disk, kept by a host that dies now and then.
struct Disk {
  LoadedJob record;
  JobState job;
  RowTrim trim{};

  explicit Disk(const Course& course)
      : record{.id = course.job.id, .definition = encode(*course.job.definition)},
        job(fresh(course.job.id, course.job.definition)) {}

  void take_up(const Course& course) {
    for (const JournalRow& row : course.rows) {
      if (row.number > job.rows) write(row);
    }
  }

  void write(const JournalRow& row) {
    apply(job, row);
    trim.note(job, row);
    record.rows.push_back({row.number, row.at, encode(row.entries)});
    for (const std::uint64_t dropped : trim.take_droppable()) {
      std::erase_if(record.rows, [&](const StoredRow& kept) { return kept.number == dropped; });
    }
  }

  void restart() {
    trim = RowTrim{};
    job =
        fold(record, [&](const JobState& state, const JournalRow& row) { trim.note(state, row); });
  }
};

}  // namespace

TEST_CASE("D6: what a step started is let go once it starts more though its host died meanwhile",
          "[engine]") {
  Course course({plain("a"), plain("b")});
  Disk steady(course);
  Disk restarted(course);
  std::uint32_t spawned = 0;
  for (int times = 0; times < 20; ++times) {
    Outcome waits{.kind = OutcomeKind::suspended, .wait = Wait{.children = ChildWait{}}};
    waits.spawns.push_back({std::to_string(spawned++), job_of({plain("x")})});
    course.run("a", waits);
    course.take(ChildrenCame{
        {.step = 0, .spawned = spawned, .settled = spawned, .as_of_row = course.job.rows}});
    for (int calls = 0; calls < 30; ++calls) course.run("a", ends(OutcomeKind::retry)).wake("a");
    steady.take_up(course);
    restarted.take_up(course);
    restarted.restart();
  }

  CHECK(restarted.job.steps == course.job.steps);
  CHECK(restarted.record.rows.size() == steady.record.rows.size());
}
