#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "host/engine/job_parser.hpp"
#include "host/engine/json_check.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_pointer.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/names.hpp"
#include "host/engine/schema.hpp"
#include "host/http/render.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"
#include "host/rehearsal/called_code.hpp"
#include "host/rehearsal/example_outputs.hpp"
#include "host/rehearsal/rehearsal.hpp"

namespace stepd::http {
namespace {

/// Beyond that the paths alone would fill the memory.
constexpr std::size_t steps_rehearsed_max = 200;

using rehearsal::CalledCode;
using rehearsal::PathResult;
using rehearsal::Paths;
using rehearsal::RehearsalSetting;
using rehearsal::Rehearsed;
using rehearsal::Verdict;

[[noreturn]] void refuse_job(std::string code, std::string pointer, std::string message) {
  throw Refusal(job_refused({{std::move(code), std::move(pointer), std::move(message)}}));
}

struct Asked {
  std::string path;  // empty: all
  std::map<std::string, engine::JsonText> outputs;
  bool real = false;
  bool only_count = false;
};

/// The steps' code, for one test.
class Entered {
 public:
  explicit Entered(CalledCode& code) : code_(code) {
    if (code_.enter()) return;
    refuse(409, "test_under_way",
           "another test has the steps' own code called, or a call of it has not returned: try "
           "again when it is over (a call that never returns ends with the daemon)");
  }
  ~Entered() { code_.leave(); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  CalledCode& code_;
};

/// What stands in the body beside the job.
Asked asked_in(std::string_view body, std::size_t depth_max) {
  if (const auto fault = engine::find_fault(body, depth_max)) {
    refuse(400, fault->code,
           "around the job (there can be one only) the body is no JSON: " + fault->message);
  }
  Asked asked;
  engine::JsonCursor cursor(body);
  cursor.open();
  while (cursor.more()) {
    const std::string name = engine::unquoted(cursor.key());
    const std::string_view value = cursor.take();
    const auto kind = engine::JsonCursor(value).kind();
    if (name == "path" && kind == engine::JsonCursor::Kind::string) {
      asked.path = engine::unquoted(value);
    } else if (name == "outputs" && kind == engine::JsonCursor::Kind::object) {
      engine::JsonCursor outputs(value);
      outputs.open();
      while (outputs.more()) {
        std::string step = engine::unquoted(outputs.key());
        asked.outputs[std::move(step)] = engine::JsonText(std::string(outputs.take()));
      }
    } else if (name == "real" && kind == engine::JsonCursor::Kind::boolean) {
      asked.real = value == "true";
    } else if (name == "only_count" && kind == engine::JsonCursor::Kind::boolean) {
      asked.only_count = value == "true";
    } else if (name != "job") {
      refuse(422, "unknown_field",
             in_quotes(name) +
                 " is no member of a test, or of another type: it has job (a job), path (a text), "
                 "outputs (an object of outputs by step), real and only_count (true or false)");
    }
  }
  return asked;
}

engine::JobDefinition job_in(const Scope& scope, std::string_view body, const std::string& tenant,
                             const engine::Catalogue& catalogue,
                             std::vector<engine::Problem>& warnings) {
  const bool is_object = engine::JsonCursor(body).kind() == engine::JsonCursor::Kind::object;
  const std::string_view job = is_object ? engine::child(body, "job") : std::string_view{};
  if (job.empty()) {
    refuse(422, "missing_field", "a test is an object with the member job: the job to be tested");
  }
  const ApiSettings& settings = scope.settings;
  engine::ParsedJob parsed = engine::parse_job(job, settings.limits);
  if (!parsed.problems.empty()) throw Refusal(job_refused(std::move(parsed.problems)));
  parsed.definition.tenant = tenant;
  engine::Validated validated =
      engine::validate(std::move(parsed.definition), catalogue, settings.defaults, settings.limits);
  if (!validated.problems.empty()) throw Refusal(job_refused(std::move(validated.problems)));
  for (const engine::Problem& warning : validated.warnings) {
    if (warning.code != engine::unknown_step_type_code) continue;
    refuse_job(warning.code, warning.pointer,
               warning.message + "; what it does can only be played once it is loaded");
  }
  if (validated.definition.steps.size() > steps_rehearsed_max) {
    refuse_job("too_many_steps", "/steps",
               "a job of " + std::to_string(validated.definition.steps.size()) +
                   " steps has too many paths: up to " + std::to_string(steps_rehearsed_max) +
                   " steps can be tested");
  }
  warnings = std::move(validated.warnings);
  return std::move(validated.definition);
}

void take_output(RehearsalSetting& setting, const std::string& id, const engine::JsonText& given) {
  const auto step = engine::find_step(*setting.job, id);
  if (!step) {
    refuse_job("unknown_step", engine::pointer_to("/outputs", id),
               "there is an output for step " + in_quotes(id) + ", and the job has no such step");
  }
  const engine::StepType* type = setting.catalogue->find(setting.job->steps[*step].type);
  if (type != nullptr && !type->output_schema.empty()) {
    boost::json::value value = engine::value_of(given.view());
    const engine::SchemaVerdict verdict =
        engine::check_and_complete(value, engine::value_of(type->output_schema.view()), {});
    if (!verdict.problems.empty()) {
      const engine::Problem& problem = verdict.problems.front();
      refuse_job("output_does_not_fit", engine::pointer_to("/outputs", id) + problem.pointer,
                 "the output given for step " + in_quotes(id) + " does not fit the schema of " +
                     type->name + ": " + problem.message);
    }
  }
  setting.outputs[*step] = given;
}

void write_rows(JsonWriter& json, const std::vector<engine::JournalRow>& rows,
                const StepIds& steps) {
  json.key("journal");
  json.begin_array();
  for (const engine::JournalRow& row : rows) {
    json.begin_object();
    json.member("row", row.number);
    json.member("at", to_text(row.at));
    json.key("entries");
    write_entries(json, row.entries, steps);
    json.end_object();
  }
  json.end_array();
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name);
  json.begin_array();
  for (const std::string& text : texts) json.text(text);
  json.end_array();
}

void write_result(JsonWriter& json, const PathResult& result, const StepIds& steps) {
  json.begin_object();
  json.member("path", result.path);
  json.member("verdict", rehearsal::name_of(result.verdict));
  json.member("ended", engine::name_of(result.ended));
  json.member("calls", result.calls);
  json.member("took", to_text(result.took));
  write_texts(json, "remarks", result.remarks);
  if (!result.rows.empty()) write_rows(json, result.rows, steps);
  json.end_object();
}

void write_counts(JsonWriter& json, const std::vector<PathResult>& results) {
  json.key("verdicts");
  json.begin_object();
  for (const Verdict verdict :
       {Verdict::ok, Verdict::parked, Verdict::waits, Verdict::starts_jobs, Verdict::effect_stays,
        Verdict::bad_arguments, Verdict::step_at_fault, Verdict::broken}) {
    const auto count = std::ranges::count(results, verdict, &PathResult::verdict);
    json.member(rehearsal::name_of(verdict), count);
  }
  json.end_object();
}

Rehearsed rehearse(const RehearsalSetting& setting, const std::string& name) {
  if (name.empty()) return rehearsal::rehearse(setting);
  const Paths paths(*setting.job);
  const auto path = paths.parse(name);
  if (!path) {
    refuse(422, "unknown_path",
           in_quotes(name) +
               " is no path of this job: a path is STEP:MISHAP, or "
               "STEP:MISHAP,STEP.compensate:MISHAP, or all_well (without a path all are listed)");
  }
  const std::string why_not = paths.why_not(*path);
  if (!why_not.empty()) {
    refuse(422, "no_such_path", "there is no path " + in_quotes(name) + ": " + why_not);
  }
  return {.results = {rehearsal::rehearse(setting, paths, *path)}, .paths = 1};
}

/// All steps but those whose outputs were given are real. Refused where this daemon calls none.
void make_real(const Scope& scope, const Asked& asked, RehearsalSetting& setting) {
  if (scope.settings.real_steps == nullptr) {
    refuse(403, "real_steps_not_allowed",
           "this daemon does not have the steps' own code called in tests, because its effects are "
           "real: on a daemon made for that, set real_steps = true under [rehearsal] in its "
           "configuration, or start it with --real-steps");
  }
  for (engine::StepIndex step = 0; step < setting.job->steps.size(); ++step) {
    if (!asked.outputs.contains(setting.job->steps[step].id)) setting.real.insert(step);
  }
  setting.now = [&scope] { return scope.host.now(); };
}

std::uint64_t code_calls_in(const Rehearsed& rehearsed) {
  std::uint64_t calls = 0;
  for (const PathResult& result : rehearsed.results) calls += result.code_calls;
  return calls;
}

Rehearsed rehearse_as_asked(const Scope& scope, const Asked& asked, RehearsalSetting& setting) {
  if (asked.only_count && !asked.real) {
    refuse(422, "nothing_to_count",
           "only_count counts the calls of the steps' own code: it goes with real");
  }
  if (asked.real) make_real(scope, asked, setting);
  if (!asked.real || asked.only_count) return rehearse(setting, asked.path);
  const Entered entered(*scope.settings.real_steps);
  setting.code = scope.settings.real_steps;
  Rehearsed rehearsed = rehearse(setting, asked.path);
  scope.settings.note("steps called in a test job=" + in_quotes(setting.job->name) +
                      " paths=" + std::to_string(rehearsed.results.size()) +
                      " calls=" + std::to_string(code_calls_in(rehearsed)));
  return rehearsed;
}

void write_test(JsonWriter& json, const RehearsalSetting& setting, const Asked& asked,
                const Rehearsed& rehearsed) {
  const StepIds steps = step_ids(*setting.job);
  json.member("name", setting.job->name);
  json.member("steps", steps.size());
  json.member("paths", rehearsed.paths);
  json.member("played", rehearsed.results.size());
  if (asked.real) json.member("code_calls", code_calls_in(rehearsed));
  if (!rehearsed.cut_short.empty()) json.member("cut_short", rehearsed.cut_short);
  if (!rehearsed.plain_run.empty()) json.member("plain_run", rehearsed.plain_run);
  write_counts(json, rehearsed.results);
  json.key("results");
  json.begin_array();
  for (const PathResult& result : rehearsed.results) write_result(json, result, steps);
  json.end_array();
  json.key("omitted");
  json.begin_array();
  for (const Paths::Omitted& omitted : rehearsed.omitted) {
    json.begin_object();
    json.member("path", omitted.path);
    json.member("why", omitted.why);
    json.end_object();
  }
  json.end_array();
}

/// On what was made up, where it was, and on real steps.
std::vector<std::string> remarks_of(const RehearsalSetting& setting, const Rehearsed& rehearsed,
                                    std::vector<std::string> made_up) {
  std::vector<std::string> remarks;
  if (setting.real.empty()) remarks = std::move(made_up);
  remarks.insert(remarks.end(), rehearsed.remarks.begin(), rehearsed.remarks.end());
  return remarks;
}

}  // namespace

Answer test_job(const Scope& scope, Request& request) {
  request.query.done();
  const std::string_view body = request.body.all(scope.settings.job_bytes_max);
  std::vector<engine::Problem> warnings;
  RehearsalSetting setting{.catalogue = scope.host.catalogue(),
                           .defaults = scope.settings.defaults,
                           .limits = scope.settings.limits};
  setting.job = std::make_shared<const engine::JobDefinition>(
      job_in(scope, body, request.tenant, *setting.catalogue, warnings));
  const Asked asked = asked_in(body, scope.settings.limits.json_depth_max + 2);
  rehearsal::ExampleOutputs made = rehearsal::example_outputs(*setting.job, *setting.catalogue);
  setting.outputs = std::move(made.outputs);
  for (const auto& [step, output] : asked.outputs) take_output(setting, step, output);
  const Rehearsed rehearsed = rehearse_as_asked(scope, asked, setting);

  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  write_test(json, setting, asked, rehearsed);
  write_texts(json, "remarks", remarks_of(setting, rehearsed, std::move(made.remarks)));
  json.key("warnings");
  write_problems(json, warnings);
  json.end_object();
  return reply;
}

}  // namespace stepd::http
