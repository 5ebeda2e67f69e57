#include "tools/stepctl/steps_board.hpp"

#include <algorithm>

#include "tools/stepctl/table.hpp"
#include "tools/stepctl/timeline.hpp"

namespace stepd::stepctl {
namespace {

std::string_view mark_of(std::string_view state, bool unicode) {
  if (state == "succeeded") return unicode ? "✓" : "+";
  if (state == "compensated") return unicode ? "↺" : "<";
  if (state == "abandoned" || state == "parked") return unicode ? "✗" : "x";
  if (state == "running" || state == "stopping") return unicode ? "▸" : ">";
  if (state == "retrying" || state == "suspended" || state == "ready") return unicode ? "…" : ".";
  return unicode ? "·" : " ";
}

bool is_at_work(std::string_view state) {
  return state == "ready" || state == "running" || state == "stopping" || state == "retrying" ||
         state == "suspended" || state == "parked";
}

std::string bar(std::int64_t permille, bool unicode) {
  constexpr std::int64_t cells = 10;
  const std::int64_t full = std::clamp<std::int64_t>(permille, 0, 1000) * cells / 1000;
  std::string text;
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    if (unicode) {
      text += cell < full ? "█" : "░";
    } else {
      text += cell < full ? "#" : "-";
    }
  }
  return text + " " + std::to_string(permille / 10) + "%";
}

}  // namespace

StepsBoard::StepsBoard(const json::object& job)
    : id_(text_at(job, "id")),
      name_(text_at(job, "name")),
      start_(parse_instant(text_at(job, "created_at"))) {
  for (const json::value& entry : list_at(job, "steps")) {
    if (!entry.is_object()) continue;
    Line line;
    line.id = text_at(entry.get_object(), "id");
    line.type = text_at(entry.get_object(), "type");
    lines_.push_back(std::move(line));
  }
}

StepsBoard::Line* StepsBoard::find(const std::string& step) {
  const auto found =
      std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) { return line.id == step; });
  return found == lines_.end() ? nullptr : &*found;
}

void StepsBoard::add_row(const json::object& row) {
  const std::optional<Instant> at = parse_instant(text_at(row, "at"));
  if (!start_) start_ = at;
  for (const json::value& entry : list_at(row, "entries")) {
    if (entry.is_object()) add_entry(entry.get_object(), at);
  }
}

void StepsBoard::add_entry(const json::object& entry, std::optional<Instant> at) {
  const std::string type = text_at(entry, "type");
  if (type == "turned_back") backward_ = true;
  Line* line = find(text_at(entry, "step"));
  if (line == nullptr) return;
  if (type == "call_started") {
    line->state = "running";
    line->phase = text_at(entry, "phase");
    line->attempts = number_at(entry, "attempt");
    line->note.clear();
    line->permille = 0;
    line->due.reset();
  } else if (type == "call_ended") {
    line->error = error_text(entry);
  } else if (type == "step_moved") {
    line->state = text_at(entry, "state");
    line->phase = text_at(entry, "phase");
    line->attempts = std::max(line->attempts, number_at(entry, "attempts"));
    const std::optional<Instant> due = parse_instant(text_at(entry, "due"));
    line->due.reset();
    if (due && start_ && at) line->due = *due - *start_;
    if (const std::string error = error_text(entry); !error.empty()) line->error = error;
  }
}

void StepsBoard::add_progress(const json::object& progress) {
  Line* line = find(text_at(progress, "step"));
  if (line == nullptr) return;
  line->note = text_at(progress, "note");
  line->permille = number_at(progress, "permille");
}

std::string StepsBoard::remark(const Line& line, Span elapsed) const {
  std::string text;
  if (line.attempts > 1) text = "attempt " + std::to_string(line.attempts);
  const auto append = [&text](const std::string& part) {
    if (part.empty()) return;
    if (!text.empty()) text += ", ";
    text += part;
  };
  if (line.due && (line.state == "retrying" || line.state == "suspended")) {
    append(*line.due > elapsed ? "goes on in " + span_text(*line.due - elapsed) : "goes on now");
  }
  if (line.state == "running") append(line.note);
  if (line.state != "running" && line.state != "succeeded" && line.state != "compensated") {
    append(line.error);
  }
  return text;
}

std::vector<const StepsBoard::Line*> StepsBoard::chosen(std::size_t steps_max) const {
  std::vector<const Line*> all;
  for (const Line& line : lines_) all.push_back(&line);
  if (all.size() <= steps_max) return all;
  std::stable_partition(all.begin(), all.end(),
                        [](const Line* line) { return is_at_work(line->state); });
  // Then what ended last before what was done long ago, and before what is still to come.
  const auto at_work = static_cast<std::size_t>(std::count_if(
      lines_.begin(), lines_.end(), [](const Line& line) { return is_at_work(line.state); }));
  std::stable_sort(all.begin() + static_cast<std::ptrdiff_t>(at_work), all.end(),
                   [](const Line* left, const Line* right) {
                     const bool left_ended = left->state != "pending";
                     const bool right_ended = right->state != "pending";
                     if (left_ended != right_ended) return left_ended;
                     return left_ended && left > right;
                   });
  all.resize(steps_max);
  std::sort(all.begin(), all.end());
  return all;
}

std::string StepsBoard::block(const Screen& screen, Span elapsed, std::size_t steps_max) const {
  const auto ended = std::count_if(lines_.begin(), lines_.end(), [](const Line& line) {
    return line.state != "pending" && !is_at_work(line.state);
  });
  std::string head = id_ + (name_.empty() ? "" : "  " + printable(name_)) + "  ";
  head += lost_ ? "waits for the daemon" : backward_ ? "compensating" : "running";
  head += "  " + std::to_string(ended) + " of " + std::to_string(lines_.size()) + " steps  " +
          span_text(std::chrono::floor<std::chrono::seconds>(elapsed));
  Table table({});
  for (const Line* line : chosen(steps_max)) {
    std::string state = line->phase == "execute" || !is_at_work(line->state)
                            ? line->state
                            : line->phase + ", " + line->state;
    std::string progress;
    if (line->permille > 0 && line->state == "running") {
      progress = bar(line->permille, screen.unicode) + "  ";
    }
    const Tone tone = tone_of_state(line->state);
    table.add({{"  " + std::string(mark_of(line->state, screen.unicode)), tone},
               {line->id},
               {line->type, Tone::dim},
               {std::move(state), tone},
               {progress + remark(*line, elapsed)}});
  }
  std::string text = cut(head, screen.columns > 0 ? screen.columns : head.size(), screen.unicode);
  text += "\n" + table.text(screen);
  if (lines_.size() > steps_max) {
    text += "  and " + grouped(lines_.size() - steps_max) + " more steps\n";
  }
  return text;
}

}  // namespace stepd::stepctl
