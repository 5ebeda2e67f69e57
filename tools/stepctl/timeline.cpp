#include "tools/stepctl/timeline.hpp"

#include <algorithm>

namespace stepd::stepctl {
namespace {

constexpr std::size_t output_shown_max = 70;

std::string joined(std::string first, std::string_view separator, const std::string& second) {
  if (second.empty()) return first;
  return first.append(separator).append(second);
}

std::string due_text(const json::object& entry, std::optional<Instant> at) {
  const std::optional<Instant> due = parse_instant(text_at(entry, "due"));
  if (!due || !at) return {};
  return *due > *at ? "in " + span_text(*due - *at) : "at once";
}

/// Why a step was stopped, given up or parked; a word this program does not know is told as it is.
std::string reason_text(const std::string& reason) {
  static const std::map<std::string, std::string, std::less<>> told{
      {"operator_verb", "by an operator"},
      {"turned_back", "the job turned back"},
      {"attempts_used_up", "its attempts are used up"},
      {"bad_arguments", "its arguments do not fit"},
      {"deadline", "the deadline passed"},
      {"cancel", "the job was cancelled"},
      {"timed_out", "it took too long"},
      {"silent", "it gave no sign of life"},
      {"abandon", "an operator gave it up"},
      {"shutdown", "the daemon shuts down"},
      {"bad_answer", "its answer cannot be recorded"},
      {"crashes", "it crashed too often"},
      {"effect_in_doubt", "nothing can tell whether it took effect"},
      {"past_pivot", "the job cannot turn back any more"},
      {"compensation_ended", "its compensation was given up"},
      {"not_stored", "the store refused its record"},
      {"refused", ""},  // its call has just said so, here and below
      {"failed", ""},
  };
  const auto found = told.find(reason);
  return found == told.end() ? spoken(reason) : found->second;
}

/// What a recorded state means; empty where the call's own line has said it all.
std::string state_text(const json::object& entry, std::optional<Instant> at) {
  const std::string state = text_at(entry, "state");
  const std::string reason = reason_text(text_at(entry, "reason"));
  const std::string due = due_text(entry, at);
  if (state == "pending" || state == "ready" || state == "running") return {};
  if (state == "retrying") return due.empty() ? "tries again later" : "tries again " + due;
  if (state == "suspended") {
    const std::string key = text_at(entry, "waits_for");
    if (key.empty()) return due.empty() ? "waits" : "goes on " + due;
    return joined("waits for " + key, ", called again without it ", due);
  }
  if (state == "never") return "will not start: the job turned back";
  if (state == "left") return "left: what it did stays done";
  if (state == "stopping") return joined("asked to stop", ": ", reason);
  if (state == "parked") return joined("parked, an operator must decide", ": ", reason);
  return joined(state, ": ", reason);
}

Tone tone_of_outcome(std::string_view outcome) {
  if (outcome == "succeeded") return Tone::good;
  if (outcome == "suspended") return Tone::plain;
  if (outcome == "refused" || outcome == "failed" || outcome == "crashed") return Tone::bad;
  return Tone::warn;
}

std::string outcome_text(const std::string& outcome) {
  if (outcome == "retry") return "failed, may work later";
  if (outcome == "failed") return "failed for good";
  if (outcome == "suspended") return "suspended itself";
  if (outcome == "effect_unknown") return "ended without knowing whether it took effect";
  if (outcome == "lost") return "was lost with its host";
  if (outcome == "no_effect") return "found that it took no effect";
  if (outcome == "not_started") return "was stopped before it began";
  if (outcome == "interrupted") return "was interrupted, because its process ended";
  if (outcome == "bad_answer") return "gave an answer that means nothing";
  return spoken(outcome);
}

/// " (ran 1.2ms, waited 30ms, cpu 1.1ms, memory 12.4 MiB)"; of what is known.
std::string usage_text(const json::object& entry) {
  const json::value* used = member(entry, "used");
  if (used == nullptr || !used->is_object()) return {};
  const json::object& known = used->get_object();
  std::string text;
  const auto tell = [&text](std::string_view name, const std::string& value) {
    text += (text.empty() ? " (" : ", ") + std::string(name) + " " + value;
  };
  for (const char* name : {"ran", "waited", "cpu"}) {
    if (const auto span = parse_span(text_at(known, name))) tell(name, span_text(*span));
  }
  const std::int64_t bytes = number_at(known, "memory_bytes");
  if (bytes > 0) tell("memory", bytes_text(bytes));
  return text.empty() ? text : text + ")";
}

}  // namespace

std::string spoken(std::string_view word) {
  std::string text(word);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

/// One row while it is told.
struct Timeline::Row {
  std::optional<Instant> at;
  Span since_start{};
  std::vector<TimelineLine> lines;
  std::map<std::string, std::size_t> ended;  // step: the line that tells how its call ended

  void say(std::string step, std::string text, Tone tone) {
    lines.push_back({since_start, std::move(step), std::move(text), tone});
  }
};

std::vector<TimelineLine> Timeline::add(const json::object& json_row) {
  Row row;
  row.at = parse_instant(text_at(json_row, "at"));
  if (!start_) start_ = row.at;
  if (row.at && start_) row.since_start = *row.at - *start_;
  for (const json::value& entry : list_at(json_row, "entries")) {
    if (entry.is_object()) add_entry(row, entry.get_object());
  }
  return std::move(row.lines);
}

void Timeline::add_entry(Row& row, const json::object& entry) {
  const std::string type = text_at(entry, "type");
  const std::string step = text_at(entry, "step");
  if (type == "call_started") return call_started(row, entry);
  if (type == "call_ended") return call_ended(row, entry);
  if (type == "step_moved") return step_moved(row, entry);
  if (type == "operator_acted") return operator_acted(row, entry);
  if (type == "arguments_resolved") return;  // seen in the step's args
  if (type == "submitted") return row.say("", "submitted", Tone::plain);
  if (type == "snapshot_completed") return row.say(step, "its plugin is there now", Tone::plain);
  if (type == "attention_raised") return row.say(step, "flagged for attention", Tone::warn);
  if (type == "deadline_passed") {
    return row.say("", "the deadline passed, too late to turn back", Tone::warn);
  }
  if (type == "cancel_noted") {
    return row.say(
        "", "noted, to be decided with the point of no return: " + spoken(text_at(entry, "cause")),
        Tone::warn);
  }
  if (type == "turned_back") {
    cause_ = spoken(text_at(entry, "cause"));
    if (cause_ == "step abandoned") cause_ = "step " + step + " was abandoned";
    const std::string why = joined(cause_, ": ", error_text(entry));
    return row.say("", "the job turns back, because: " + why, Tone::warn);
  }
  if (type == "children_spawned") {
    return row.say(step, "starts " + std::to_string(number_at(entry, "count")) + " jobs",
                   Tone::plain);
  }
  if (type == "children_settled") {
    const std::int64_t failed = number_at(entry, "unsuccessful");
    const std::string without =
        failed == 0 ? "" : ", " + std::to_string(failed) + " without success";
    return row.say(step,
                   std::to_string(number_at(entry, "settled")) + " of its " +
                       std::to_string(number_at(entry, "spawned")) + " jobs have settled" + without,
                   failed == 0 ? Tone::plain : Tone::warn);
  }
  if (type == "wait_ended") {
    const json::value* event = member(entry, "event");
    if (event == nullptr || !event->is_object()) {
      return row.say(step, "its time was up: " + text_at(entry, "key"), Tone::plain);
    }
    const json::value* data = member(event->get_object(), "data");
    const std::string text = "event " + text_at(entry, "key") + " came";
    return row.say(
        step, data == nullptr ? text : text + ": " + cut(one_line(*data), output_shown_max, true),
        Tone::good);
  }
  if (type == "settled") {
    const std::string state = text_at(entry, "state");
    return row.say("", "settled: " + state, tone_of_state(state));
  }
  row.say(step, spoken(type), Tone::plain);  // paused, resumed, and what a newer daemon writes
}

void Timeline::call_started(Row& row, const json::object& entry) {
  const std::string step = text_at(entry, "step");
  const std::string phase = text_at(entry, "phase");
  const std::int64_t call = number_at(entry, "call");
  const std::int64_t attempt = number_at(entry, "attempt");
  calls_[call] = {row.since_start, phase};
  std::string text = "call " + std::to_string(call) + " started";
  if (attempt > 1) text += " (attempt " + std::to_string(attempt) + ")";
  if (phase == "probe") text += ": did it take effect?";
  if (phase == "compensate") {
    text += ": compensates, because ";
    text += cause_.empty() ? "the job turned back" : cause_;
    const std::string effect = effect_[step];
    if (effect == "possible") text += " (it may have taken effect)";
  }
  row.say(step, std::move(text), phase == "compensate" ? Tone::warn : Tone::plain);
}

void Timeline::call_ended(Row& row, const json::object& entry) {
  const std::string step = text_at(entry, "step");
  const std::string outcome = text_at(entry, "outcome");
  const std::int64_t call = number_at(entry, "call");
  std::string text = "call " + std::to_string(call) + " " + outcome_text(outcome);
  if (const auto found = calls_.find(call); found != calls_.end()) {
    if (outcome != "lost") text += " after " + span_text(row.since_start - found->second.started);
    calls_.erase(found);
  }
  if (detail_ == Detail::usage) text += usage_text(entry);
  text = joined(std::move(text), ": ", error_text(entry));
  if (const json::value* output = member(entry, "output")) {
    text += " → " + cut(one_line(*output), output_shown_max, true);
  }
  row.ended[step] = row.lines.size();
  row.say(step, std::move(text), tone_of_outcome(outcome));
}

void Timeline::step_moved(Row& row, const json::object& entry) {
  const std::string step = text_at(entry, "step");
  const std::string state = text_at(entry, "state");
  const std::string effect = text_at(entry, "effect");
  if (!effect.empty()) effect_[step] = effect;
  const std::string text = state_text(entry, row.at);
  if (text.empty()) return;
  const auto ended = row.ended.find(step);
  if (ended == row.ended.end()) {
    const bool told = text_at(entry, "reason") == "operator_verb";  // in the operator's own words
    row.say(step, told ? text : joined(text, ": ", error_text(entry)), tone_of_state(state));
    return;
  }
  TimelineLine& line = row.lines[ended->second];
  if (state == "succeeded" && line.text.find(" succeeded") != line.text.npos) return;
  line.text += "; " + text;
  if (line.tone != Tone::bad) line.tone = tone_of_state(state);
}

void Timeline::operator_acted(Row& row, const json::object& entry) {
  const std::string actor = text_at(entry, "actor");
  std::string text = (actor.empty() ? "an operator" : actor) + " asked for ";
  text = joined(text + text_at(entry, "verb"), ": ", text_at(entry, "reason"));
  row.say(text_at(entry, "step"), std::move(text), Tone::strong);
}

std::string timeline_text(const std::vector<TimelineLine>& lines, std::size_t step_width,
                          const Screen& screen) {
  constexpr std::size_t time_width = 9;
  for (const TimelineLine& line : lines) {
    step_width = std::max(step_width, width_of(printable(line.step)));
  }
  std::string text;
  for (const TimelineLine& line : lines) {
    const std::string time = "+" + span_text(line.since_start);
    const std::string step = printable(line.step);
    if (time.size() < time_width) text.append(time_width - time.size(), ' ');
    text += paint(time, Tone::dim, screen) + "  ";
    text += step;
    text.append(step_width - std::min(step_width, width_of(step)) + (step_width > 0 ? 2 : 0), ' ');
    text += paint(printable(line.text), line.tone, screen) + "\n";
  }
  return text;
}

}  // namespace stepd::stepctl
