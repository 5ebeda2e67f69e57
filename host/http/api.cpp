#include "host/http/api.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "host/http/routes.hpp"
#include "storage/store.hpp"

namespace stepd::http {
namespace {

using Kind = engine::Verb::Kind;

template <Kind verb>
Answer ask(const Scope& scope, Request& request) {
  return act_on_job(scope, request, verb);
}

constexpr std::array table{
    Route{"POST", "/v1/jobs", submit_job, "Submit a job"},
    Route{"POST", "/v1/jobs:batch", submit_batch, "Submit many jobs, one a line"},
    Route{"POST", "/v1/jobs:plan", plan_job, "Say how a job would run, and run nothing"},
    Route{"POST", "/v1/jobs:test", test_job,
          "Play every way a job can take, with scripted steps or real ones"},
    Route{"POST", "/v1/jobs:act", act_on_jobs, "Ask the same of all jobs that a filter finds"},
    Route{"GET", "/v1/jobs", list_jobs, "List jobs, newest first"},
    Route{"GET", "/v1/jobs/{id}", show_job, "Show a job and its steps"},
    Route{"DELETE", "/v1/jobs/{id}", remove_job, "Delete a settled job"},
    Route{"GET", "/v1/jobs/{id}/journal", show_journal, "Read the journal of a job"},
    Route{"GET", "/v1/jobs/{id}/children", list_children, "List the jobs that a job has started"},
    Route{"GET", "/v1/jobs/{id}:watch", watch_job, "Watch a job until it settles"},
    Route{"GET", "/v1/jobs/{id}/why", show_why, "Say what a job waits for"},
    Route{"POST", "/v1/jobs/{id}:cancel", ask<Kind::cancel>, "Cancel a job"},
    Route{"POST", "/v1/jobs/{id}:pause", ask<Kind::pause>, "Start nothing more of a job"},
    Route{"POST", "/v1/jobs/{id}:resume", ask<Kind::resume>, "Let a paused job go on"},
    Route{"POST", "/v1/jobs/{id}:retry", ask<Kind::retry>, "Retry what waits or is parked"},
    Route{"POST", "/v1/jobs/{id}:abandon", ask<Kind::abandon>, "Give up a step"},
    Route{"POST", "/v1/jobs/{id}:skip", ask<Kind::skip>, "Skip a step or its compensation"},
    Route{"POST", "/v1/jobs/{id}:resolve", ask<Kind::resolve>, "State what is true of a step"},
    Route{"POST", "/v1/jobs/{id}:rerun", ask<Kind::rerun>, "Run a settled job again, as a new one"},
    Route{"POST", "/v1/jobs/{id}:undo", ask<Kind::undo>, "Undo a job that succeeded, by a new one"},
    Route{"POST", "/v1/jobs/{id}:priority", ask<Kind::priority>,
          "Let a job go before others, or after"},
    Route{"GET", "/v1/jobs:watch", watch_all, "Watch all jobs from now on"},
    Route{"POST", "/v1/events", send_event, "Send an event to whoever waits for its key"},
    Route{"GET", "/v1/events", list_events, "List the events that are kept, newest first"},
    Route{"GET", "/v1/plugins", list_plugins, "List plugin files, loaded and refused"},
    Route{"GET", "/v1/step-types", list_step_types, "List the step types that can run"},
    Route{"GET", "/v1/step-types/{type}", show_step_type, "Show a step type and its schemas"},
    Route{"GET", "/v1/step-types:usage", show_step_usage, "Say what the calls of each type use"},
    Route{"GET", "/v1/status", show_status, "Say how the host is doing"},
    Route{"GET", "/v1/health", show_health, "Say whether jobs are accepted"},
    Route{"GET", "/v1/openapi.json", show_openapi, "This interface as OpenAPI 3.1"},
    Route{"GET", "/v1/job.schema.json", show_job_schema, "The JSON Schema of a job"},
};

/// What stands for the pattern's {name}; empty when it has none; absent: the path is another.
std::optional<std::string_view> matched(std::string_view pattern, std::string_view path) {
  const auto open = pattern.find('{');
  if (open == std::string_view::npos) {
    return path == pattern ? std::optional(std::string_view{}) : std::nullopt;
  }
  const std::string_view before = pattern.substr(0, open);
  const std::string_view after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size()) return std::nullopt;
  if (!path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  const auto subject = path.substr(before.size(), path.size() - before.size() - after.size());
  if (subject.find_first_of("/:") != std::string_view::npos) return std::nullopt;
  return subject;
}

/// HEAD is answered as GET; the connection keeps the body to itself.
bool serves(const Route& route, std::string_view method) {
  return route.method == method || (method == "HEAD" && route.method == "GET");
}

std::string allowed_methods(std::string_view path) {
  std::string methods;
  for (const Route& route : table) {
    if (!matched(route.pattern, path)) continue;
    if (!methods.empty()) methods += ", ";
    methods += route.method;
    if (route.method == "GET") methods += ", HEAD";
  }
  return methods;
}

Reply not_served(const Head& head) {
  const std::string methods = allowed_methods(head.path);
  if (methods.empty()) {
    return reply_to({.status = 404,
                     .code = "no_such_path",
                     .detail = "there is nothing at " + std::string(head.path) +
                               " (see: GET /v1/openapi.json)"});
  }
  Reply reply = reply_to({.status = 405,
                          .code = "method_not_allowed",
                          .detail = std::string(head.method) + " does not apply to " +
                                    std::string(head.path) + "; " + methods + " does"});
  reply.fields = "Allow: " + methods + "\r\n";
  return reply;
}

/// Tenants are plain words, so that they can stand in a path or a metric as they are.
std::string tenant_of(const Head& head, std::size_t bytes_max) {
  const auto value = head.field("X-Stepd-Tenant");
  if (!value) return "default";
  constexpr std::string_view marks = "._-";
  const bool plain = std::all_of(value->begin(), value->end(), [&](char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') ||
           marks.find(character) != std::string_view::npos;
  });
  if (value->empty() || value->size() > bytes_max || !plain) {
    refuse(400, "bad_tenant",
           "X-Stepd-Tenant is no tenant: 1 to " + std::to_string(bytes_max) +
               " letters, digits, dots, dashes and underscores");
  }
  return std::string(*value);
}

template <typename Work>
auto telling_of_damage(runtime::Host& host, const Work& work) {
  try {
    return work();
  } catch (const storage::StoreError& error) {
    if (error.kind == storage::StoreError::Kind::damaged) host.found_damage(error.what());
    throw;
  }
}

}  // namespace

ApiSettings settings_within(const engine::Limits& limits) {
  ApiSettings settings;
  settings.limits = limits;
  // Blanks and what else the job has come on top, and letters may be sent as escapes.
  const std::uint64_t bytes = 2 * std::uint64_t{limits.args_bytes_max};
  settings.job_bytes_max = std::max(settings.job_bytes_max, bytes);
  settings.batch_bytes_max = std::max(settings.batch_bytes_max, bytes);
  return settings;
}

std::span<const Route> routes() { return table; }

Answer Api::answer(const Head& head, Body& body) const {
  for (const Route& route : table) {
    if (!serves(route, head.method)) continue;
    const auto subject = matched(route.pattern, head.path);
    if (!subject) continue;
    Request request{.head = head,
                    .body = body,
                    .query = Query(head.query),
                    .tenant = tenant_of(head, settings_.limits.name_bytes_max),
                    .subject = percent_decoded(*subject)};
    Answer answer = telling_of_damage(
        host_, [&] { return route.answer({.host = host_, .settings = settings_}, request); });
    if (auto* stream = std::get_if<Stream>(&answer)) {
      return Stream([&host = host_, stream = std::move(*stream)](StreamPort& port) {
        telling_of_damage(host, [&] { stream(port); });
      });
    }
    return answer;
  }
  return not_served(head);
}

}  // namespace stepd::http
