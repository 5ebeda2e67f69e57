#include "host/engine/codec.hpp"
#include "host/engine/names.hpp"
#include "host/engine/why.hpp"
#include "host/http/render.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

constexpr std::size_t page_max = 1000;

storage::JobFilter filter_of(Query& query, const std::string& tenant) {
  storage::JobFilter filter;
  filter.tenant = tenant;
  for (const std::string& text : query.all("state")) {
    const auto word = engine::parse_job_word(text);
    if (!word) refuse(400, "bad_parameter", "there is no job state \"" + text + "\"");
    filter.words.push_back(*word);
  }
  filter.name = query.one("name").value_or("");
  filter.key = query.one("key").value_or("");
  filter.attention = query.truth("attention");
  filter.child = query.truth("child");
  return filter;
}

std::optional<engine::JobId> cursor_of(Query& query) {
  const auto text = query.one("before");
  if (!text) return std::nullopt;
  const auto id = engine::parse_job_id(*text);
  if (!id) refuse(400, "bad_parameter", "the parameter before is \"" + *text + "\", no job id");
  return id;
}

[[noreturn]] void no_such_job(const std::string& subject) {
  refuse(404, "no_such_job",
         "there is no job " + subject + "; it may have been removed (see: stepctl job list)");
}

}  // namespace

std::size_t limit_of(Query& query, std::size_t usual) {
  const std::uint64_t limit = query.number("limit").value_or(usual);
  if (limit == 0 || limit > page_max) {
    refuse(400, "bad_parameter",
           "the parameter limit is " + std::to_string(limit) + "; it is 1 to " +
               std::to_string(page_max));
  }
  return static_cast<std::size_t>(limit);
}

engine::LoadedJob find_job(const Scope& scope, const Request& request) {
  const auto id = engine::parse_job_id(request.subject);
  if (!id) {
    refuse(404, "no_such_job",
           "\"" + request.subject +
               "\" is no job id: cut short or mistyped? Ids check themselves and look like " +
               engine::to_text(engine::JobId{}));
  }
  auto loaded = scope.host.reader().find(*id);
  if (!loaded || loaded->tenant != request.tenant) no_such_job(request.subject);
  return std::move(*loaded);
}

Answer list_jobs(const Scope& scope, Request& request) {
  const std::size_t limit = limit_of(request.query, 50);
  const storage::JobFilter filter = filter_of(request.query, request.tenant);
  const auto before = cursor_of(request.query);
  request.query.done();
  std::vector<storage::JobLine> lines = scope.host.reader().page(filter, before, limit + 1);
  const bool more = cut_to(limit, lines);
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.key("jobs");
  json.begin_array();
  for (const storage::JobLine& line : lines) write_line(json, line);
  json.end_array();
  json.member_or_null("next", more ? engine::to_text(lines.back().id) : std::string{});
  json.end_object();
  return reply;
}

Answer show_job(const Scope& scope, Request& request) {
  request.query.done();
  const engine::LoadedJob loaded = find_job(scope, request);
  const engine::JobState job = engine::fold(loaded);
  return Reply{.body = job_json(job, engine::word_of(job, loaded.head),
                                kin_of(scope.host.reader(), loaded),
                                scope.settings.limits.output_bytes_max)};
}

Answer list_children(const Scope& scope, Request& request) {
  const std::size_t limit = limit_of(request.query, 100);
  const auto after_step = request.query.one("after_step");
  const std::string after_key = request.query.one("after_key").value_or("");
  request.query.done();
  const engine::LoadedJob loaded = find_job(scope, request);
  const engine::JobDefinition job = engine::decode_definition(loaded.definition);
  std::optional<storage::ChildPlace> after;
  if (after_step) {
    const auto step = engine::find_step(job, *after_step);
    if (!step) refuse(400, "bad_parameter", "the job has no step \"" + *after_step + "\"");
    after = {*step, after_key};
  }
  auto lines = scope.host.reader().children(loaded.id, after, limit + 1);
  const bool more = cut_to(limit, lines);
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.key("children");
  json.begin_array();
  for (const storage::ChildLine& line : lines) write_child(json, line, step_ids(job));
  json.end_array();
  json.member("more", more);
  json.end_object();
  return reply;
}

Answer show_journal(const Scope& scope, Request& request) {
  const std::size_t limit = limit_of(request.query, 100);
  const std::uint64_t after = request.query.number("after").value_or(0);
  request.query.done();
  const engine::LoadedJob loaded = find_job(scope, request);
  const StepIds steps = step_ids(engine::decode_definition(loaded.definition));
  auto rows = scope.host.reader().journal(loaded.id, after, limit + 1);
  const bool more = cut_to(limit, rows);
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.key("rows");
  json.begin_array();
  for (const engine::StoredRow& row : rows) {
    json.begin_object();
    json.member("row", row.number);
    json.member("at", to_text(row.at));
    json.key("entries");
    write_entries(json, engine::decode_entries(row.entries), steps);
    json.end_object();
  }
  json.end_array();
  json.key("next");
  more ? json.integer(rows.back().number) : json.null();
  json.end_object();
  return reply;
}

Answer show_why(const Scope& scope, Request& request) {
  request.query.done();
  const engine::LoadedJob loaded = find_job(scope, request);
  const engine::JobState job = engine::fold(loaded);
  const auto catalogue = scope.host.catalogue();
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("id", engine::to_text(job.id));
  json.member("state", engine::name_of(engine::word_of(job, loaded.head)));
  json.key("reasons");
  json.begin_array();
  for (const engine::Reason& reason : engine::why(job, *catalogue, loaded.children)) {
    json.begin_object();
    json.member_or_null("step", reason.step);
    json.member("code", reason.code);
    json.member("message", reason.message);
    write_time(json, "until", reason.until);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return reply;
}

}  // namespace stepd::http
