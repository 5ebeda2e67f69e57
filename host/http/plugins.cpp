#include "host/http/render.hpp"
#include "host/http/routes.hpp"

namespace stepd::http {

Answer list_plugins(const Scope& scope, Request& request) {
  request.query.done();
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.key("plugins");
  json.begin_array();
  for (const plugin::PluginLine& line : scope.host.plugins()) write_plugin(json, line);
  json.end_array();
  json.end_object();
  return reply;
}

Answer list_step_types(const Scope& scope, Request& request) {
  request.query.done();
  const auto catalogue = scope.host.catalogue();
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.key("step_types");
  json.begin_array();
  for (const auto& [name, type] : catalogue->types) write_step_type(json, type, Detail::line);
  json.end_array();
  json.end_object();
  return reply;
}

Answer show_step_type(const Scope& scope, Request& request) {
  request.query.done();
  const auto catalogue = scope.host.catalogue();
  const engine::StepType* type = catalogue->find(request.subject);
  if (type == nullptr) {
    refuse(404, "no_such_step_type",
           "no loaded plugin offers the step type " + request.subject +
               " (see: stepctl step list, and stepctl plugin list for refused files)");
  }
  Reply reply;
  JsonWriter json(reply.body);
  write_step_type(json, *type, Detail::whole);
  return reply;
}

}  // namespace stepd::http
