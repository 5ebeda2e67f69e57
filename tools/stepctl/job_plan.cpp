#include <algorithm>
#include <map>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/graph_drawing.hpp"
#include "tools/stepctl/job_input.hpp"
#include "tools/stepctl/job_reader.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/span_text.hpp"
#include "tools/stepctl/table.hpp"

namespace stepd::stepctl {
namespace {

/// The first few of them.
std::string listed(const json::array& words, std::size_t most) {
  std::string text;
  for (std::size_t at = 0; at < std::min(words.size(), most); ++at) {
    if (words[at].is_string()) {
      text += (text.empty() ? "" : ", ") + std::string(words[at].get_string());
    }
  }
  if (words.size() > most) text += " and " + std::to_string(words.size() - most) + " more";
  return text;
}

constexpr std::size_t predecessors_shown = 4;
constexpr std::size_t compensations_shown = 20;

std::string span_at(const json::object& object, std::string_view name, const std::string& absent) {
  const std::optional<Span> span = parse_span(text_at(object, name));
  return span ? span_text(*span) : absent;
}

std::string attempts_of(const json::object& phase) {
  const std::string attempts = text_at(object_at(phase, "retry"), "attempts_max");
  return attempts == "unlimited" ? "no end" : attempts;
}

bool is_known(const json::object& step) { return member(step, "kind") != nullptr; }

std::string kind_of(const json::object& step) {
  const std::string kind = text_at(step, "kind");
  if (!true_at(step, "pivot")) return kind;
  return kind.empty() ? "pivot" : kind + ", pivot";
}

/// Where each id stands.
using Places = std::map<std::string, std::size_t, std::less<>>;

/// From 1.
Places places_in(const json::array& ids) {
  Places places;
  for (const json::value& id : ids) {
    if (id.is_string()) places.emplace(id.get_string(), places.size() + 1);
  }
  return places;
}

/// What turning back does of a step: when, how often it is tried and how long that takes.
std::string undo_of(const json::object& step, const Places& order) {
  if (!is_known(step)) return "?";
  const auto place = order.find(text_at(step, "id"));
  if (place == order.end()) return text_at(step, "kind") == "saga" ? "never" : "";
  const json::object& back = object_at(step, "compensation");
  return "#" + std::to_string(place->second) + ", attempts " + attempts_of(back) + ", " +
         span_at(back, "longest", "no bound");
}

std::string table_of(const json::object& plan, const Screen& screen) {
  const Places order = places_in(list_at(object_at(plan, "compensation"), "order"));
  Table table(
      {"#", "STEP", "TYPE", "PLUGIN", "KIND", "AFTER", "ATTEMPTS", "TIME-OUT", "AT MOST", "UNDO"});
  std::size_t number = 0;
  for (const json::value& entry : list_at(plan, "steps")) {
    if (!entry.is_object()) continue;
    const json::object& step = entry.get_object();
    const bool known = is_known(step);
    const std::string plugin = text_at(step, "plugin");
    table.add(
        {{std::to_string(++number), Tone::dim},
         {text_at(step, "id"), Tone::strong},
         {text_at(step, "step")},
         {plugin.empty() ? "none: it waits" : plugin, plugin.empty() ? Tone::warn : Tone::dim},
         {kind_of(step)},
         {listed(list_at(step, "after"), predecessors_shown), Tone::dim},
         {known ? attempts_of(step) : "?"},
         {known ? span_at(step, "timeout", "none") : "?"},
         {known ? span_at(step, "longest", "no bound") : "?"},
         {undo_of(step, order)}});
  }
  return table.text(screen);
}

std::string drawing(const json::object& plan, const Screen& screen) {
  Places places;
  std::vector<DrawnStep> steps;
  for (const json::value& entry : list_at(plan, "steps")) {
    if (!entry.is_object()) continue;
    const json::object& step = entry.get_object();
    DrawnStep drawn{
        .mark = screen.unicode ? "●" : "o", .label = printable(text_at(step, "id")), .after = {}};
    if (true_at(step, "pivot")) {
      drawn.mark = screen.unicode ? "◆" : "*";
      drawn.label += "  (point of no return)";
    }
    for (const json::value& before : list_at(step, "after")) {
      if (!before.is_string()) continue;
      const auto place = places.find(std::string_view(before.get_string()));
      if (place != places.end()) drawn.after.push_back(place->second);
    }
    places.emplace(text_at(step, "id"), steps.size());
    steps.push_back(std::move(drawn));
  }
  std::string text;
  for (const std::string& line : drawing_of(steps, screen.unicode)) text += "  " + line + "\n";
  return text.empty() ? "  too many run side by side to be drawn here; see --dot\n" : text;
}

std::string in_quotes(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') quoted += '\\';
    quoted += letter;
  }
  return quoted + '"';
}

std::string dot_of(const json::object& plan) {
  std::string text = "digraph " + in_quotes(text_at(plan, "name")) + " {\n  rankdir=LR;\n" +
                     "  node [shape=box, style=rounded];\n";
  for (const json::value& entry : list_at(plan, "steps")) {
    if (!entry.is_object()) continue;
    const json::object& step = entry.get_object();
    const std::string id = in_quotes(text_at(step, "id"));
    std::string label = in_quotes(text_at(step, "id") + "\n" + text_at(step, "step"));
    for (std::size_t at = label.find('\n'); at != label.npos; at = label.find('\n', at)) {
      label.replace(at, 1, "\\n");
    }
    text += "  " + id + " [label=" + label;
    if (text_at(step, "kind") == "saga") text += ", peripheries=2";
    if (true_at(step, "pivot")) text += ", shape=diamond, style=solid";
    text += "];\n";
    for (const json::value& before : list_at(step, "after")) {
      if (before.is_string()) {
        text += "  " + in_quotes(std::string(before.get_string())) + " -> " + id + ";\n";
      }
    }
  }
  return text + "}\n";
}

std::string totals(const json::object& plan, const Screen& screen) {
  const std::string no_bound =
      "no bound: a step has no time-out, no last attempt, or a type nobody offers";
  const json::object& back = object_at(plan, "compensation");
  Table table({});
  table.add({{"at most", Tone::dim}, {span_at(plan, "longest", no_bound)}});
  if (member(plan, "deadline") != nullptr) {
    table.add({{"deadline", Tone::dim}, {span_at(plan, "deadline", "")}});
  }
  const json::array& order = list_at(back, "order");
  table.add({{"undone in order", Tone::dim},
             {order.empty() ? "nothing" : listed(order, compensations_shown)}});
  if (!order.empty()) {
    table.add({{"undone in at most", Tone::dim}, {span_at(back, "longest", no_bound)}});
  }
  return table.text(screen);
}

/// One to a line, in the order they were written in.
std::string ids_of(const json::object& plan) {
  std::string ids;
  for (const json::value& step : list_at(plan, "steps")) {
    if (step.is_object()) ids += text_at(step.get_object(), "id") + "\n";
  }
  return ids;
}

}  // namespace

ExitCode run(const Session& session, const PlanJob& command) {
  JobInput input(command.file, session.output);
  const Answer answer =
      session.client.post("/v1/jobs:plan", only_job(input.stream(), input.name()));
  const std::optional<json::object> plan = parse_object(answer.body);
  if (!answer.is_good() || !plan) return refuse(session, answer);
  const Screen& screen = session.output.out();
  if (command.dot) {
    session.output.print(dot_of(*plan));
  } else if (session.json) {
    session.output.print(indented(answer.body));
    return ExitCode::done;
  } else if (session.output.quiet()) {
    session.output.print(ids_of(*plan));
  } else {
    session.output.print(table_of(*plan, screen) + "\n" + drawing(*plan, screen) + "\n" +
                         totals(*plan, screen));
  }
  session.output.note(warnings_text(*plan, "", session.output.err()));
  return ExitCode::done;
}

}  // namespace stepd::stepctl
