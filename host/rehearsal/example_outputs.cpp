#include "host/rehearsal/example_outputs.hpp"

#include <boost/json.hpp>
#include <optional>

#include "host/engine/job_state.hpp"
#include "host/engine/json_pointer.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/reference.hpp"
#include "host/engine/schema.hpp"
#include "host/rehearsal/example_value.hpp"

namespace stepd::rehearsal {

namespace json = boost::json;
using namespace engine;

namespace {

constexpr std::size_t elements_made_max = 100;

/// "/steps/out/output/receipt" taken apart.
struct Wanted {
  StepIndex step = 0;
  std::vector<std::string> path;  // within the output
};

std::optional<Wanted> wanted_by(const std::string& target, const JobDefinition& job) {
  auto tokens = pointer_tokens(target).value_or(std::vector<std::string>{});
  if (tokens.size() < 3 || tokens[0] != "steps" || tokens[2] != "output") return std::nullopt;
  const auto step = find_step(job, tokens[1]);
  if (!step) return std::nullopt;
  tokens.erase(tokens.begin(), tokens.begin() + 3);
  return Wanted{*step, std::move(tokens)};
}

const json::object* object_of(const json::value* schema) {
  return schema ? schema->if_object() : nullptr;
}

class Maker {
 public:
  Maker(const JobDefinition& job, const Catalogue& catalogue) : job_(job) {
    for (const StepDefinition& step : job.steps) {
      const StepType* type = catalogue.find(step.type);
      types_.push_back(type);
      schemas_.push_back(type && !type->output_schema.empty() ? value_of(type->output_schema.view())
                                                              : json::value(json::object()));
      values_.push_back(schemas_.back().is_object() ? first(schemas_.back().get_object())
                                                    : json::value(json::object()));
    }
  }

  ExampleOutputs make() && {
    for (StepIndex step = 0; step < job_.steps.size(); ++step) {
      if (!job_.steps[step].args_have_references) continue;
      const StepSchema* schema = types_[step] ? &types_[step]->args_schema : nullptr;
      refer(job_.steps[step].args, schema && !schema->empty() ? &schema->value() : nullptr);
    }
    if (!job_.output.empty()) refer(job_.output, nullptr);
    ExampleOutputs made;
    for (StepIndex step = 0; step < job_.steps.size(); ++step) {
      remark(made.remarks, step);
      made.outputs.push_back(JsonText(text_of(values_[step])));
    }
    return made;
  }

 private:
  static json::value first(const json::object& schema) {
    if (schema.empty()) return json::object();
    return example_value(schema, schema);
  }

  /// Sees to it that everything the expression refers to is there.
  void refer(const JsonText& expression, const json::value* args_schema) {
    for (const Reference& reference : references_in(value_of(expression.view())).found) {
      const auto wanted = wanted_by(reference.target, job_);
      if (!wanted) continue;
      static const json::object unknown;
      const json::object* root = object_of(args_schema);
      const json::object* place = root ? root : &unknown;
      for (const std::string& token :
           pointer_tokens(reference.pointer).value_or(std::vector<std::string>{})) {
        place = root ? &schema_of_child(*place, *root, token) : &unknown;
      }
      provide(*wanted, *place, root ? *root : unknown);
    }
  }

  void provide(const Wanted& wanted, const json::object& asked, const json::object& asked_root) {
    json::value* value = &values_[wanted.step];
    const json::object* root = schemas_[wanted.step].if_object();
    static const json::object unknown;
    const json::object* place = root ? root : &unknown;
    for (std::size_t at = 0; at < wanted.path.size(); ++at) {
      const std::string& token = wanted.path[at];
      if (place->empty()) make_room(*value, token);
      place = &schema_of_child(*place, root ? *root : unknown, token);
      const bool is_last = at + 1 == wanted.path.size();
      json::value made = json::object();
      if (!place->empty()) {
        made = example_value(*place, *root);
      } else if (is_last) {
        made = example_value(asked, asked_root);
      }
      value = child_of(*value, token, made);
      if (value == nullptr) return;
    }
  }

  /// Of what may be anything, something that can have such a member or element.
  static void make_room(json::value& value, const std::string& token) {
    if (value.is_object() || value.is_array()) return;
    value = array_index(token) ? json::value(json::array()) : json::value(json::object());
  }

  /// The member or element, put there when it is missing; none where there can be none.
  static json::value* child_of(json::value& value, const std::string& token,
                               const json::value& made) {
    if (auto* object = value.if_object()) {
      return &object->emplace(token, made).first->value();
    }
    auto* array = value.if_array();
    const auto index = array_index(token);
    if (!array || !index || *index >= elements_made_max) return nullptr;
    while (array->size() <= *index) array->push_back(made);
    return &(*array)[*index];
  }

  void remark(std::vector<std::string>& remarks, StepIndex step) {
    const json::object* schema = schemas_[step].if_object();
    if (!schema || schema->empty()) return;
    const SchemaVerdict verdict = check_and_complete(values_[step], schemas_[step], {});
    if (verdict.problems.empty()) return;
    remarks.push_back("the output made up for step \"" + job_.steps[step].id +
                      "\" does not fit its schema: " + verdict.problems.front().pointer + " " +
                      verdict.problems.front().message + "; give one that does");
  }

  const JobDefinition& job_;
  std::vector<const StepType*> types_;
  std::vector<json::value> schemas_;
  std::vector<json::value> values_;
};

}  // namespace

ExampleOutputs example_outputs(const JobDefinition& job, const Catalogue& catalogue) {
  return Maker(job, catalogue).make();
}

}  // namespace stepd::rehearsal
