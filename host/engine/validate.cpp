#include "host/engine/validate.hpp"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "host/engine/json_children.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_place.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/lint.hpp"
#include "host/engine/reference.hpp"
#include "host/engine/schema.hpp"
#include "host/engine/span.hpp"
#include "host/engine/spelling.hpp"
#include "host/engine/step_graph.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

// What stands at the top of every pointer.
constexpr Place root;

constexpr StepIndex no_step = std::numeric_limits<StepIndex>::max();

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '_' || letter == '-' || letter == '.';
  });
}

bool is_printable(std::string_view text) {
  return std::ranges::none_of(text, [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte < 0x20U || byte == 0x7fU;
  });
}

/// A text without a dollar, or an escape that could be one, holds neither references nor literals.
bool may_hold_references(std::string_view text) {
  return text.find('$') != std::string_view::npos || text.find("\\u") != std::string_view::npos;
}

bool holds_literal(const json::value& value) {
  if (const json::array* array = value.if_array())
    return std::ranges::any_of(*array, holds_literal);
  const json::object* object = value.if_object();
  return object && (object->contains("$literal") ||
                    std::ranges::any_of(
                        *object, [](const auto& each) { return holds_literal(each.value()); }));
}

class Judge {
 public:
  Judge(JobDefinition definition, const Catalogue& catalogue, const PolicyDefaults& defaults,
        const Limits& limits)
      : job_(std::move(definition)), catalogue_(catalogue), defaults_(defaults), limits_(limits) {}

  Validated validated() &&;

 private:
  void names();
  void name(std::string_view name, const Place& place);
  void word(std::string_view word, const Place& place, std::string_view what);
  bool length(std::string_view text, const Place& place);
  void size(const JsonText& text, std::size_t bytes_max, const Place& place);
  void ids();
  [[nodiscard]] bool knows_predecessors();
  void order(const StepGraph& graph);
  void pivot(const StepGraph& graph);

  void step(StepIndex index, const StepGraph& graph);
  void policy(const RetryOverrides& retry, const Place& place);
  void span(const std::optional<Duration>& span, const Place& place);
  void type(StepDefinition& step, const Place& place);
  void args(StepIndex index, const StepGraph& graph, const Place& place);
  void references(const std::vector<Reference>& found, const Place& place, const StepGraph& graph,
                  std::optional<StepIndex> from);
  void reference(const Reference& reference, const Place& place, const StepGraph& graph,
                 std::optional<StepIndex> from);
  void output(const StepGraph& graph);

  void unknown_type(std::string_view type, const Place& place);
  void append(std::vector<Problem> warnings) {
    for (Problem& warning : warnings) {
      if (warnings_.size() < problems_max) warnings_.push_back(std::move(warning));
    }
  }

  void refuse(const Place& place, std::string_view code, std::string message) {
    add({std::string(code), place.pointer(), std::move(message)});
  }
  [[nodiscard]] bool is_full() const { return problems_.size() >= problems_max; }
  void add(Problem problem) {
    if (!is_full()) problems_.push_back(std::move(problem));
  }

  JobDefinition job_;
  const Catalogue& catalogue_;
  const PolicyDefaults& defaults_;
  const Limits& limits_;
  json::monotonic_resource memory_;
  std::unordered_map<std::string_view, StepIndex> by_id_;
  JsonChildren children_;  // of the job's args
  std::vector<Problem> problems_;
  std::vector<Problem> warnings_;
  std::set<std::string> unknown_types_;  // warned of already
};

Validated Judge::validated() && {
  names();
  const Place steps = root.at("steps");
  if (job_.steps.empty()) {
    refuse(steps, "no_steps", "must hold at least one step");
  } else if (job_.steps.size() > limits_.steps_max) {
    refuse(steps, "too_many_steps",
           "has " + std::to_string(job_.steps.size()) + " steps; the limit is " +
               std::to_string(limits_.steps_max) + ": make several jobs of it");
  } else {
    ids();
    if (knows_predecessors()) {
      const StepGraph graph(job_.steps);
      order(graph);
      if (graph.cycle().empty()) {
        for (StepIndex index = 0; index < job_.steps.size(); ++index) step(index, graph);
        output(graph);
        if (problems_.empty()) append(lint(job_, graph));
      }
    }
  }
  return {std::move(job_), std::move(problems_), std::move(warnings_)};
}

void Judge::names() {
  name(job_.name, root.at("name"));
  name(job_.key, root.at("key"));
  if (!is_word(job_.tenant) || job_.tenant.size() > limits_.name_bytes_max) {
    refuse(root, "bad_name",
           "the tenant " + in_quotes(job_.tenant.substr(0, 60)) +
               " is none: it has letters, digits, '_', '-' and '.', at most " +
               std::to_string(limits_.name_bytes_max) + " of them");
  }
  size(job_.args, limits_.args_bytes_max, root.at("args"));
  size(job_.output, limits_.args_bytes_max, root.at("output"));
  span(job_.deadline, root.at("deadline"));
}

void Judge::name(std::string_view name, const Place& place) {
  if (length(name, place) && !is_printable(name)) {
    refuse(place, "bad_name", "must not hold control characters");
  }
}

void Judge::word(std::string_view word, const Place& place, std::string_view what) {
  if (word.empty()) {
    return refuse(place, "missing_member",
                  "is missing or empty; give the step " + std::string(what));
  }
  if (length(word, place) && !is_word(word)) {
    refuse(place, "bad_name",
           "may hold letters, digits, '_', '-' and '.' only, not " + in_quotes(word));
  }
}

bool Judge::length(std::string_view text, const Place& place) {
  if (text.size() <= limits_.name_bytes_max) return true;
  refuse(place, "too_long",
         "has " + std::to_string(text.size()) + " bytes; the limit is " +
             std::to_string(limits_.name_bytes_max));
  return false;
}

void Judge::size(const JsonText& text, std::size_t bytes_max, const Place& place) {
  if (text.view().size() <= bytes_max) return;
  refuse(place, "too_large",
         "has " + std::to_string(text.view().size()) + " bytes; the limit is " +
             std::to_string(bytes_max) + ": keep large content elsewhere and pass on where it is");
}

void Judge::ids() {
  const Place steps = root.at("steps");
  by_id_.reserve(job_.steps.size());
  for (StepIndex index = 0; index < job_.steps.size(); ++index) {
    const StepDefinition& step = job_.steps[index];
    const Place here = steps.at(std::size_t{index});
    word(step.id, here.at("id"), "an id, unique in the job");
    word(step.type, here.at("step"), "a step type, such as \"demo.greet\"");
    if (step.id.empty()) continue;
    const auto [first, fresh] = by_id_.emplace(step.id, index);
    if (!fresh) {
      refuse(here.at("id"), "duplicate_step",
             "is the id " + in_quotes(step.id) + " of the step at /steps/" +
                 std::to_string(first->second) + " already; give each step its own");
    }
  }
}

bool Judge::knows_predecessors() {
  const Place steps = root.at("steps");
  const std::size_t before = problems_.size();
  std::vector<StepIndex> named_by(job_.steps.size(), no_step);  // last
  for (StepIndex index = 0; index < job_.steps.size(); ++index) {
    const Place step = steps.at(std::size_t{index});
    const Place after = step.at("after");
    for (std::size_t at = 0; at < job_.steps[index].after.size(); ++at) {
      const StepIndex predecessor = job_.steps[index].after[at];
      if (predecessor >= job_.steps.size()) {
        refuse(after.at(at), "unknown_step", "is no step of this job");
      } else if (std::exchange(named_by[predecessor], index) == index) {
        refuse(after.at(at), "repeated_element", "names a step that stands in this list already");
      }
    }
  }
  return problems_.size() == before;
}

void Judge::order(const StepGraph& graph) {
  if (graph.cycle().empty()) return pivot(graph);
  std::string way;
  for (const StepIndex index : graph.cycle()) way += job_.steps[index].id + " → ";
  const Place steps = root.at("steps");
  const Place step = steps.at(std::size_t{graph.cycle().front()});
  refuse(step.at("after"), "cycle",
         "leads in a circle: " + way + job_.steps[graph.cycle().front()].id +
             "; take one of them out of the after of the one before it");
}

void Judge::pivot(const StepGraph& graph) {
  const Place steps = root.at("steps");
  const auto found = pivot_of(job_.steps);
  if (!found) return;
  const StepIndex pivot = *found;
  const std::string& first = job_.steps[pivot].id;
  for (StepIndex index = 0; index < job_.steps.size(); ++index) {
    if (index == pivot) continue;
    const Place here = steps.at(std::size_t{index});
    if (job_.steps[index].pivot) {
      refuse(here.at("pivot"), "several_pivots",
             "is a second point of no return: the step " + in_quotes(first) + " is one already; " +
                 "leave pivot out of one of the two");
    }
    if (!graph.precedes(index, pivot) && !graph.precedes(pivot, index)) {
      refuse(
          here.at("after"), "beside_pivot",
          "leaves the step neither before nor after the pivot " + in_quotes(first) +
              ", so that nobody could tell whether it may still be undone; name the pivot in its "
              "after, or the step in the pivot's");
    }
  }
}

void Judge::step(StepIndex index, const StepGraph& graph) {
  StepDefinition& step = job_.steps[index];
  const Place steps = root.at("steps");
  const Place here = steps.at(std::size_t{index});
  policy(step.retry, here.at("retry"));
  policy(step.compensate_retry, here.at("compensate_retry"));
  span(step.timeout, here.at("timeout"));
  span(step.heartbeat, here.at("heartbeat"));
  span(step.compensate_timeout, here.at("compensate_timeout"));
  type(step, here);
  args(index, graph, here);
}

void Judge::policy(const RetryOverrides& retry, const Place& place) {
  span(retry.initial, place.at("initial"));
  span(retry.max, place.at("max"));
  if (retry.initial && retry.max && *retry.initial > *retry.max) {
    refuse(place.at("initial"), "out_of_range", "must not be longer than the longest wait, max");
  }
  if (retry.multiplier && !(*retry.multiplier >= 1 && *retry.multiplier <= 1000)) {
    refuse(place.at("multiplier"), "out_of_range", "must lie between 1 and 1000");
  }
  if (retry.jitter && !(*retry.jitter >= 0 && *retry.jitter <= 1)) {
    refuse(place.at("jitter"), "out_of_range", "must lie between 0 and 1: a share of the wait");
  }
}

void Judge::span(const std::optional<Duration>& span, const Place& place) {
  if (!span || (*span > Duration::zero() && *span <= span_max)) return;
  refuse(place, "out_of_range", "must be more than nothing and at most 100 years");
}

void Judge::type(StepDefinition& step, const Place& place) {
  const StepType* type = catalogue_.find(step.type);
  step.snapshot.reset();
  if (type == nullptr) {
    return unknown_type(step.type, place.at("step"));
  }
  step.snapshot = snapshot_of(*type, step, defaults_, job_.pin);
  const bool is_saga = type->kind == StepKind::saga;
  if (is_saga && !merged(defaults_.saga, type->retry, step.retry).ends()) {
    const Place retry = place.at("retry");
    refuse(retry.at("attempts_max"), "endless_saga_retry",
           "must be a number: " + step.type +
               " is a saga step, and a saga that tries for ever never turns back");
  }
}

void Judge::unknown_type(std::string_view type, const Place& place) {
  if (type.empty() || warnings_.size() >= problems_max) return;
  if (!unknown_types_.emplace(type).second) return;
  std::string near;
  if (warnings_.size() < suggestions_max) {
    std::vector<std::string_view> names;
    for (const auto& [name, known] : catalogue_.types) names.push_back(name);
    near = suggestion(type, names);
  }
  warnings_.push_back({std::string(unknown_step_type_code), place.pointer(),
                       "no loaded plugin offers the step type " + in_quotes(type) + near +
                           ": the step would wait until one is put into the plugins folder"});
}

void Judge::args(StepIndex index, const StepGraph& graph, const Place& place) {
  StepDefinition& step = job_.steps[index];
  const Place here = place.at("args");
  if (step.args.empty()) step.args = JsonText("{}");
  const std::size_t before = problems_.size();
  size(step.args, limits_.args_bytes_max, here);
  if (problems_.size() != before) return;
  const StepType* type = catalogue_.find(step.type);
  const bool has_schema = type && !type->args_schema.empty();
  step.args_have_references = false;
  const bool may_refer = may_hold_references(step.args.view());
  if (!has_schema && !may_refer) return;

  json::value value = value_of(step.args.view(), &memory_);
  if (may_refer) {
    References found = references_in(value);
    step.args_have_references = !found.found.empty() || holds_literal(value);
    for (Problem& problem : found.problems) {
      problem.pointer.insert(0, here.pointer());
      add(std::move(problem));
    }
    references(found.found, here, graph, index);
    if (problems_.size() != before) return;
  }
  if (!has_schema) return;
  SchemaVerdict verdict =
      check_and_complete(value, type->args_schema.value(),
                         {.pointer = here.pointer(), .references_fit = step.args_have_references});
  for (Problem& problem : verdict.problems) add(std::move(problem));
  if (verdict.completed && !step.args_have_references) step.args = JsonText(text_of(value));
}

void Judge::references(const std::vector<Reference>& found, const Place& place,
                       const StepGraph& graph, std::optional<StepIndex> from) {
  for (const Reference& each : found) {
    if (is_full()) return;  // looking for near words takes its time
    reference(each, place, graph, from);
  }
}

void Judge::reference(const Reference& reference, const Place& place, const StepGraph& graph,
                      std::optional<StepIndex> from) {
  const auto refuse_it = [&](std::string_view code, const std::string& why) {
    add({std::string(code), place.pointer() + reference.pointer,
         "refers to " + in_quotes(reference.target) + ", " + why});
  };
  const auto tokens = pointer_tokens(reference.target).value_or(std::vector<std::string>{});
  if (!tokens.empty() && tokens.front() == "args") {
    std::string_view part = job_.args.empty() ? "{}" : job_.args.view();
    for (std::size_t depth = 1; depth < tokens.size(); ++depth) {
      part = children_.child(part, tokens[depth]);
      if (part.empty()) {
        return refuse_it("bad_reference",
                         "and the job's args hold no " + in_quotes(tokens[depth]) + " there");
      }
    }
    return;
  }
  if (tokens.size() < 2 || tokens.front() != "steps") {
    return refuse_it("bad_reference",
                     "but a reference begins with /args or with /steps/STEP/output");
  }
  const auto step = by_id_.find(tokens[1]);
  if (step == by_id_.end()) {
    std::string near;
    if (problems_.size() < suggestions_max) {
      std::vector<std::string_view> ids;
      for (const auto& [id, index] : by_id_) ids.push_back(id);
      std::ranges::sort(ids);
      near = suggestion(tokens[1], ids);
    }
    return refuse_it("unknown_step",
                     "but the job has no step " + in_quotes(tokens[1]) + near +
                         "; what is to be passed on as it is stands in {\"$literal\": "
                         "...}");
  }
  if (tokens.size() > 2 && tokens[2] != "output") {
    return refuse_it("bad_reference",
                     "but of a step there is only its output: /steps/" + tokens[1] + "/output");
  }
  if (from && !graph.precedes(step->second, *from)) {
    return refuse_it("not_before",
                     "but the step " + in_quotes(tokens[1]) +
                         " does not come before this one, so its output is not there yet");
  }
  if (tokens.size() < 4) return;
  const StepType* type = catalogue_.find(job_.steps[step->second].type);
  if (!type || type->output_schema.empty()) return;
  if (!rules_out(type->output_schema.value(), std::span(tokens).subspan(3))) return;
  append({{"never_there", place.pointer() + reference.pointer,
           "refers to " + in_quotes(reference.target) + ", which no output of " + type->name +
               " has (see: stepctl step show " + type->name + "): " +
               (from ? "the step will be given up for want of its arguments"
                     : "the job will succeed without an output")}});
}

void Judge::output(const StepGraph& graph) {
  if (job_.output.empty() || !may_hold_references(job_.output.view())) return;
  const Place place = root.at("output");
  References found = references_in(value_of(job_.output.view(), &memory_));
  for (Problem& problem : found.problems) {
    problem.pointer.insert(0, place.pointer());
    add(std::move(problem));
  }
  references(found.found, place, graph, std::nullopt);
}

}  // namespace

Validated validate(JobDefinition definition, const Catalogue& catalogue,
                   const PolicyDefaults& defaults, const Limits& limits) {
  return Judge(std::move(definition), catalogue, defaults, limits).validated();
}

StepTypeSnapshot snapshot_of(const StepType& type, const StepDefinition& step,
                             const PolicyDefaults& defaults, Pin pin) {
  const bool is_saga = type.kind == StepKind::saga;
  StepTypeSnapshot snapshot{
      .version = type.version,
      .kind = type.kind,
      .offers_probe = type.offers_probe,
      .not_repeatable = type.not_repeatable,
      .retry = merged(is_saga ? defaults.saga : defaults.plain, type.retry, step.retry),
      .compensate_retry = merged(defaults.compensate, type.compensate_retry, step.compensate_retry),
      .timeout = step.timeout.value_or(type.timeout),
      .heartbeat = step.heartbeat.value_or(type.heartbeat),
      .compensate_timeout = step.compensate_timeout.value_or(type.compensate_timeout)};
  if (is_saga && !snapshot.retry.ends()) {
    // Asked for while the type was not known to be a saga's; at submit it would have been refused,
    // and the policy of a saga step always ends (A3).
    snapshot.retry.attempts_max =
        defaults.saga.ends() ? defaults.saga.attempts_max : PolicyDefaults{}.saga.attempts_max;
  }
  if (pin == Pin::exact) snapshot.build = type.module;
  return snapshot;
}

}  // namespace stepd::engine
