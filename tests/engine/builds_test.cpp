#include <catch2/catch.hpp>

#include "host/engine/codec.hpp"
#include "host/engine/job_parser.hpp"
#include "host/engine/validate.hpp"
#include "host/engine/why.hpp"
#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

constexpr ModuleHash old_build{1};  // what a Course begins with
constexpr ModuleHash new_build{2};

/// A new build takes the place of the one there is.
void replace(Course& course, const std::string& type, std::uint32_t version,
             std::uint32_t accepts_from) {
  StepType& loaded = course.catalogue.types.at(type);
  course.catalogue.earlier[type].insert(course.catalogue.earlier[type].begin(), {loaded, false});
  loaded.version = version;
  loaded.accepts_from = accepts_from;
  loaded.module = {loaded.module.value + 1};
}

void withdraw(Course& course, const std::string& type) {
  course.catalogue.earlier[type].insert(course.catalogue.earlier[type].begin(),
                                        {course.catalogue.types.at(type), true});
  course.catalogue.types.erase(type);
}

Course pinned(Course course, Pin pin) {
  JobDefinition definition = *course.job.definition;
  definition.pin = pin;
  for (StepDefinition& step : definition.steps) {
    if (pin == Pin::exact) step.snapshot->build = old_build;
  }
  course.job = fresh(course.job.id, std::make_shared<const JobDefinition>(std::move(definition)));
  apply(course.job, JournalRow{1, noon, {Submitted{}}});
  return course;
}

std::optional<ModuleHash> build_of(const Course& course, const std::string& step) {
  const StepType* type = build_for(course.job, course.at(step), course.catalogue);
  return type ? std::optional(type->module) : std::nullopt;
}

std::string reason(const Course& course) { return why(course.job, course.catalogue).front().code; }

}  // namespace

TEST_CASE("J2: a new build takes new calls when it takes the recorded version over", "[engine]") {
  Course course({plain("a"), plain("b")});
  course.run("a");

  SECTION("a compatible one does") {
    replace(course, "type.b", 2, 1);
    CHECK(build_of(course, "b") == new_build);
    course.call("b");
    CHECK(course.state("b").module == new_build);
    CHECK(request_of(course.job, 1, {}).module == new_build);
    CHECK(request_of(course.job, 1, {}).version == 1);
  }
  SECTION("beside one that is not the build before runs on") {
    replace(course, "type.b", 2, 2);
    CHECK(build_of(course, "b") == old_build);
  }
  SECTION("without the build before the step waits for the version") {
    replace(course, "type.b", 2, 2);
    course.catalogue.earlier.clear();
    CHECK_FALSE(build_of(course, "b"));
    CHECK(reason(course) == "waiting_for_version");
  }
}

TEST_CASE("J2: a job that is pinned to its builds runs on no other", "[engine]") {
  Course course = pinned(Course({plain("a")}), Pin::exact);
  replace(course, "type.a", 1, 1);

  CHECK(build_of(course, "a") == old_build);

  course.catalogue.earlier.clear();
  CHECK_FALSE(build_of(course, "a"));
  CHECK(obstacle(course.job, 0, course.catalogue) == Obstacle::build_missing);
  CHECK(reason(course) == "waiting_for_build");
}

TEST_CASE("J2: a job that is pinned to the latest runs on it whatever its version", "[engine]") {
  Course course = pinned(Course({plain("a")}), Pin::latest);
  replace(course, "type.a", 7, 7);

  CHECK(build_of(course, "a") == new_build);
}

TEST_CASE("J8: a plugin that is taken away executes nothing and undoes what it did", "[engine]") {
  Course course({saga("a"), saga("b")});
  course.run("a");
  withdraw(course, "type.a");
  withdraw(course, "type.b");
  CHECK_FALSE(build_of(course, "b"));
  CHECK(reason(course) == "waiting_for_type");

  course.verb({.kind = Verb::Kind::cancel});

  CHECK(course.step("a") == "ready (compensate), done, 0");
  CHECK(build_of(course, "a") == old_build);
  course.run("a", ends(OutcomeKind::retry)).verb({.kind = Verb::Kind::retry, .step = "a"});
  CHECK(build_of(course, "a") == old_build);
  CHECK(course.run("a").settled() == "cancelled");
}

TEST_CASE("C1: a step is undone by the build that executed it", "[engine]") {
  Course course({saga("a"), plain("b")});
  course.run("a");
  replace(course, "type.a", 1, 1);
  course.run("b", ends(OutcomeKind::refused));
  REQUIRE(course.step("a") == "ready (compensate), done, 0");

  SECTION("while it is there") {
    CHECK(build_of(course, "a") == old_build);
    CHECK(build_for(course.recovered(), 0, course.catalogue)->module == old_build);
  }
  SECTION("by one that takes over once it is not") {
    course.catalogue.earlier.clear();
    CHECK(build_of(course, "a") == new_build);
  }
  SECTION("by the new one when an operator retries it") {
    course.run("a", ends(OutcomeKind::retry));
    course.verb({.kind = Verb::Kind::retry, .step = "a"});
    CHECK(build_of(course, "a") == new_build);
    CHECK(build_for(course.recovered(), 0, course.catalogue)->module == new_build);
  }
  SECTION("and by the new one at once when it has crashed too often on its own") {
    for (int crash = 1; crash <= 3; ++crash) {
      course.run("a", ends(OutcomeKind::crashed));
      if (crash < 3) course.wake("a");
    }
    CHECK(course.step("a") == "ready (compensate), done, 3");
    CHECK(build_of(course, "a") == new_build);
  }
}

TEST_CASE("A7: a step that crashed too often is released by a build its pin takes", "[engine]") {
  Course course = pinned(Course({plain("a")}), GENERATE(Pin::compatible, Pin::exact));
  for (int crash = 1; crash <= 3; ++crash) {
    course.run("a", ends(OutcomeKind::crashed));
    if (crash < 3) course.wake("a");
  }
  REQUIRE(course.step("a") == "parked, possible, 3");

  replace(course, "type.a", 1, 1);
  course.verb({.kind = Verb::Kind::pause});

  const bool released = course.job.definition->pin != Pin::exact;
  CHECK(course.step("a") == (released ? "ready, possible, 3" : "parked, possible, 3"));
}

TEST_CASE("J5: an undo is done by the build that executed the job", "[engine]") {
  Course course({saga("a")});
  course.run("a");
  replace(course, "type.a", 1, 1);

  auto made = derive(course.job, {.kind = Verb::Kind::undo, .request_id = "u"});
  const Course undo(course, std::get<DerivedJob>(std::move(made)));

  CHECK(build_of(undo, "a") == old_build);
}

TEST_CASE("J2: a job accepted with its builds keeps which they are", "[engine]") {
  Catalogue catalogue = catalogue_of({plain("a")});
  auto parsed = parse_job(R"({"pin":"exact","steps":[{"id":"a","step":"type.a"},
                                                      {"id":"b","step":"type.b"}]})",
                          {});
  REQUIRE(parsed.problems.empty());
  const JobDefinition accepted =
      validate(std::move(parsed.definition), catalogue, {}, {}).definition;

  CHECK(accepted.steps[0].snapshot->build == old_build);
  CHECK(decode_definition(encode(accepted)) == accepted);

  Course course({plain("c")});
  course.job = fresh({1}, std::make_shared<const JobDefinition>(accepted));
  course.catalogue = catalogue_of({plain("a"), plain("b")});
  course.run("a");
  CHECK(snapshot(course.job, 1)->build == old_build);
}

TEST_CASE("J6: a pin that is none is refused", "[engine]") {
  const auto parsed = parse_job(R"({"pin":"newest","steps":[{"id":"a","step":"type.a"}]})", {});

  REQUIRE(parsed.problems.size() == 1);
  CHECK(parsed.problems.front().pointer == "/pin");
  CHECK(parsed.problems.front().message == R"(must be "compatible", "exact" or "latest")");
}
