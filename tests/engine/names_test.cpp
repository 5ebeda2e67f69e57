#include "host/engine/names.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace stepd::engine;

namespace {

/// All words of an enum whose last enumerator this is.
template <class Enum>
std::vector<std::string_view> words(Enum last) {
  std::vector<std::string_view> all;
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    all.push_back(name_of(static_cast<Enum>(value)));
  }
  return all;
}

void check_distinct(const std::vector<std::string_view>& all) {
  CHECK(std::set(all.begin(), all.end()).size() == all.size());
  for (const std::string_view word : all) {
    INFO(word);
    CHECK_FALSE(word.empty());
    CHECK(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
  }
}

}  // namespace

TEST_CASE("every enumerator has a word of its own") {
  check_distinct(words(JobWord::discarded));
  check_distinct(words(Phase::compensate));
  check_distinct(words(Effect::done));
  check_distinct(words(OutcomeKind::interrupted));
  check_distinct(words(StopCause::shutdown));
  check_distinct(words(ParkReason::not_stored));
  check_distinct(words(AbandonReason::turned_back));
  check_distinct(words(SettledState::discarded));
  check_distinct(words(StepKind::saga));
  check_distinct(words(Verb::Kind::remove));
  check_distinct(words(Cause::Kind::deadline));
}

TEST_CASE("every condition of a step has a word of its own") {
  const StepCondition conditions[] = {Pending{},   Ready{},  Running{},    Stopping{}, Retrying{},
                                      Suspended{}, Parked{}, Succeeded{},  Skipped{},  Abandoned{},
                                      Never{},     Left{},   Compensated{}};
  std::vector<std::string_view> all;
  for (const StepCondition& condition : conditions) all.push_back(name_of(condition));
  CHECK(all.size() == std::variant_size_v<StepCondition>);
  check_distinct(all);
}

TEST_CASE("the words of jobs and verbs read back and others do not") {
  for (const std::string_view word : words(JobWord::discarded)) {
    INFO(word);
    REQUIRE(parse_job_word(word));
    CHECK(name_of(*parse_job_word(word)) == word);
  }
  CHECK(parse_verb("delete") == Verb::Kind::remove);
  CHECK(parse_verb("cancel") == Verb::Kind::cancel);
  CHECK(parse_verb("remove") == std::nullopt);
  CHECK(parse_job_word("") == std::nullopt);
  CHECK(parse_job_word("Running") == std::nullopt);
}
