#include <catch2/catch.hpp>

#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

/// The event as the store gives it to the wait that the step's last call asked for.
EventArrived given(const Course& course, const std::string& step, std::uint64_t number = 1,
                   std::string data = R"({"by":"ann"})") {
  const StepIndex index = *find_step(*course.job.definition, step);
  return {
      {index,
       course.job.steps[index].last_call,
       {{number}, "event-" + std::to_string(number), "approval", JsonText(std::move(data)), noon}}};
}

std::vector<std::string> ended(const CallRequest& request) {
  std::vector<std::string> told;
  for (const EndedWait& wait : request.ended_waits) {
    told.push_back(wait.key + ": " + (wait.event ? wait.event->data.text() : "time was up"));
  }
  return told;
}
std::vector<std::string> ended(const Course& course, const std::string& step) {
  return ended(request_of(course.job, *find_step(*course.job.definition, step), {}));
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("W1: an event ends the wait for it and is no attempt", "[engine]") {
  Course course({plain("a")});
  course.run("a", awaits("approval", 72h));
  REQUIRE(course.step("a") == "suspended, possible, 0");

  course.take(given(course, "a"));

  CHECK(course.step("a") == "ready, possible, 0");
}

TEST_CASE("W2: an event stays readable to every later call of the step", "[engine]") {
  Course course({plain("a")});
  course.run("a", awaits("approval")).take(given(course, "a"));

  course.call("a");
  CHECK(ended(course, "a") == Strings{R"(approval: {"by":"ann"})"});
  course.end("a", ends(OutcomeKind::retry)).wake("a").call("a");
  CHECK(ended(course, "a") == Strings{R"(approval: {"by":"ann"})"});
}

TEST_CASE("W1: the first of an event and the time wakes the step and the other is late",
          "[engine]") {
  Course by_time({plain("a")});
  by_time.run("a", awaits("approval", 5s));
  const EventArrived late = given(by_time, "a");
  by_time.wake("a").take(late);
  CHECK(by_time.answer() == "ignored");

  Course by_event({plain("a")});
  by_event.run("a", awaits("approval", 5s));
  by_event.take(given(by_event, "a")).wake("a");
  CHECK(by_event.step("a") == "ready, possible, 0");
  by_event.call("a");
  CHECK(ended(by_event, "a") == Strings{R"(approval: {"by":"ann"})"});
}

TEST_CASE("W1: a wake names its wait so that one for an earlier wait changes nothing", "[engine]") {
  Course course({plain("a")});
  course.run("a", awaits("approval", 5s));
  const EventArrived for_the_first = given(course, "a");
  course.wake("a").run("a", awaits("approval", 5s));

  course.take(for_the_first);

  CHECK(course.answer() == "ignored");
  CHECK(course.step("a") == "suspended, possible, 0");
}

TEST_CASE("W2: an event given twice is taken once", "[engine]") {
  Course course({plain("a")});
  course.run("a", awaits("approval"));
  const EventArrived once = given(course, "a");
  course.take(once).take(once);

  CHECK(course.answer() == "ignored");
  CHECK(course.state("a").ended_waits.size() == 1);
}

TEST_CASE("W1: a time-out without an event is kept for the later calls", "[engine]") {
  Course course({plain("a")});
  course.run("a", awaits("approval", 5s)).wake("a").call("a");

  CHECK(ended(course, "a") == Strings{"approval: time was up"});
}

TEST_CASE("C3: a job that turns back ends its waits and an event comes too late", "[engine]") {
  Course course({saga("paid"), plain("approval")});
  course.run("paid").run("approval", awaits("approval"));
  const EventArrived late = given(course, "approval");

  course.verb({.kind = Verb::Kind::cancel});
  course.take(late);

  CHECK(course.answer() == "ignored");
  CHECK(course.step("approval") == "abandoned, possible, 0");
  course.run("paid");
  CHECK(course.settled() == "cancelled");
}

TEST_CASE("W2: a compensation has waits of its own", "[engine]") {
  Course course({saga("a"), plain("b")});
  course.run("a", awaits("approval")).take(given(course, "a")).run("a");
  course.run("b", ends(OutcomeKind::refused));

  course.call("a");
  CHECK(ended(course, "a").empty());
  course.end("a", awaits("approval")).take(given(course, "a", 2, "[2]")).call("a");

  CHECK(ended(course, "a") == Strings{"approval: [2]"});
}

TEST_CASE("a step that waits without end parks once it has waited a thousand times", "[engine]") {
  Course course({plain("a")});
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    course.run("a", awaits("approval")).take(given(course, "a", number));
  }

  course.run("a", awaits("approval"));

  CHECK(course.step("a") == "parked, possible, 0");
  CHECK(std::get<Parked>(course.state("a").condition).error.code == "too_many_waits");
}
