#include "host/workshop/module_steps.hpp"

#include <boost/json.hpp>

#include "host/engine/schema.hpp"

namespace stepd::workshop {

namespace json = boost::json;

namespace {

std::string list_of(const plugin::PluginDescription& description) {
  std::string list;
  for (const auto& step : description.steps) {
    list += (list.empty() ? "" : ", ") + step.type.name;
  }
  return list.empty() ? "no step types at all" : list;
}

}  // namespace

const engine::StepType* type_named(const plugin::PluginDescription& description,
                                   const std::string& name, const std::string& file,
                                   Report& report) {
  for (const auto& step : description.steps) {
    if (step.type.name == name) return &step.type;
  }
  report.say("error: " + file + " offers no step type " + name + "; it offers " +
             list_of(description));
  return nullptr;
}

std::optional<engine::JsonText> completed(const engine::StepType& type, const std::string& text,
                                          Report& report) {
  json::value args = json::parse(text);
  if (type.args_schema.empty()) return engine::JsonText(text);
  const auto verdict = engine::check_and_complete(args, type.args_schema.value(), {});
  for (const auto& problem : verdict.problems) {
    report.say("error: the arguments of " + type.name + ": " +
               (problem.pointer.empty() ? "" : problem.pointer + ": ") + problem.message);
  }
  if (!verdict.problems.empty()) return std::nullopt;
  return engine::JsonText(verdict.completed ? json::serialize(args) : text);
}

}  // namespace stepd::workshop
