#include "tests/enumeration/reference_job.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>

#include "host/engine/job_parser.hpp"
#include "host/engine/job_state.hpp"
#include "host/engine/names.hpp"
#include "host/engine/span.hpp"
#include "host/engine/validate.hpp"

namespace stepd::enumeration {

namespace json = boost::json;
using namespace engine;
using rehearsal::Act;
using rehearsal::Moment;
using rehearsal::Part;

namespace {

[[noreturn]] void wrong(const std::string& what) { throw std::runtime_error(what); }

/// Members are taken one by one; whatever is left at the end is a mistake.
class Reader {
 public:
  Reader(json::object object, std::string place)
      : object_(std::move(object)), place_(std::move(place)) {}

  std::optional<json::value> take(std::string_view name) {
    const auto found = object_.find(name);
    if (found == object_.end()) return std::nullopt;
    json::value value = std::move(found->value());
    object_.erase(found);
    return value;
  }
  std::string text(std::string_view name, std::string otherwise = {}) {
    const auto value = take(name);
    return value ? std::string(value->as_string()) : std::move(otherwise);
  }
  bool truth(std::string_view name) {
    const auto value = take(name);
    return value && value->as_bool();
  }
  std::uint32_t number(std::string_view name, std::uint32_t otherwise) {
    const auto value = take(name);
    return value ? value->to_number<std::uint32_t>() : otherwise;
  }
  std::optional<Duration> span(std::string_view name) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    const auto parsed = parse_span(std::string_view(value->as_string()));
    if (!parsed) wrong(place_ + ": " + std::string(name) + " is no span");
    return parsed;
  }
  JsonText json_text(std::string_view name) {
    const auto value = take(name);
    return value ? JsonText(json::serialize(*value)) : JsonText();
  }
  void done() const {
    if (object_.empty()) return;
    wrong(place_ + ": nobody knows \"" + std::string(object_.begin()->key()) + "\"");
  }

 private:
  json::object object_;
  std::string place_;
};

template <typename Kind>
Kind named(const std::string& word, Kind last, const std::string& place) {
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    if (name_of(static_cast<Kind>(value)) == word) return static_cast<Kind>(value);
  }
  wrong(place + ": nobody knows \"" + word + "\"");
}

RetryOverrides read_retry(const std::optional<json::value>& value, const std::string& place) {
  if (!value) return {};
  Reader from(value->as_object(), place);
  RetryOverrides retry{.initial = from.span("initial"), .max = from.span("max")};
  if (const auto most = from.take("attempts_max")) {
    retry.attempts_max = most->to_number<std::uint32_t>();
  }
  from.done();
  return retry;
}

struct KnownType {
  StepType type;
  bool late = false;
};

KnownType read_type(const std::string& name, const json::value& value) {
  Reader from(value.as_object(), "type " + name);
  StepType type{.name = name, .plugin = "reference 1", .module = {1}};
  type.kind = from.text("kind", "saga") == "saga" ? StepKind::saga : StepKind::plain;
  type.offers_probe = from.truth("probe");
  type.not_repeatable = from.truth("not_repeatable");
  type.retry = read_retry(from.take("retry"), name);
  type.compensate_retry = read_retry(from.take("compensate_retry"), name);
  type.timeout = from.span("timeout").value_or(Duration{});
  type.heartbeat = from.span("heartbeat").value_or(Duration{});
  type.compensate_timeout = from.span("compensate_timeout").value_or(Duration{});
  type.args_schema = from.json_text("args_schema");
  KnownType known{std::move(type), from.truth("late")};
  from.done();
  return known;
}

/// Types that every job may use.
constexpr std::string_view common_types = R"({
  "saga": {"kind": "saga", "timeout": "10s", "compensate_timeout": "10s"},
  "plain": {"kind": "plain", "timeout": "10s"},
  "probed": {"kind": "saga", "probe": true, "timeout": "10s"},
  "plain_probed": {"kind": "plain", "probe": true, "retry": {"attempts_max": 5}},
  "once": {"kind": "saga", "not_repeatable": true}
})";

/// By default: what ends like this did what it was to do.
bool does_its_work(OutcomeKind kind) {
  return kind != OutcomeKind::refused && kind != OutcomeKind::retry &&
         kind != OutcomeKind::suspended && kind != OutcomeKind::no_effect;
}

std::vector<Act> read_acts(const json::value& value, Phase phase, const std::string& place) {
  Reader from(value.as_object(), place);
  Act act;
  const std::string ends = from.text("ends");
  act.tells_truth = ends.empty() && phase == Phase::probe;
  if (!ends.empty()) act.ends = named(ends, OutcomeKind::not_started, place);
  act.takes_effect = does_its_work(act.ends);
  if (const auto effect = from.take("effect")) act.takes_effect = effect->as_bool();
  act.at_once = from.truth("at_once");
  act.crashes = from.truth("crashes");
  act.lasts = from.span("lasts").value_or(Duration{});
  act.silent = from.truth("silent");
  const std::string stopped = from.text("stopped", "cancelled");
  act.when_stopped = named(stopped, OutcomeKind::not_started, place);
  act.output = from.json_text("output");
  act.retry_after = from.span("retry_after");
  act.wait = from.span("wait");
  if (const auto saves = from.take("saves")) {
    for (const json::value& each : saves->as_array()) {
      Reader save(each.as_object(), place);
      const std::string memo = save.text("memo");
      act.saves.push_back({memo.empty() ? StepBlob::Kind::checkpoint : StepBlob::Kind::memo, memo,
                           save.text("bytes")});
      save.done();
    }
  }
  const std::uint32_t times = from.number("times", 1);
  from.done();
  return std::vector<Act>(times, act);
}

class JobReader {
 public:
  explicit JobReader(const json::value& value)
      : from_(value.as_object(), std::string(value.at("name").as_string())) {}

  ReferenceJob read() && {
    result_.name = from_.text("name");
    read_types();
    read_definition();
    read_calls();
    if (const auto moments = from_.take("moments")) {
      for (const json::value& moment : moments->as_array()) read_moment(moment);
    }
    result_.script.doubt_is_resolved = from_.truth("doubt_is_resolved");
    result_.ends = from_.text("ends");
    result_.in_pairs = from_.truth("in_pairs");
    result_.on_disk = from_.truth("on_disk");
    from_.done();
    return std::move(result_);
  }

 private:
  void read_types() {
    json::object all = json::parse(common_types).as_object();
    if (const auto own = from_.take("types")) {
      for (const auto& [name, type] : own->as_object()) all.insert_or_assign(name, type);
    }
    for (const auto& [name, type] : all) {
      KnownType known = read_type(std::string(name), type);
      if (!known.late) now_.types.emplace(known.type.name, known.type);
      whole_.types.emplace(known.type.name, std::move(known.type));
    }
    result_.catalogue = std::make_shared<const Catalogue>(now_);
  }

  void read_definition() {
    const auto text = from_.take("job");
    ParsedJob parsed = parse_job(json::serialize(text.value()), Limits{});
    if (!parsed.problems.empty()) wrong(result_.name + ": " + parsed.problems.front().message);
    Validated validated = validate(std::move(parsed.definition), now_, {}, Limits{});
    if (!validated.problems.empty()) {
      wrong(result_.name + ": " + validated.problems.front().message);
    }
    if (!validated.definition.key.empty()) {
      result_.key = SubmitKey{validated.definition.key, {std::string(32, 'c')}, false};
    }
    result_.job = std::make_shared<const JobDefinition>(std::move(validated.definition));
    result_.script.outputs.resize(result_.job->steps.size());
  }

  StepIndex step_of(std::string_view id) const {
    const auto step = find_step(*result_.job, id);
    if (!step) wrong(result_.name + ": there is no step " + std::string(id));
    return *step;
  }

  void read_calls() {
    if (const auto outputs = from_.take("outputs")) {
      for (const auto& [id, output] : outputs->as_object()) {
        result_.script.outputs[step_of(id)] = JsonText(json::serialize(output));
      }
    }
    const auto calls = from_.take("calls");
    if (!calls) return;
    for (const auto& [id, phases] : calls->as_object()) {
      for (const auto& [name, acts] : phases.as_object()) {
        const Phase phase = named(std::string(name), Phase::compensate, result_.name);
        Part& part = result_.script.parts[{step_of(id), phase}];
        for (const json::value& act : acts.as_array()) {
          for (Act& each : read_acts(act, phase, result_.name)) {
            part.acts.push_back(std::move(each));
          }
        }
      }
    }
  }

  void read_moment(const json::value& value) {
    Reader from(value.as_object(), result_.name + ", a moment");
    Moment moment{.step = from.text("step"),
                  .state = from.text("state"),
                  .phase = std::nullopt,
                  .calls_min = from.number("calls_min", 0)};
    if (!moment.step.empty()) static_cast<void>(step_of(moment.step));
    const std::string phase = from.text("phase");
    if (!phase.empty()) moment.phase = named(phase, Phase::compensate, result_.name);
    moment.may_not_come = from.truth("may_not_come");
    moment.is_refused = from.truth("is_refused");
    moment.happens = read_happening(from, moment.step);
    from.done();
    result_.script.moments.push_back(std::move(moment));
  }

  rehearsal::Happening read_happening(Reader& from, const std::string& step) {
    const std::string loads = from.text("loads");
    if (!loads.empty()) {
      now_.types.insert_or_assign(loads, whole_.types.at(loads));
      return std::make_shared<const Catalogue>(now_);
    }
    if (const auto build = from.take("builds")) {
      for (auto& [name, type] : now_.types) type.module = {build->to_number<std::uint64_t>()};
      return std::make_shared<const Catalogue>(now_);
    }
    if (from.truth("host_ends")) return rehearsal::HostEnds{};
    if (from.truth("submits_again")) return rehearsal::SubmittedAgain{};
    const std::string word = from.text("verb");
    const auto kind = parse_verb(word);
    if (!kind) wrong(result_.name + ": \"" + word + "\" is no verb");
    Verb verb{.kind = *kind, .reason = "as the reference says"};
    const bool names_step =
        *kind == Verb::Kind::abandon || *kind == Verb::Kind::skip || *kind == Verb::Kind::resolve;
    verb.step = from.text("of", names_step ? step : "");
    verb.output = from.json_text("output");
    const std::string truth = from.text("truth", "done");
    verb.truth = truth == "none"     ? Verb::Truth::none
                 : truth == "undone" ? Verb::Truth::undone
                                     : Verb::Truth::done;
    return verb;
  }

  Reader from_;
  ReferenceJob result_;
  Catalogue now_;
  Catalogue whole_;
};

}  // namespace

std::vector<ReferenceJob> read_reference_jobs(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) wrong("cannot read " + file);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::vector<ReferenceJob> jobs;
  const json::value whole = json::parse(text);
  for (const json::value& job : whole.as_array()) {
    jobs.push_back(JobReader(job).read());
  }
  return jobs;
}

}  // namespace stepd::enumeration
