#include <algorithm>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/table.hpp"
#include "tools/stepctl/timeline.hpp"

namespace stepd::stepctl {
namespace {

std::string path_of(const std::string& id) { return "/v1/jobs/" + encoded(id); }

std::string moment(const json::object& job, std::string_view name, std::optional<Instant> now) {
  const std::optional<Instant> instant = parse_instant(text_at(job, name));
  if (!instant) return text_at(job, name);
  std::string text = local_text(*instant);
  if (now) text += " (" + relative_text(*instant, now) + ")";
  return text;
}

void add_line(Table& table, const std::string& name, std::string text, Tone tone = Tone::plain) {
  if (!text.empty()) table.add({{name, Tone::dim}, {std::move(text), tone}});
}

std::string json_of(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  return value == nullptr ? "" : one_line(*value);
}

/// Which job it was made from, and how.
std::string origin_text(const json::object& job) {
  const json::object& origin = object_at(job, "origin");
  if (origin.empty()) return {};
  const std::string from = text_at(origin, "from");
  return text_at(origin, "kind") + " of " + text_at(origin, "job") +
         (from.empty() ? "" : " from step " + from);
}

/// How the last of its undos stands. One that has left something is gone on with by a rerun of it.
std::string undo_text(const std::string& by, const std::string& state) {
  if (state.empty()) return by + ", which has been removed: how it ended is not known";
  if (state == "compensated") return "undone by " + by;
  if (state != "failed") return "being undone by " + by + " (" + state + ")";
  return by + " failed and has left something: to undo that, rerun it (stepctl job rerun " + by +
         ")";
}

void add_undo(Table& table, const json::object& job) {
  const json::object& undo = object_at(job, "undo");
  if (undo.empty()) return;
  const std::string by = text_at(undo, "job");
  const std::string state = text_at(undo, "state");
  // An undo that another one goes on with is not undone itself.
  if (text_at(object_at(job, "origin"), "kind") == "undo") {
    return add_line(table, "gone on", by + " (" + (state.empty() ? "removed" : state) + ")",
                    tone_of_state(state));
  }
  add_line(table, "undo", undo_text(by, state), tone_of_state(state));
}

void add_kin(Table& table, const json::object& job) {
  for (const json::value& entry : list_at(job, "derived")) {
    if (!entry.is_object() || text_at(entry.get_object(), "kind") == "undo") continue;
    add_line(table, "rerun as", text_at(entry.get_object(), "job"));
  }
  add_undo(table, job);
  const json::object& parent = object_at(job, "parent");
  if (!parent.empty()) {
    add_line(table, "parent", text_at(parent, "id") + ", which calls it " + text_at(parent, "key"));
  }
  const json::object& children = object_at(job, "children");
  if (children.empty()) return;
  const std::int64_t unsuccessful = number_at(children, "unsuccessful");
  add_line(table, "children",
           text_at(children, "started") + ", " + text_at(children, "settled") + " settled" +
               (unsuccessful == 0 ? "" : ", " + std::to_string(unsuccessful) + " unsuccessful") +
               " (see: stepctl job children " + text_at(job, "id") + ")");
}

void print_head(const Session& session, const json::object& job, std::optional<Instant> now) {
  const std::string state = text_at(job, "state");
  const std::string tenant = text_at(job, "tenant");
  Table table({});
  add_line(table, "job", text_at(job, "id"), Tone::strong);
  add_line(table, "name", text_at(job, "name"));
  add_line(table, "key", text_at(job, "key"));
  if (tenant != "default") add_line(table, "tenant", tenant);
  add_line(table, "state", state, tone_of_state(state));
  add_line(table, "reason", text_at(job, "reason"));
  if (true_at(job, "attention")) add_line(table, "attention", "wanted", Tone::bad);
  add_line(table, "origin", origin_text(job));
  add_kin(table, job);
  if (text_at(job, "pin") != "compatible") add_line(table, "pin", text_at(job, "pin"));
  if (number_at(job, "priority") != 0) add_line(table, "priority", text_at(job, "priority"));
  add_line(table, "submitted", moment(job, "created_at", now));
  const auto created = parse_instant(text_at(job, "created_at"));
  const auto settled = parse_instant(text_at(job, "settled_at"));
  if (created && settled) {
    add_line(table, "settled", local_text(*settled) + ", after " + span_text(*settled - *created));
  }
  add_line(table, "deadline", moment(job, "deadline", now));
  if (!object_at(job, "args").empty()) add_line(table, "args", json_of(job, "args"));
  add_line(table, "output", json_of(job, "output"));
  add_line(table, "no output", error_text(job, "output_error"), Tone::bad);
  if (!list_at(job, "left").empty()) add_line(table, "left", json_of(job, "left"), Tone::warn);
  session.output.print(table.text(session.output.out()));
}

std::string attempts_of(const json::object& step) {
  const std::int64_t attempts = number_at(step, "attempts");
  const std::int64_t calls = number_at(step, "calls");
  if (calls == attempts) return std::to_string(attempts);
  return std::to_string(attempts) + " (" + std::to_string(calls) + " calls)";
}

std::string remark_of(const json::object& step, std::optional<Instant> now) {
  std::string text = error_text(step);
  const std::optional<Instant> due = parse_instant(text_at(step, "due"));
  if (due) text = "due " + relative_text(*due, now) + (text.empty() ? "" : "; ") + text;
  if (text.empty()) text = json_of(step, "output");
  return text;
}

void print_steps(const Session& session, const json::object& job, std::optional<Instant> now) {
  Table table({"STEP", "TYPE", "STATE", "EFFECT", "ATTEMPTS", "ERROR OR OUTPUT"});
  for (const json::value& entry : list_at(job, "steps")) {
    if (!entry.is_object()) continue;
    const json::object& step = entry.get_object();
    const std::string state = text_at(step, "state");
    const std::string phase = text_at(step, "phase");
    const bool told =
        phase == "execute" || phase.empty() || state == "compensated" || state == "left";
    table.add({{text_at(step, "id")},
               {text_at(step, "type"), Tone::dim},
               {told ? state : phase + ": " + state, tone_of_state(state)},
               {text_at(step, "effect")},
               {attempts_of(step)},
               {remark_of(step, now)}});
  }
  session.output.print("\n" + table.text(session.output.out()));
}

std::string reasons_text(const json::object& answer, std::optional<Instant> now,
                         const Screen& screen) {
  Table table({});
  for (const json::value& entry : list_at(answer, "reasons")) {
    if (!entry.is_object()) continue;
    const json::object& reason = entry.get_object();
    const std::string step = text_at(reason, "step");
    std::string message = text_at(reason, "message");
    if (message.empty()) message = spoken(text_at(reason, "code"));
    const std::optional<Instant> until = parse_instant(text_at(reason, "until"));
    if (until) message += " (" + relative_text(*until, now) + ")";
    table.add({{"  " + (step.empty() ? "job" : step), Tone::strong}, {std::move(message)}});
  }
  return table.text(screen);
}

/// A line for each reason: the step, or "-" for the job as a whole, and the code.
std::string codes_of(const json::object& answer) {
  std::string lines;
  for (const json::value& entry : list_at(answer, "reasons")) {
    if (!entry.is_object()) continue;
    const std::string step = text_at(entry.get_object(), "step");
    lines += (step.empty() ? "-" : step) + " " + text_at(entry.get_object(), "code") + "\n";
  }
  return lines;
}

/// What an operator can do about parked steps.
std::string parked_hint(const json::object& job) {
  for (const json::value& entry : list_at(job, "steps")) {
    if (!entry.is_object() || text_at(entry.get_object(), "state") != "parked") continue;
    const std::string place = text_at(job, "id") + " " + text_at(entry.get_object(), "id");
    const bool undoes = text_at(entry.get_object(), "phase") == "compensate";
    std::string text = "decide with one of\n  stepctl job retry " + place +
                       "\n  stepctl job resolve " + place + " --reason TEXT " +
                       (undoes ? "--undone" : "[--output JSON | --none]") +
                       "\n  stepctl job skip " + place + " --reason TEXT\n";
    const bool may_turn_back = !undoes && !true_at(job, "past_pivot");
    if (may_turn_back) text += "  stepctl job abandon " + place + " --reason TEXT\n";
    return text;
  }
  return {};
}

/// All rows, as they came, in one JSON array; absent after a refusal, which has been said.
struct Journal {
  json::array rows;
  std::string text = "[";
};

std::optional<Journal> read_journal(const Session& session, const std::string& id) {
  Journal journal;
  std::string after = "0";
  while (true) {
    const Answer answer =
        session.client.get(path_of(id) + "/journal?limit=500&after=" + encoded(after));
    const std::optional<json::object> page = parse_object(answer.body);
    if (!answer.is_good() || !page) {
      refuse(session, answer);
      return std::nullopt;
    }
    for (const json::value& row : list_at(*page, "rows")) {
      if (!journal.rows.empty()) journal.text += ",";
      journal.text += one_line(row);
      journal.rows.push_back(row);
    }
    const std::string next = text_at(*page, "next");
    if (next.empty() || next == after) break;
    after = next;
  }
  journal.text += "]";
  return journal;
}

void print_timeline(const Session& session, const json::array& rows) {
  Timeline timeline(Timeline::Detail::usage);
  std::vector<TimelineLine> lines;
  for (const json::value& row : rows) {
    if (!row.is_object()) continue;
    for (TimelineLine& line : timeline.add(row.get_object())) lines.push_back(std::move(line));
  }
  session.output.print("\n" +
                       paint("JOURNAL, counted from the submit", Tone::dim, session.output.out()) +
                       "\n" + timeline_text(lines, 0, session.output.out()));
}

ExitCode show_json(const Session& session, const ShowJob& command, const std::string& body) {
  std::string text = body;
  if (command.journal) {
    const std::optional<Journal> journal = read_journal(session, command.id);
    if (!journal) return ExitCode::refused;
    text.insert(text.rfind('}'), ",\"journal\":" + journal->text);
  }
  session.output.print(indented(text));
  return ExitCode::done;
}

}  // namespace

ExitCode run(const Session& session, const ShowJob& command) {
  const Answer answer = session.client.get(path_of(command.id));
  const std::optional<json::object> job = parse_object(answer.body);
  if (!answer.is_good() || !job) return refuse(session, answer);
  if (session.json) return show_json(session, command, answer.body);
  if (session.output.quiet()) {
    session.output.print(text_at(*job, "state") + "\n");
    return ExitCode::done;
  }
  print_head(session, *job, answer.at);
  print_steps(session, *job, answer.at);
  if (member(*job, "settled_at") == nullptr) {
    const Answer why = session.client.get(path_of(command.id) + "/why");
    const std::optional<json::object> reasons = parse_object(why.body);
    if (why.is_good() && reasons && member(*job, "settled_at") == nullptr) {
      session.output.print("\n" + paint("NEXT", Tone::dim, session.output.out()) + "\n" +
                           reasons_text(*reasons, why.at, session.output.out()));
    }
  }
  if (command.journal) {
    const std::optional<Journal> journal = read_journal(session, command.id);
    if (!journal) return ExitCode::refused;
    print_timeline(session, journal->rows);
  }
  if (const std::string hint = parked_hint(*job); !hint.empty()) session.output.note("\n" + hint);
  return ExitCode::done;
}

ExitCode run(const Session& session, const AskWhy& command) {
  const Answer answer = session.client.get(path_of(command.id) + "/why");
  const std::optional<json::object> reasons = parse_object(answer.body);
  if (!answer.is_good() || !reasons) return refuse(session, answer);
  if (session.json) {
    session.output.print(indented(answer.body));
    return ExitCode::done;
  }
  if (session.output.quiet()) {
    session.output.print(codes_of(*reasons));
    return ExitCode::done;
  }
  const std::string state = text_at(*reasons, "state");
  const Screen& screen = session.output.out();
  session.output.print("job " + printable(text_at(*reasons, "id")) + ": " +
                       paint(printable(state), tone_of_state(state), screen) + "\n" +
                       reasons_text(*reasons, answer.at, screen));
  return ExitCode::done;
}

}  // namespace stepd::stepctl
