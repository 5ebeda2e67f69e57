#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "host/engine/planted_bug.hpp"
#include "tests/rehearsal/small_bank.hpp"

using namespace stepd::rehearsal;
using namespace stepd::rehearsal::testing;

namespace {

std::string told(const Rehearsed& rehearsed, bool all) {
  std::ostringstream text;
  for (const PathResult& result : rehearsed.results) {
    if (!all && result.verdict == Verdict::ok) continue;
    text << name_of(result.verdict) << "  " << result.path;
    for (const std::string& remark : result.remarks) text << "\n    " << remark;
    text << '\n';
  }
  return text.str();
}

std::size_t count(const Rehearsed& rehearsed, Verdict verdict) {
  std::size_t found = 0;
  for (const PathResult& result : rehearsed.results) found += result.verdict == verdict ? 1 : 0;
  return found;
}

}  // namespace

TEST_CASE("C1 C2: no path through a job breaks a promise") {
  const std::string job = GENERATE(
      as<std::string>(), R"({"steps":[{"id":"a","step":"saga"},{"id":"b","step":"saga"}]})",
      R"({"steps":[{"id":"a","step":"saga"},{"id":"n","step":"plain"},{"id":"b","step":"saga"}]})",
      R"({"steps":[{"id":"a","step":"probed"},{"id":"b","step":"probed"},
                   {"id":"c","step":"once"}]})",
      R"({"steps":[{"id":"a","step":"saga"},{"id":"p","step":"plain","pivot":true},
                   {"id":"b","step":"plain"}]})",
      R"({"steps":[{"id":"a","step":"saga"},{"id":"p","step":"probed","pivot":true},
                   {"id":"b","step":"plain"}]})",
      R"({"steps":[{"id":"a","step":"saga"},{"id":"p","step":"saga","pivot":true},
                   {"id":"b","step":"saga"}]})",
      R"({"steps":[{"id":"a","step":"once","pivot":true},{"id":"b","step":"once"}]})",
      R"({"steps":[{"id":"a","step":"saga"},{"id":"b","step":"saga","after":["a"]},
                   {"id":"c","step":"probed","after":["a"]},{"id":"e","step":"once","after":["a"]},
                   {"id":"d","step":"saga","after":["b","c","e"]}]})",
      R"({"deadline":"1h","steps":[{"id":"a","step":"saga"},{"id":"b","step":"plain"},
                   {"id":"c","step":"probed","pivot":true},{"id":"d","step":"saga"}]})",
      R"({"deadline":"5s","steps":[{"id":"a","step":"saga","timeout":"30s"},
                   {"id":"b","step":"plain","timeout":"30s"},{"id":"c","step":"once"}]})",
      R"({"steps":[{"id":"a","step":"saga","retry":{"attempts_max":1},
                    "compensate_retry":{"attempts_max":1}},
                   {"id":"b","step":"probed","retry":{"attempts_max":1}},
                   {"id":"p","step":"probed","retry":{"attempts_max":1},"pivot":true},
                   {"id":"c","step":"plain","retry":{"attempts_max":1}}]})");
  const Rehearsed rehearsed = rehearse(setting_of(job));

  INFO(job << '\n' << told(rehearsed, false));
  CHECK(rehearsed.results.size() == rehearsed.paths);
  CHECK(rehearsed.results.size() > 5);
  CHECK(count(rehearsed, Verdict::broken) == 0);
  CHECK(count(rehearsed, Verdict::bad_arguments) == 0);
}

TEST_CASE("C4: a path names the plain step whose effect a way back leaves there") {
  const RehearsalSetting setting = setting_of(R"({"steps":[
      {"id":"a","step":"saga"},{"id":"n","step":"plain"},{"id":"b","step":"saga"}]})");
  const Paths paths(*setting.job);

  const PathResult late = rehearse(setting, paths, paths.parse("b:refused").value());
  const PathResult early = rehearse(setting, paths, paths.parse("a:failed").value());

  CHECK(late.verdict == Verdict::effect_stays);
  CHECK(late.ended == stepd::engine::JobWord::compensated);
  CHECK(late.remarks.at(0).find("step \"n\"") != std::string::npos);
  CHECK(late.rows.size() > 3);
  CHECK(early.verdict == Verdict::ok);
}

TEST_CASE("C5: a compensation that is given up is a path that needs an operator") {
  const RehearsalSetting setting =
      setting_of(R"({"steps":[{"id":"a","step":"saga"},{"id":"b","step":"saga"}]})");
  const Paths paths(*setting.job);

  const PathResult result =
      rehearse(setting, paths, paths.parse("b:failed,a.compensate:refused").value());

  CHECK(result.verdict == Verdict::parked);
  CHECK(result.ended == stepd::engine::JobWord::parked);
  CHECK(result.remarks ==
        std::vector<std::string>{"step \"a\" needs an operator (compensation_ended)"});
}

TEST_CASE("the name of every path reads back as the path") {
  const RehearsalSetting setting = setting_of(R"({"deadline":"1h","steps":[
      {"id":"a","step":"probed"},{"id":"a.compensate","step":"saga"},{"id":"p","step":"plain"}]})");
  const Paths paths(*setting.job);

  for (const Path& path : paths.all()) CHECK(paths.parse(paths.name_of(path)) == path);
  CHECK_FALSE(paths.parse("a:"));
  CHECK_FALSE(paths.parse("p:refused,p.compensate:sold"));
  CHECK_FALSE(paths.why_not(paths.parse("p:refused,p.compensate:refused").value()).empty());
}

TEST_CASE("of more paths than there is time for an even part is played") {
  RehearsalSetting setting =
      setting_of(R"({"steps":[{"id":"a","step":"saga"},{"id":"b","step":"saga"}]})");
  setting.steps_played_max = 20;

  const Rehearsed rehearsed = rehearse(setting);

  CHECK(rehearsed.results.size() == 10);
  CHECK(rehearsed.paths > 30);
  CHECK(rehearsed.results.front().path == "all_well");
}

TEST_CASE("C1 C2: the paths of a job find every planted bug that a single job can show") {
  using stepd::engine::PlantedBug;
  const auto bug = GENERATE(PlantedBug::compensates_in_any_order, PlantedBug::forgets_attempts,
                            PlantedBug::refusal_forgets_effect, PlantedBug::compensates_beside_call,
                            PlantedBug::repeats_after_success, PlantedBug::ignores_policy_end,
                            PlantedBug::never_compensates_in_doubt);
  const RehearsalSetting setting = setting_of(R"({"steps":[{"id":"a","step":"saga"},
      {"id":"b","step":"saga","after":["a"]},{"id":"c","step":"saga","after":["a"]},
      {"id":"d","step":"saga","after":["b","c"],"retry":{"attempts_max":2}}]})");

  stepd::engine::planted_bug = bug;
  const Rehearsed rehearsed = rehearse(setting);
  stepd::engine::planted_bug = PlantedBug::none;

  INFO("planted bug " << static_cast<int>(bug));
  CHECK(count(rehearsed, Verdict::broken) > 0);
}
