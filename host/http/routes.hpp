#pragma once

#include "host/http/api.hpp"

/// The functions of the table in api.cpp, one file per group.
namespace stepd::http {

// jobs_submit.cpp
[[nodiscard]] Answer submit_job(const Scope& scope, Request& request);
[[nodiscard]] Answer submit_batch(const Scope& scope, Request& request);

// plans.cpp
[[nodiscard]] Answer plan_job(const Scope& scope, Request& request);

// rehearsals.cpp
[[nodiscard]] Answer test_job(const Scope& scope, Request& request);

// jobs_read.cpp
[[nodiscard]] Answer list_jobs(const Scope& scope, Request& request);
[[nodiscard]] Answer show_job(const Scope& scope, Request& request);
[[nodiscard]] Answer list_children(const Scope& scope, Request& request);
[[nodiscard]] Answer show_journal(const Scope& scope, Request& request);
[[nodiscard]] Answer show_why(const Scope& scope, Request& request);

// sent_events.cpp
[[nodiscard]] Answer send_event(const Scope& scope, Request& request);
[[nodiscard]] Answer list_events(const Scope& scope, Request& request);

// verbs.cpp
[[nodiscard]] Answer act_on_job(const Scope& scope, Request& request, engine::Verb::Kind verb);
[[nodiscard]] Answer remove_job(const Scope& scope, Request& request);

// verbs_on_many.cpp
[[nodiscard]] Answer act_on_jobs(const Scope& scope, Request& request);

// plugins.cpp
[[nodiscard]] Answer list_plugins(const Scope& scope, Request& request);
[[nodiscard]] Answer list_step_types(const Scope& scope, Request& request);
[[nodiscard]] Answer show_step_type(const Scope& scope, Request& request);

// step_usage.cpp
[[nodiscard]] Answer show_step_usage(const Scope& scope, Request& request);

// status.cpp
[[nodiscard]] Answer show_status(const Scope& scope, Request& request);
[[nodiscard]] Answer show_health(const Scope& scope, Request& request);
[[nodiscard]] Answer show_openapi(const Scope& scope, Request& request);
[[nodiscard]] Answer show_job_schema(const Scope& scope, Request& request);

// watch.cpp
[[nodiscard]] Answer watch_job(const Scope& scope, Request& request);
[[nodiscard]] Answer watch_all(const Scope& scope, Request& request);

/// How many lines of a list are wanted; refuses none, and more than make a page.
[[nodiscard]] std::size_t limit_of(Query& query, std::size_t usual);

/// Cuts a list to its limit when one more was read to see whether there are more; says so.
template <typename Line>
[[nodiscard]] bool cut_to(std::size_t limit, std::vector<Line>& lines) {
  const bool more = lines.size() > limit;
  if (more) lines.resize(limit);
  return more;
}

/// The job a request is about, as far as it is on disk. Refuses with 404 what is no id, or names no
/// job of the tenant.
[[nodiscard]] engine::LoadedJob find_job(const Scope& scope, const Request& request);

}  // namespace stepd::http
