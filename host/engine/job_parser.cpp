#include "host/engine/job_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

#include "host/engine/canonical.hpp"
#include "host/engine/json_check.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_place.hpp"
#include "host/engine/names.hpp"
#include "host/engine/record.hpp"
#include "host/engine/span.hpp"
#include "host/engine/spelling.hpp"

namespace stepd::engine {
namespace {

using Kind = JsonCursor::Kind;
using StepsById = std::unordered_map<std::string_view, StepIndex>;

/// A value in the text that was sent.
struct Sent {
  std::string_view text;
  Place place;

  [[nodiscard]] Kind kind() const { return JsonCursor(text).kind(); }
};

std::string_view in_words(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "true or false";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a text";
    case Kind::array:
      return "a list";
    case Kind::object:
      return "an object";
  }
  return "";
}

double number_in(std::string_view text) {
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

class JobReader {
 public:
  explicit JobReader(const Limits& limits) : limits_(limits) {}

  ParsedJob job(std::string_view text) &&;

 private:
  // One for each object of a job. Each takes the member with this name; false: it has none such.
  bool take_of_job(std::string_view name, const Sent& sent);
  static bool take_of_step(JobReader& reader, StepDefinition& step, std::string_view name,
                           const Sent& sent);
  static bool take_of_retry(JobReader& reader, RetryOverrides& retry, std::string_view name,
                            const Sent& sent);

  std::vector<StepDefinition> steps(const Sent& sent);
  StepDefinition step(const Sent& sent);
  void predecessors(std::vector<StepDefinition>& steps, const Place& place);
  std::optional<StepIndex> predecessor(const Sent& sent, const StepsById& by_id);
  RetryOverrides retry(const Sent& sent);

  template <class Take>
  void members(const Sent& sent, std::string_view of, std::span<const std::string_view> names,
               const Take& take);

  std::string text(const Sent& sent, std::string_view expected);
  std::optional<Duration> span(const Sent& sent);
  std::optional<std::uint32_t> attempts(const Sent& sent);
  std::optional<double> number(const Sent& sent);
  bool truth(const Sent& sent);
  JsonText object(const Sent& sent, std::string_view expected);
  bool on_settled(const Sent& sent);
  std::int32_t priority(const Sent& sent);
  Pin pin(const Sent& sent);

  bool expect(const Sent& sent, Kind kind, std::string_view expected) {
    if (sent.kind() == kind) return true;
    refuse(sent.place, "wrong_type",
           "must be " + std::string(expected) + ", not " + std::string(in_words(sent.kind())));
    return false;
  }
  [[nodiscard]] bool is_full() const { return parsed_.problems.size() >= problems_max; }
  void refuse(const Place& place, std::string_view code, std::string message) {
    if (is_full()) return;
    parsed_.problems.push_back({std::string(code), place.pointer(), std::move(message)});
  }

  const Limits& limits_;
  ParsedJob parsed_;
  std::vector<std::string_view> after_;  // as sent, of each step; empty: it has none
};

constexpr std::array<std::string_view, 9> job_members{
    "name", "key", "on_settled", "args", "output", "deadline", "steps", "priority", "pin"};
constexpr std::array<std::string_view, 10> step_members{"id",
                                                        "step",
                                                        "args",
                                                        "after",
                                                        "pivot",
                                                        "retry",
                                                        "compensate_retry",
                                                        "timeout",
                                                        "heartbeat",
                                                        "compensate_timeout"};
constexpr std::array<std::string_view, 5> retry_members{"attempts_max", "initial", "max",
                                                        "multiplier", "jitter"};

ParsedJob JobReader::job(std::string_view text) && {
  const Sent whole{text, {}};
  if (expect(whole, Kind::object, "an object: a job, {\"name\": …, \"steps\": […]}")) {
    members(whole, "a job", job_members,
            [this](std::string_view name, const Sent& sent) { return take_of_job(name, sent); });
  }
  return std::move(parsed_);
}

template <class Take>
void JobReader::members(const Sent& sent, std::string_view of,
                        std::span<const std::string_view> names, const Take& take) {
  JsonCursor cursor(sent.text);
  cursor.open();
  while (cursor.more()) {
    const std::string_view literal = cursor.key();
    const bool plain = literal.find('\\') == std::string_view::npos;
    const std::string unescaped = plain ? std::string() : unquoted(literal);
    const std::string_view name = plain ? literal.substr(1, literal.size() - 2) : unescaped;
    const Sent member{cursor.take(), sent.place.at(name)};
    if (take(name, member) || is_full()) continue;
    const std::string near = suggestion(name, names);
    refuse(member.place, "unknown_member",
           "is no member of " + std::string(of) +
               (near.empty() ? "; its members are " + listed(names) : near));
  }
}

bool JobReader::take_of_job(std::string_view name, const Sent& sent) {
  JobDefinition& job = parsed_.definition;
  if (name == "name") {
    job.name = text(sent, "a text");
  } else if (name == "key") {
    job.key = text(sent, "a text");
    if (job.key.empty() && sent.kind() == Kind::string) {
      refuse(sent.place, "bad_name", "must not be empty; leave it out for a job without a key");
    }
  } else if (name == "on_settled") {
    parsed_.rerun_unsuccessful = on_settled(sent);
  } else if (name == "args") {
    job.args = object(sent, "an object");
  } else if (name == "output") {
    job.output = JsonText(without_blanks(sent.text));
  } else if (name == "deadline") {
    job.deadline = span(sent);
  } else if (name == "steps") {
    job.steps = steps(sent);
  } else if (name == "priority") {
    job.priority = priority(sent);
  } else if (name == "pin") {
    job.pin = pin(sent);
  } else {
    return false;
  }
  return true;
}

std::vector<StepDefinition> JobReader::steps(const Sent& sent) {
  std::vector<StepDefinition> steps;
  if (!expect(sent, Kind::array, "a list of steps")) return steps;
  std::vector<std::string_view> texts;
  JsonCursor cursor(sent.text);
  cursor.open();
  while (cursor.more()) texts.push_back(cursor.take());
  if (texts.size() > limits_.steps_max) {
    refuse(sent.place, "too_many_steps",
           "has " + std::to_string(texts.size()) + " steps; the limit is " +
               std::to_string(limits_.steps_max) + ": make several jobs of it");
    return steps;
  }
  steps.reserve(texts.size());
  after_.reserve(texts.size());
  for (const std::string_view text : texts) {
    steps.push_back(step({text, sent.place.at(steps.size())}));
  }
  predecessors(steps, sent.place);
  return steps;
}

/// A step that does not say what it comes after comes after the one before it (J1).
void JobReader::predecessors(std::vector<StepDefinition>& steps, const Place& place) {
  StepsById by_id;
  by_id.reserve(steps.size());
  for (StepIndex index = 0; index < steps.size(); ++index) by_id.emplace(steps[index].id, index);
  for (StepIndex index = 0; index < steps.size(); ++index) {
    std::vector<StepIndex>& after = steps[index].after;
    const Place step = place.at(std::size_t{index});
    const Sent sent{after_[index], step.at("after")};
    if (sent.text.empty()) {
      if (index != 0) after = {index - 1};
    } else if (expect(sent, Kind::array, "a list of step ids; an empty one starts at once")) {
      JsonCursor cursor(sent.text);
      cursor.open();
      for (std::size_t element = 0; cursor.more() && !is_full(); ++element) {
        const auto before = predecessor({cursor.take(), sent.place.at(element)}, by_id);
        if (before) after.push_back(*before);
      }
    }
  }
}

std::optional<StepIndex> JobReader::predecessor(const Sent& sent, const StepsById& by_id) {
  if (!expect(sent, Kind::string, "the id of a step")) return std::nullopt;
  const std::string id = unquoted(sent.text);
  const auto found = by_id.find(id);
  if (found != by_id.end()) return found->second;
  std::string near;
  if (parsed_.problems.size() < suggestions_max) {
    std::vector<std::string_view> ids;
    for (const auto& [known, index] : by_id) ids.push_back(known);
    std::ranges::sort(ids);
    near = suggestion(id, ids);
  }
  if (near.empty()) near = "; a step is named by its id";
  refuse(sent.place, "unknown_step", "names no step of the job: " + in_quotes(id) + near);
  return std::nullopt;
}

StepDefinition JobReader::step(const Sent& sent) {
  StepDefinition step;
  after_.emplace_back();
  if (!expect(sent, Kind::object, "an object: a step, {\"id\": …, \"step\": …}")) return step;
  members(sent, "a step", step_members, [&](std::string_view name, const Sent& member) {
    return take_of_step(*this, step, name, member);
  });
  return step;
}

bool JobReader::take_of_step(JobReader& reader, StepDefinition& step, std::string_view name,
                             const Sent& sent) {
  if (name == "id") {
    step.id = reader.text(sent, "a text");
  } else if (name == "step") {
    step.type = reader.text(sent, "a text: a step type such as \"bank.transfer_out\"");
  } else if (name == "args") {
    step.args = reader.object(sent, "an object");
  } else if (name == "after") {
    reader.after_.back() = sent.text;
  } else if (name == "pivot") {
    step.pivot = reader.truth(sent);
  } else if (name == "retry") {
    step.retry = reader.retry(sent);
  } else if (name == "compensate_retry") {
    step.compensate_retry = reader.retry(sent);
  } else if (name == "timeout") {
    step.timeout = reader.span(sent);
  } else if (name == "heartbeat") {
    step.heartbeat = reader.span(sent);
  } else if (name == "compensate_timeout") {
    step.compensate_timeout = reader.span(sent);
  } else {
    return false;
  }
  return true;
}

RetryOverrides JobReader::retry(const Sent& sent) {
  RetryOverrides retry;
  if (!expect(sent, Kind::object, "an object: a retry policy")) return retry;
  members(sent, "a retry policy", retry_members, [&](std::string_view name, const Sent& member) {
    return take_of_retry(*this, retry, name, member);
  });
  return retry;
}

bool JobReader::take_of_retry(JobReader& reader, RetryOverrides& retry, std::string_view name,
                              const Sent& sent) {
  if (name == "attempts_max") {
    retry.attempts_max = reader.attempts(sent);
  } else if (name == "initial") {
    retry.initial = reader.span(sent);
  } else if (name == "max") {
    retry.max = reader.span(sent);
  } else if (name == "multiplier") {
    retry.multiplier = reader.number(sent);
  } else if (name == "jitter") {
    retry.jitter = reader.number(sent);
  } else {
    return false;
  }
  return true;
}

std::string JobReader::text(const Sent& sent, std::string_view expected) {
  return expect(sent, Kind::string, expected) ? unquoted(sent.text) : std::string();
}

std::optional<Duration> JobReader::span(const Sent& sent) {
  constexpr std::string_view expected =
      "a span as text, such as \"200ms\", \"5s\", \"5m\" or \"2h\"";
  if (!expect(sent, Kind::string, expected)) return std::nullopt;
  const auto span = parse_span(unquoted(sent.text));
  if (!span) {
    refuse(sent.place, "bad_span",
           "must be a number and one of us, ms, s, m, h and d, up to 100 years, such as \"200ms\" "
           "or \"1.5h\", not " +
               std::string(sent.text.substr(0, 60)));
  }
  return span;
}

std::optional<std::uint32_t> JobReader::attempts(const Sent& sent) {
  if (sent.text == "\"unlimited\"") return 0;
  constexpr double most = std::numeric_limits<std::uint32_t>::max();
  const double count = sent.kind() == Kind::number ? number_in(sent.text) : 0;
  if (count >= 1 && count <= most && std::trunc(count) == count) {
    return static_cast<std::uint32_t>(count);
  }
  refuse(sent.place, sent.kind() == Kind::number ? "out_of_range" : "wrong_type",
         "must be a whole number from 1 to 4294967295, or \"unlimited\"");
  return std::nullopt;
}

std::optional<double> JobReader::number(const Sent& sent) {
  if (!expect(sent, Kind::number, "a number")) return std::nullopt;
  return number_in(sent.text);
}

bool JobReader::truth(const Sent& sent) {
  return expect(sent, Kind::boolean, "true or false") && sent.text == "true";
}

JsonText JobReader::object(const Sent& sent, std::string_view expected) {
  if (!expect(sent, Kind::object, expected)) return {};
  return JsonText(without_blanks(sent.text));
}

bool JobReader::on_settled(const Sent& sent) {
  if (sent.text == "\"rerun_unsuccessful\"") return true;
  if (sent.text != "\"return\"") {
    refuse(sent.place, "not_allowed", "must be \"return\" or \"rerun_unsuccessful\"");
  }
  return false;
}

std::int32_t JobReader::priority(const Sent& sent) {
  if (!expect(sent, Kind::number, "a whole number")) return 0;
  const double number = number_in(sent.text);
  if (number >= priority_min && number <= priority_max && std::trunc(number) == number) {
    return static_cast<std::int32_t>(number);
  }
  refuse(sent.place, "out_of_range",
         "must be a whole number from " + std::to_string(priority_min) + " to " +
             std::to_string(priority_max) + ", the higher the sooner");
  return 0;
}

Pin JobReader::pin(const Sent& sent) {
  const bool is_text = sent.kind() == Kind::string;
  const auto pin = is_text ? parse_pin(unquoted(sent.text)) : std::nullopt;
  if (!pin) refuse(sent.place, "not_allowed", R"(must be "compatible", "exact" or "latest")");
  return pin.value_or(Pin::compatible);
}

Problem problem_of(const JsonFault& fault) {
  return {.code = fault.code,
          .pointer = fault.pointer,
          .message = fault.message + " (line " + std::to_string(fault.line) + ", column " +
                     std::to_string(fault.column) + ", byte " + std::to_string(fault.offset) + ")"};
}

/// What was sent but for `on_settled`, which says what to do about an earlier job of this key and
/// nothing of the job itself.
std::string content_of(std::string_view job) {
  if (child(job, "on_settled").empty()) return canonical(job);
  std::string content = "{";
  JsonCursor cursor(job);
  cursor.open();
  while (cursor.more()) {
    const std::string_view key = cursor.key();
    const std::string_view value = cursor.take();
    if (stands_for(key, "on_settled")) continue;
    if (content.size() > 1) content += ',';
    content.append(key).append(":").append(value);
  }
  return canonical(content + "}");
}

}  // namespace

ParsedJob parse_job(std::string_view text, const Limits& limits) {
  if (const auto fault = find_fault(text, limits.json_depth_max)) {
    return {.problems = {problem_of(*fault)}};
  }
  ParsedJob parsed = JobReader(limits).job(text);
  if (parsed.problems.empty() && !parsed.definition.key.empty()) {
    parsed.canonical = content_of(text);
  }
  return parsed;
}

}  // namespace stepd::engine
