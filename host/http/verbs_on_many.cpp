#include <algorithm>

#include "host/engine/json_cursor.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/names.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"
#include "host/http/verb_body.hpp"
#include "host/http/verbs_of_jobs.hpp"

namespace stepd::http {
namespace {

using engine::JobId;
using engine::Verb;

constexpr std::size_t jobs_max = 100'000;  // of one request
constexpr std::size_t page_jobs = 1000;
constexpr std::size_t jobs_at_once = 256;  // one commit carries them all

Verb::Kind kind_in(const JsonBody& body) {
  const std::string name = body.needed_name("verb");
  const auto kind = engine::parse_verb(name);
  if (!kind) invalid("wrong_value", "/verb", "is \"" + name + "\", which is no verb");
  return *kind;
}

engine::JobWord word_in(std::string_view text, const std::string& pointer) {
  if (text.empty() || text.front() != '"') invalid("wrong_type", pointer, "must be a job's state");
  const std::string name = engine::unquoted(text);
  const auto word = engine::parse_job_word(name);
  if (!word) invalid("wrong_value", pointer, "is \"" + name + "\", which is no state of a job");
  return *word;
}

std::optional<bool> truth_in(const JsonBody& members, std::string_view name) {
  const std::string_view text = members.member(name);
  if (text.empty()) return std::nullopt;
  if (text != "true" && text != "false") {
    invalid("wrong_type", "/filter/" + std::string(name), "must be true or false");
  }
  return text == "true";
}

/// The same filter as that of the list, as an object.
storage::JobFilter filter_in(std::string_view text, const Scope& scope, const std::string& tenant) {
  using Kind = engine::JsonCursor::Kind;
  if (text.empty()) {
    invalid("missing_member", "/filter",
            "is needed: which jobs; {} is all of the tenant (see: GET /v1/openapi.json)");
  }
  if (engine::JsonCursor(text).kind() != Kind::object) {
    invalid("wrong_type", "/filter", "must be an object");
  }
  const JsonBody members(text, scope.settings.limits);
  members.allow({"state", "name", "key", "attention", "child"});
  storage::JobFilter filter;
  filter.tenant = tenant;
  filter.name = members.name("name");
  filter.key = members.name("key");
  const std::string_view state = members.member("state");
  if (!state.empty() && engine::JsonCursor(state).kind() == Kind::array) {
    engine::JsonCursor cursor(state);
    cursor.open();
    while (cursor.more()) filter.words.push_back(word_in(cursor.take(), "/filter/state"));
    if (filter.words.empty()) invalid("wrong_value", "/filter/state", "names no state");
  } else if (!state.empty()) {
    filter.words.push_back(word_in(state, "/filter/state"));
  }
  filter.attention = truth_in(members, "attention");
  filter.child = truth_in(members, "child");
  return filter;
}

std::optional<std::uint64_t> expected_in(const JsonBody& body) {
  const auto expected = body.whole_number("expect");
  if (expected && *expected < 0) invalid("out_of_range", "/expect", "is below zero");
  return expected ? std::optional(static_cast<std::uint64_t>(*expected)) : std::nullopt;
}

/// All jobs that match, at one moment or in a few: what changes meanwhile is found out when each is
/// asked.
std::vector<JobId> matching(storage::Reader& reader, const storage::JobFilter& filter) {
  std::vector<JobId> jobs;
  std::optional<JobId> before;
  while (true) {
    const auto lines = reader.page(filter, before, page_jobs);
    for (const storage::JobLine& line : lines) jobs.push_back(line.id);
    if (jobs.size() > jobs_max) {
      refuse(422, "too_many_jobs",
             "more than " + std::to_string(jobs_max) +
                 " jobs match: narrow the filter, by state or by name");
    }
    if (lines.size() < page_jobs) return jobs;
    before = lines.back().id;
  }
}

bool is_of_the_host(engine::Refused::Why why) {
  using Why = engine::Refused::Why;
  return why == Why::not_stored || why == Why::ending || why == Why::unsure;
}

/// Asks the jobs one handful after the other and writes what each was answered.
class Asking {
 public:
  Asking(const Scope& scope, const Verb& verb, JsonWriter& json)
      : scope_(scope), verb_(verb), json_(json) {}

  void ask(const std::vector<JobId>& jobs) {
    for (std::size_t at = 0; at < jobs.size() && !host_refuses_; at += jobs_at_once) {
      const auto first = jobs.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = std::min(jobs_at_once, jobs.size() - at);
      ask_some({first, first + static_cast<std::ptrdiff_t>(count)});
    }
    left_ = jobs.size() - accepted_ - refused_;
  }

  [[nodiscard]] std::size_t accepted() const { return accepted_; }
  [[nodiscard]] std::size_t refused() const { return refused_; }
  /// Not asked, because the host takes nothing in just now.
  [[nodiscard]] std::size_t left() const { return left_; }

 private:
  void ask_some(std::vector<JobId> jobs) {
    std::erase_if(jobs, [this](JobId id) { return !may_have_output(id); });
    const auto verdicts = scope_.host.act_on_each(jobs, verb_);
    for (std::size_t at = 0; at < jobs.size(); ++at) write(jobs[at], verdicts.at(at));
  }

  /// Whether the verb's output, if it has one, is what the job's step promises.
  bool may_have_output(JobId id) {
    if (verb_.output.empty()) return true;
    const auto job = scope_.host.reader().find(id);
    const auto problem = job ? output_problem(scope_, *job, verb_) : std::nullopt;
    if (problem) write_refused(id, *problem);
    return !problem;
  }

  void write(JobId id, const engine::Verdict& verdict) {
    if (const auto* refused = std::get_if<engine::Refused>(&verdict)) {
      host_refuses_ = host_refuses_ || is_of_the_host(refused->why);
      return write_refused(id, problem_of(*refused));
    }
    ++accepted_;
    const JobId made = std::get<engine::Accepted>(verdict).job;
    json_.begin_object();
    json_.member("id", engine::to_text(id));
    json_.member("accepted", true);
    if (made != JobId{}) json_.member("job", engine::to_text(made));
    json_.end_object();
  }

  void write_refused(JobId id, const Problem& problem) {
    ++refused_;
    json_.begin_object();
    json_.member("id", engine::to_text(id));
    json_.member("accepted", false);
    json_.member("code", problem.code);
    json_.member("detail", problem.detail);
    json_.end_object();
  }

  const Scope& scope_;
  const Verb& verb_;
  JsonWriter& json_;
  std::size_t accepted_ = 0;
  std::size_t refused_ = 0;
  std::size_t left_ = 0;
  bool host_refuses_ = false;
};

void require_expected(std::size_t matched, std::uint64_t expected) {
  if (matched == expected) return;
  refuse(409, "count_differs",
         std::to_string(matched) + (matched == 1 ? " job matches" : " jobs match") + ", and " +
             std::to_string(expected) + (expected == 1 ? " was" : " were") +
             " expected; nothing was done: look again, and ask with the new count");
}

}  // namespace

Answer act_on_jobs(const Scope& scope, Request& request) {
  const JsonBody body = json_body_of(scope, request);
  const Verb verb = verb_in(body, kind_in(body), {"verb", "filter", "expect"});
  const auto expected = expected_in(body);
  auto filter = filter_in(body.member("filter"), scope, request.tenant);
  filter.not_made_by = verb.request_id;  // or a repeat would find what the first one has made
  const std::vector<JobId> jobs = matching(scope.host.reader(), filter);
  if (expected) require_expected(jobs.size(), *expected);

  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("verb", engine::name_of(verb.kind));
  json.member("request_id", verb.request_id);
  json.member("matched", jobs.size());
  json.member("carried_out", expected.has_value());
  json.key("jobs");
  json.begin_array();
  Asking asking(scope, verb, json);
  if (expected) asking.ask(jobs);
  json.end_array();
  json.member("accepted", asking.accepted());
  json.member("refused", asking.refused());
  json.member("left", asking.left());
  json.end_object();
  if (verb.kind == Verb::Kind::remove && expected) {
    scope.settings.note("jobs deleted count=" + std::to_string(asking.accepted()) +
                        " tenant=" + request.tenant + " actor=" + in_quotes(verb.actor));
  }
  return reply;
}

}  // namespace stepd::http
