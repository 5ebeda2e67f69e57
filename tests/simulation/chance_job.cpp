#include "tests/simulation/chance_job.hpp"

#include <iterator>
#include <optional>
#include <vector>

#include "host/engine/validate.hpp"

namespace stepd::simulation {

using namespace engine;
using namespace std::chrono_literals;

namespace {

Catalogue make_types() {
  const std::vector<StepType> types{
      {.name = "sim.plain", .timeout = 10s},
      {.name = "sim.plain_probed", .offers_probe = true, .retry = {.attempts_max = 3}},
      {.name = "sim.saga", .kind = StepKind::saga, .timeout = 10s, .compensate_timeout = 10s},
      {.name = "sim.probed", .kind = StepKind::saga, .offers_probe = true, .heartbeat = 5s},
      {.name = "sim.once", .kind = StepKind::saga, .not_repeatable = true, .timeout = 10s},
      {.name = "sim.stubborn", .kind = StepKind::saga, .compensate_retry = {.attempts_max = 3}}};
  Catalogue catalogue;
  for (StepType type : types) {
    type.plugin = "sim 1";
    type.module = {7};
    if (type.kind == StepKind::saga) type.retry.attempts_max = 3;
    type.retry.initial = 1s;
    type.retry.jitter = 0.1;
    catalogue.types.emplace(type.name, type);
  }
  return catalogue;
}

/// Of the steps before `index` those that no other of them comes after.
std::vector<StepIndex> ends_before(const std::vector<StepDefinition>& steps, StepIndex index) {
  std::vector<StepIndex> ends;
  for (StepIndex step = 0; step < index; ++step) {
    bool is_end = true;
    for (const StepDefinition& later : steps) {
      for (const StepIndex before : later.after) is_end = is_end && before != step;
    }
    if (is_end) ends.push_back(step);
  }
  return ends;
}

/// Every step is before the pivot or after it.
std::vector<StepIndex> after_by_chance(tests::Chance& chance,
                                       const std::vector<StepDefinition>& steps,
                                       std::optional<StepIndex> pivot) {
  const auto index = static_cast<StepIndex>(steps.size());
  if (pivot == index) return ends_before(steps, index);
  const bool is_behind = pivot && *pivot < index;
  std::vector<StepIndex> after;
  for (StepIndex step = is_behind ? *pivot : 0; step < index; ++step) {
    if (chance.coin()) after.push_back(step);
  }
  if (after.empty() && is_behind) after.push_back(*pivot);
  return after;
}

const std::string of_account = R"({"from":{"$ref":"/args/account"}})";
const std::string of_step = R"({"from":{"$ref":"/steps/s)";

/// To what a step before it returns, or to the job's arguments.
void refer_by_chance(tests::Chance& chance, StepDefinition& step) {
  if (chance.below(3) != 0) return;
  step.args_have_references = true;
  step.args = JsonText(of_account);
  if (step.after.empty()) return;
  const StepIndex before = step.after[chance.below(step.after.size())];
  step.args = JsonText(of_step + std::to_string(before) + R"(/output/n"}})");
}

}  // namespace

std::string args_by_hand(const std::string& args, const std::map<StepIndex, std::string>& outputs) {
  if (args == of_account) return R"({"from":7})";
  const auto before = static_cast<StepIndex>(std::stoul(args.substr(of_step.size())));
  const auto output = outputs.find(before);
  if (output == outputs.end()) return "nothing, for there is no output";
  const std::string member = R"({"n":)";
  return R"({"from":)" + output->second.substr(member.size());
}

const Catalogue& all_types() {
  static const Catalogue types = make_types();
  return types;
}

bool is_saga(const std::string& type) { return all_types().find(type)->kind == StepKind::saga; }

std::shared_ptr<const Catalogue> catalogue_by_chance(tests::Chance& chance) {
  auto catalogue = std::make_shared<Catalogue>(all_types());
  if (chance.coin()) {
    const std::size_t missing = chance.below(catalogue->types.size());
    catalogue->types.erase(
        std::next(catalogue->types.begin(), static_cast<std::ptrdiff_t>(missing)));
  } else if (chance.coin()) {
    for (auto& [name, type] : catalogue->types) type.module = {8};
  }
  return catalogue;
}

JobDefinition job_by_chance(tests::Chance& chance, const Catalogue& loaded, std::size_t steps_max) {
  const std::size_t steps = 1 + chance.below(steps_max);
  const bool is_list = chance.coin();
  std::optional<StepIndex> pivot;
  if (chance.below(3) == 0) pivot = static_cast<StepIndex>(chance.below(steps));
  JobDefinition definition{.name = "job", .args = JsonText(R"({"account":7})")};
  for (StepIndex index = 0; index < steps; ++index) {
    const auto type =
        std::next(all_types().types.begin(),
                  static_cast<std::ptrdiff_t>(chance.below(all_types().types.size())));
    StepDefinition step{.id = "s" + std::to_string(index),
                        .type = type->first,
                        .args = JsonText("{}"),
                        .pivot = index == pivot};
    if (!is_list) {
      step.after = after_by_chance(chance, definition.steps, pivot);
    } else if (index > 0) {
      step.after = {index - 1};
    }
    refer_by_chance(chance, step);
    if (const StepType* known = loaded.find(step.type)) {
      step.snapshot = snapshot_of(*known, step, {});
    }
    definition.steps.push_back(std::move(step));
  }
  return definition;
}

}  // namespace stepd::simulation
