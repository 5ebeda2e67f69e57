#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/engine/planted_bug.hpp"
#include "tests/simulation/story.hpp"

using stepd::engine::PlantedBug;
using stepd::simulation::missing_from;
using stepd::simulation::play_story;
using stepd::simulation::Sum;

namespace {

constexpr const char* usage =
    "usage: simulate [--from SEED] [--seeds COUNT] [--planted]\n"
    "\n"
    "Plays stories of chance, a seed each, and ends with 1 at the first that breaks a promise.\n"
    "  --from SEED    the first seed (1)\n"
    "  --seeds COUNT  how many (1000)\n"
    "  --planted      plants one bug after the other; ends with 1 if the stories miss one\n";

struct Wanted {
  std::uint64_t from = 1;
  std::uint64_t seeds = 1000;
  bool planted = false;
};

const std::vector<std::pair<PlantedBug, const char*>> bugs{
    {PlantedBug::acknowledges_unstored, "acknowledges_unstored"},
    {PlantedBug::acts_before_commit, "acts_before_commit"},
    {PlantedBug::compensates_in_any_order, "compensates_in_any_order"},
    {PlantedBug::forgets_attempts, "forgets_attempts"},
    {PlantedBug::runs_settled_again, "runs_settled_again"},
    {PlantedBug::refusal_forgets_effect, "refusal_forgets_effect"},
    {PlantedBug::compensates_beside_call, "compensates_beside_call"},
    {PlantedBug::takes_late_reports, "takes_late_reports"},
    {PlantedBug::repeats_after_success, "repeats_after_success"},
    {PlantedBug::ignores_policy_end, "ignores_policy_end"},
    {PlantedBug::never_compensates_in_doubt, "never_compensates_in_doubt"},
    {PlantedBug::loses_given_event, "loses_given_event"},
    {PlantedBug::undoes_what_was_kept, "undoes_what_was_kept"},
    {PlantedBug::settles_before_children, "settles_before_children"},
    {PlantedBug::forgets_children, "forgets_children"},
    {PlantedBug::turns_back_past_pivot, "turns_back_past_pivot"},
    {PlantedBug::repeats_without_asking, "repeats_without_asking"},
    {PlantedBug::repeats_in_doubt, "repeats_in_doubt"},
    {PlantedBug::starts_while_paused, "starts_while_paused"},
    {PlantedBug::skip_forgets_effect, "skip_forgets_effect"},
    {PlantedBug::starts_after_any, "starts_after_any"},
    {PlantedBug::forgets_memos, "forgets_memos"},
    {PlantedBug::forgets_checkpoints, "forgets_checkpoints"},
    {PlantedBug::forgets_last_checkpoint, "forgets_last_checkpoint"},
    {PlantedBug::saves_when_over, "saves_when_over"},
    {PlantedBug::forgets_arguments, "forgets_arguments"},
    {PlantedBug::forgets_undos, "forgets_undos"},
    {PlantedBug::undoes_again, "undoes_again"},
    {PlantedBug::deletes_what_is_needed, "deletes_what_is_needed"},
    {PlantedBug::expires_what_is_needed, "expires_what_is_needed"}};

std::string number(std::uint64_t value) { return std::to_string(value); }

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<Wanted> read_arguments(const std::vector<std::string_view>& arguments) {
  Wanted wanted;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    if (arguments[at] == "--planted") {
      wanted.planted = true;
      continue;
    }
    const bool known = arguments[at] == "--from" || arguments[at] == "--seeds";
    std::uint64_t& value = arguments[at] == "--from" ? wanted.from : wanted.seeds;
    if (!known || ++at == arguments.size() || !read_number(arguments[at], value)) {
      return std::nullopt;
    }
  }
  return wanted;
}

int play_all(const Wanted& wanted) {
  const auto begin = std::chrono::steady_clock::now();
  Sum sum;
  for (std::uint64_t seed = wanted.from; seed - wanted.from < wanted.seeds; ++seed) {
    if (const auto broken = play_story(seed, sum)) {
      std::printf("%s\n", broken->c_str());
      return 1;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  for (const auto& [what, times] : sum.seen)
    std::printf("%10s %s\n", number(times).c_str(), what.data());
  std::printf("%10s crashes\n", number(sum.crashes).c_str());
  std::printf("%s stories from seed %s break no promise; %.1f s\n", number(wanted.seeds).c_str(),
              number(wanted.from).c_str(), took.count());
  const std::string missing = wanted.seeds < 2000 ? "" : missing_from(sum);
  if (!missing.empty()) std::printf("too little happens in them: no %s\n", missing.c_str());
  return missing.empty() ? 0 : 1;
}

int find_planted(const Wanted& wanted) {
  int missed = 0;
  for (const auto& [bug, name] : bugs) {
    stepd::engine::planted_bug = bug;
    std::optional<std::string> broken;
    Sum sum;
    for (std::uint64_t seed = wanted.from; !broken && seed - wanted.from < wanted.seeds; ++seed) {
      broken = play_story(seed, sum);
    }
    missed += broken ? 0 : 1;
    std::printf("%s: %s\n", name, broken ? broken->c_str() : "not found");
  }
  std::printf("%zu bugs planted, %d of them not found\n", bugs.size(), missed);
  return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const auto wanted = read_arguments({words + 1, words + count});
  if (!wanted) {
    std::fputs(usage, stderr);
    return 2;
  }
  return wanted->planted ? find_planted(*wanted) : play_all(*wanted);
}
