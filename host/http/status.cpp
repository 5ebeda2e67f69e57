#include "host/engine/names.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/resources.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

void write_storage(JsonWriter& json, const storage::Facts& facts, const std::string& trouble) {
  json.key("storage");
  json.begin_object();
  json.member("backend", facts.backend);
  json.member("place", facts.place);
  json.member("bytes", facts.bytes);
  json.member_or_null("trouble", trouble);
  json.end_object();
}

void write_counts(JsonWriter& json, const std::vector<storage::Count>& counts) {
  json.key("jobs");
  json.begin_object();
  for (const storage::Count& count : counts) json.member(engine::name_of(count.word), count.jobs);
  json.end_object();
}

Reply unhealthy(std::string_view status, const std::string& detail) {
  Reply reply{.status = 503};
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("status", status);
  json.member("detail", detail);
  json.end_object();
  return reply;
}

}  // namespace

Answer show_status(const Scope& scope, Request& request) {
  request.query.done();
  const runtime::HostHealth health = scope.host.health();
  const storage::Facts facts = scope.host.reader().facts();
  std::size_t loaded = 0;
  for (const plugin::PluginLine& line : scope.host.plugins()) {
    loaded += line.standing == plugin::Standing::loaded;
  }
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("version", scope.settings.version);
  json.member("started_at", to_text(health.started_at));
  write_storage(json, facts, health.storage_trouble);
  write_counts(json, scope.host.reader().counts());
  json.member("attention", facts.attention);
  json.member("jobs_in_memory", health.jobs_in_memory);
  json.member("calls_running", health.calls_running);
  json.member("plugins", loaded);
  json.member("step_types", scope.host.catalogue()->types.size());
  json.end_object();
  return reply;
}

Answer show_health(const Scope& scope, Request& request) {
  request.query.done();
  const runtime::HostHealth health = scope.host.health();
  if (!health.storage_trouble.empty()) return unhealthy("storage", health.storage_trouble);
  if (health.ending) return unhealthy("ending", "the host is ending and takes no jobs");
  return Reply{.body = R"({"status":"ok"})"};
}

Answer show_openapi(const Scope& scope, Request& request) {
  request.query.done();
  constexpr std::string_view placeholder = "@STEPD_VERSION@";
  Reply reply{.body = std::string(openapi_document())};
  const auto place = reply.body.find(placeholder);
  if (place != std::string::npos) {
    reply.body.replace(place, placeholder.size(), scope.settings.version);
  }
  return reply;
}

Answer show_job_schema(const Scope&, Request& request) {
  request.query.done();
  return Reply{.body = std::string(job_schema()), .content_type = "application/schema+json"};
}

}  // namespace stepd::http
