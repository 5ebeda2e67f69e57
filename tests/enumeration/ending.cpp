#include "tests/enumeration/ending.hpp"

#include <algorithm>

#include "host/engine/names.hpp"
#include "host/engine/reference.hpp"
#include "host/engine/step_graph.hpp"

namespace stepd::enumeration {

using namespace engine;
using rehearsal::Played;

namespace {

/// Whether a compensation undid something, or only ran because nobody could tell.
std::string word_of(const Played& played) {
  const bool undid = !played.undone.empty();
  if (played.word == JobWord::compensated && !undid) return "failed";
  return std::string(name_of(played.word));
}

std::string cause_of(const Played& played) {
  const auto& cause = played.state.cause;
  if (!cause) return "none";
  std::string text(name_of(cause->kind));
  if (cause->kind == Cause::Kind::step_abandoned) {
    text += " " + played.state.definition->steps[cause->step].id;
  }
  return text;
}

bool is_out_of_the_way(const StepCondition& condition) {
  return std::holds_alternative<Abandoned>(condition) || std::holds_alternative<Never>(condition) ||
         std::holds_alternative<Compensated>(condition);
}

std::string step_text(const Played& played, StepIndex index) {
  const StepState& step = played.state.steps[index];
  const rehearsal::GhostStep& outside = played.world[index];
  const std::string there = outside.applied ? "its effect is there" : "nothing is there";
  if (is_out_of_the_way(step.condition)) return "given up, " + there;
  std::string text(name_of(step.condition));
  if (const auto* parked = std::get_if<Parked>(&step.condition)) {
    text +=
        " (" + std::string(name_of(parked->reason)) + ", " + std::string(name_of(step.phase)) + ")";
    // It is in doubt, that is.
    if (parked->reason == ParkReason::effect_in_doubt) return text;
  }
  text += ", " + there + ", args " + args_of(played.state, index).text();
  if (!step.output.empty()) text += ", output " + step.output.text();
  return text;
}

/// Of a list of steps, which undid something before which; of other graphs the judge sees to it.
std::string undone_text(const Played& played) {
  const std::vector<StepDefinition>& steps = played.state.definition->steps;
  for (StepIndex index = 1; index < steps.size(); ++index) {
    if (steps[index].after != std::vector<StepIndex>{index - 1}) return "in reverse of the graph";
  }
  std::string text;
  for (const StepIndex step : played.undone) text += steps[step].id + " ";
  return text;
}

}  // namespace

std::string ending_of(const Played& played) {
  if (played.state.steps.empty()) return "no job";
  std::string text = word_of(played) + ", cause " + cause_of(played) +
                     (played.state.past_pivot ? ", past its pivot" : "") +
                     (played.state.paused ? ", paused" : "") + "\n";
  for (StepIndex index = 0; index < played.world.size(); ++index) {
    text += played.state.definition->steps[index].id + ": " + step_text(played, index) + "\n";
    for (const StepBlob& blob : played.blobs[index]) {
      text +=
          "  " + std::string(name_of(blob.phase)) + " '" + blob.key + "' = " + blob.bytes + "\n";
    }
  }
  text += "undone: " + undone_text(played) + "\n";
  if (played.word == JobWord::succeeded) {
    const Resolution output = job_output(played.state);
    const auto* value = std::get_if<JsonText>(&output);
    text += "output: " + (value ? value->text() : "none") + "\n";
  }
  return text;
}

}  // namespace stepd::enumeration
