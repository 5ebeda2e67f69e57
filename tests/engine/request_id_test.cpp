#include "host/engine/request_id.hpp"

#include <catch2/catch.hpp>

#include "tests/support/course.hpp"

using namespace stepd::testing;

namespace {

/// Two steps beside each other, both parked.
Course parked_beside() {
  StepSketch a = plain("a");
  StepSketch b = plain("b");
  a.after = b.after = std::vector<StepIndex>{};
  Course course({a, b});
  course.run("a", ends(OutcomeKind::bad_answer)).run("b", ends(OutcomeKind::bad_answer));
  return course;
}

Verb skip(std::string step, char content = 'x') {
  return {.kind = Verb::Kind::skip,
          .step = std::move(step),
          .reason = "because",
          .request_id = "r1",
          .actor = "alice",
          .content = {std::string(32, content)}};
}

}  // namespace

TEST_CASE("O1: a request id used again for another step is refused and nothing happens",
          "[engine]") {
  Course course = parked_beside();
  course.verb(skip("a"));
  const std::size_t rows = course.rows.size();

  course.verb(skip("b", 'y'));

  CHECK(course.answer() ==
        R"(the request id "r1" was used for skip of step "a" before: give each request its own)");
  CHECK(course.step("b") == "parked, possible, 1");
  CHECK(course.rows.size() == rows);
}

TEST_CASE("O1: a request id used again with another reason or other content is refused",
          "[engine]") {
  Course course = parked_beside();
  course.verb(skip("a"));

  Verb because_of_more = skip("a", 'y');
  because_of_more.reason = "something else";
  course.verb(because_of_more);
  CHECK(course.answer() == R"(the request id "r1" was used for skip of step "a" before, )"
                           "with another reason: give each request its own");
  course.verb(skip("a", 'y'));
  CHECK(course.answer() == R"(the request id "r1" was used for skip of step "a" before, )"
                           "with other content: give each request its own");
}

TEST_CASE("O1: the same request by somebody else is the same request after a restart too",
          "[engine]") {
  Course course = parked_beside();
  course.verb(skip("a"));
  course.job = course.recovered();
  Verb again = skip("a");
  again.actor = "bob";

  course.verb(again);
  CHECK(course.answer() == "ignored");
  course.verb(skip("a", 'y'));
  CHECK(course.answer().find("with other content") != std::string::npos);
}

TEST_CASE("O1: of a request recorded before contents were only verb and step and reason count",
          "[engine]") {
  Course course = parked_beside();
  Verb old = skip("a");
  old.content = {};
  course.verb(old);

  course.verb(skip("a"));
  CHECK(course.answer() == "ignored");
  course.verb(skip("b"));
  CHECK(course.answer().find("was used for skip of step \"a\" before") != std::string::npos);
}

TEST_CASE("O1: a settled job still knows what its request ids stand for", "[engine]") {
  Course course = parked_beside();
  course.verb(skip("a"));
  Verb other = skip("b");
  other.request_id = "r2";
  course.verb(other);
  REQUIRE(course.settled() == "succeeded");

  course.verb(skip("a"));
  CHECK(course.answer() == "ignored");
  Verb rerun{.kind = Verb::Kind::rerun, .request_id = "r2"};
  const auto derived = derive(course.job, rerun);
  REQUIRE(std::holds_alternative<Refused>(derived));
  CHECK(std::get<Refused>(derived).why == Refused::Why::request_taken);
}

TEST_CASE("O1: the request that has made a job makes no further one of that job", "[engine]") {
  Course old({plain("a")});
  old.run("a");
  const Verb rerun{.kind = Verb::Kind::rerun, .request_id = "r1"};
  Course made(old, std::get<DerivedJob>(derive(old.job, rerun)));
  made.run("a");

  const auto again = derive(made.job, rerun);

  const auto* refused = std::get_if<Refused>(&again);
  REQUIRE(refused);
  CHECK(refused->why == Refused::Why::request_taken);
  CHECK(refused->message == "the request id \"r1\" has made job " + to_text(made.job.id) +
                                " itself: give each request its own");
}
