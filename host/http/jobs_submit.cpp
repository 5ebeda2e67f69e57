#include <memory>
#include <utility>
#include <variant>

#include "host/engine/codec.hpp"
#include "host/engine/job_parser.hpp"
#include "host/http/content_hash.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/routes.hpp"

namespace stepd::http {
namespace {

/// How jobs of one request are judged.
struct Rules {
  const Scope& scope;
  const std::string& tenant;
  std::shared_ptr<const engine::Catalogue> catalogue;  // shared with the host; of this moment
  bool strict = false;
};

/// A job as it was sent, judged.
struct Judged {
  std::variant<runtime::JobOffer, Problem> result;
  std::vector<engine::Problem> warnings{};
};

Rules rules_of(const Scope& scope, Request& request) {
  const bool strict = request.query.truth("strict").value_or(false);
  request.query.done();
  return {scope, request.tenant, scope.host.catalogue(), strict};
}

/// Of the warnings, what `strict` refuses (J8).
std::vector<engine::Problem> unknown_types(const std::vector<engine::Problem>& warnings) {
  std::vector<engine::Problem> unknown;
  for (const engine::Problem& warning : warnings) {
    if (warning.code != engine::unknown_step_type_code) continue;
    unknown.push_back(warning);
    unknown.back().message += " (a warning, which is refused because strict was asked for)";
  }
  return unknown;
}

Judged judge(std::string_view text, const Rules& rules) {
  const ApiSettings& settings = rules.scope.settings;
  engine::ParsedJob parsed = engine::parse_job(text, settings.limits);
  if (!parsed.problems.empty()) return {job_refused(std::move(parsed.problems))};
  parsed.definition.tenant = rules.tenant;
  engine::Validated validated = engine::validate(std::move(parsed.definition), *rules.catalogue,
                                                 settings.defaults, settings.limits);
  if (!validated.problems.empty()) return {job_refused(std::move(validated.problems))};
  if (rules.strict) {
    std::vector<engine::Problem> unknown = unknown_types(validated.warnings);
    if (!unknown.empty()) return {job_refused(std::move(unknown))};
  }
  runtime::JobOffer offer;
  offer.encoded = engine::encode(validated.definition);
  if (!validated.definition.key.empty()) {
    offer.key = engine::SubmitKey{.key = validated.definition.key,
                                  .content = content_hash(parsed.canonical),
                                  .rerun_unsuccessful = parsed.rerun_unsuccessful};
  }
  offer.definition = std::make_shared<const engine::JobDefinition>(std::move(validated.definition));
  return {std::move(offer), std::move(validated.warnings)};
}

struct Accepted {
  engine::JobId id;
  bool existing = false;
};
using Verdict = std::variant<Accepted, Problem>;

/// What the host said, in the words of HTTP.
class VerdictOf {
 public:
  explicit VerdictOf(runtime::Host& host) : host_(host) {}

  Verdict operator()(const runtime::JobAccepted& answer) const { return Accepted{answer.id}; }
  Verdict operator()(const runtime::JobExists& answer) const { return Accepted{answer.id, true}; }
  Verdict operator()(const runtime::KeyTaken& answer) const {
    std::string id = engine::to_text(answer.id);
    return Problem{.status = 409,
                   .code = "key_taken",
                   .detail = "the key names job " + id +
                             " already, and that was sent with other content: use another key",
                   .id = std::move(id)};
  }
  Verdict operator()(const runtime::NotStored& answer) const {
    const bool ending = host_.health().ending;
    return Problem{.status = ending ? 503 : 507,
                   .code = ending ? "ending" : "not_stored",
                   .detail = answer.message};
  }
  Verdict operator()(const runtime::NotStorable& answer) const {
    return Problem{.status = 422, .code = "not_storable", .detail = answer.message};
  }
  Verdict operator()(const runtime::StoreUnsure& answer) const {
    return Problem{.status = 503, .code = "unsure", .detail = answer.message};
  }

 private:
  runtime::Host& host_;
};

/// `status` heads the answer to a line of a batch; alone, the reply has it.
void write_accepted(JsonWriter& json, const Accepted& accepted,
                    const std::vector<engine::Problem>& warnings, std::optional<int> status) {
  json.begin_object();
  if (status) json.member("status", *status);
  json.member("id", engine::to_text(accepted.id));
  json.member("existing", accepted.existing);
  json.key("warnings");
  write_problems(json, warnings);
  json.end_object();
}

int status_of(const Accepted& accepted) { return accepted.existing ? 200 : 201; }

/// The lines of a batch, handed to the host many at a time: one commit carries them all.
class Batch {
 public:
  explicit Batch(const Rules& rules) : rules_(rules) {}

  void add(const BodyLines::Line& line) {
    if (line.too_long) {
      judged_.push_back({too_long()});
    } else {
      judged_.push_back(judge(line.text, rules_));
    }
    constexpr std::size_t jobs_at_once = 256;
    if (judged_.size() == jobs_at_once) submit();
  }

  /// The answer that stands for all further lines.
  void give_up(const Problem& problem) {
    submit();
    answers_ += to_json(problem);
    answers_ += '\n';
  }

  /// Of the lines that have been submitted: all but the last few.
  [[nodiscard]] std::size_t answers_bytes() const { return answers_.size(); }

  std::string answers() {
    submit();
    return std::move(answers_);
  }

 private:
  [[nodiscard]] Problem too_long() const {
    return {.status = 413,
            .code = "job_too_large",
            .detail = "the line has more than " +
                      std::to_string(rules_.scope.settings.job_bytes_max) + " bytes"};
  }

  void submit() {
    std::vector<runtime::JobOffer> offers;
    offers.reserve(judged_.size());
    for (Judged& judged : judged_) {
      if (auto* offer = std::get_if<runtime::JobOffer>(&judged.result)) {
        offers.push_back(std::move(*offer));
      }
    }
    std::vector<runtime::SubmitAnswer> told;
    if (!offers.empty()) told = rules_.scope.host.submit(std::move(offers));
    std::size_t next = 0;
    for (const Judged& judged : judged_) {
      if (const auto* problem = std::get_if<Problem>(&judged.result)) {
        answer(*problem, {});
      } else {
        answer(std::visit(VerdictOf(rules_.scope.host), told.at(next++)), judged.warnings);
      }
    }
    judged_.clear();
  }

  void answer(const Verdict& verdict, const std::vector<engine::Problem>& warnings) {
    if (const auto* accepted = std::get_if<Accepted>(&verdict)) {
      std::string line;
      JsonWriter json(line);
      write_accepted(json, *accepted, warnings, status_of(*accepted));
      answers_ += line;
    } else {
      answers_ += to_json(std::get<Problem>(verdict));
    }
    answers_ += '\n';
  }

  const Rules& rules_;
  std::vector<Judged> judged_;
  std::string answers_;
};

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

/// Reads and submits the lines. What is wrong with the body as a whole, once some of its lines have
/// been taken, is told in their place: the answers so far must not be lost.
void take_lines(Batch& batch, Body& body, const ApiSettings& settings) {
  BodyLines lines(body, static_cast<std::size_t>(settings.job_bytes_max));
  std::size_t jobs = 0;
  try {
    while (const auto line = lines.next()) {
      if (!line->too_long && is_blank(line->text)) continue;
      if (jobs == settings.batch_jobs_max) {
        refuse(413, "batch_too_large",
               "this line and those after it were not taken: a batch has at most " +
                   std::to_string(settings.batch_jobs_max) + " jobs");
      }
      if (batch.answers_bytes() > settings.batch_answers_bytes_max) {
        refuse(413, "batch_too_large",
               "this line and those after it were not taken: the answers to the lines before have "
               "more than " +
                   std::to_string(settings.batch_answers_bytes_max) +
                   " bytes; mend what they say, or send fewer lines at a time");
      }
      batch.add(*line);
      ++jobs;
    }
  } catch (const Refusal& refusal) {
    batch.give_up(refusal.problem);
  }
}

}  // namespace

Answer submit_job(const Scope& scope, Request& request) {
  const Rules rules = rules_of(scope, request);
  Judged judged = judge(request.body.all(scope.settings.job_bytes_max), rules);
  if (auto* problem = std::get_if<Problem>(&judged.result)) return reply_to(*problem);
  std::vector<runtime::JobOffer> offers;
  offers.push_back(std::move(std::get<runtime::JobOffer>(judged.result)));
  const auto told = scope.host.submit(std::move(offers));
  const Verdict verdict = std::visit(VerdictOf(scope.host), told.at(0));
  if (const auto* problem = std::get_if<Problem>(&verdict)) return reply_to(*problem);
  const Accepted& accepted = std::get<Accepted>(verdict);
  Reply reply{.status = status_of(accepted)};
  JsonWriter json(reply.body);
  write_accepted(json, accepted, judged.warnings, std::nullopt);
  reply.fields = "Location: /v1/jobs/" + engine::to_text(accepted.id) + "\r\n";
  return reply;
}

Answer submit_batch(const Scope& scope, Request& request) {
  const Rules rules = rules_of(scope, request);
  request.body.limit(scope.settings.batch_bytes_max);
  Batch batch(rules);
  take_lines(batch, request.body, scope.settings);
  return Reply{.body = batch.answers(), .content_type = "application/x-ndjson"};
}

}  // namespace stepd::http
