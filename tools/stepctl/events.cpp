#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/table.hpp"

namespace stepd::stepctl {
namespace {

constexpr std::size_t data_shown_max = 60;

std::string went_where(const json::object& event) {
  const std::string job = text_at(event, "given_to");
  return job.empty() ? "kept until somebody waits for it" : "given to job " + job;
}

void print_table(const Session& session, const json::array& events, std::optional<Instant> now) {
  Table table({"NUMBER", "ARRIVED", "KEY", "ID", "GIVEN TO", "DATA"});
  for (const json::value& entry : events) {
    if (!entry.is_object()) continue;
    const json::object& event = entry.get_object();
    const std::optional<Instant> at = parse_instant(text_at(event, "at"));
    const json::value* data = member(event, "data");
    table.add({{std::to_string(number_at(event, "number"))},
               {at ? relative_text(*at, now) : "", Tone::dim},
               {text_at(event, "key")},
               {text_at(event, "id")},
               {text_at(event, "given_to")},
               {data == nullptr ? "" : cut(one_line(*data), data_shown_max, true)}});
  }
  session.output.print(table.text(session.output.out()));
}

}  // namespace

ExitCode run(const Session& session, const SendEvent& command) {
  const std::string id = command.id.empty() ? random_id() : command.id;
  json::object body{{"id", id}, {"key", command.key}};
  if (!command.job.empty()) body["job"] = command.job;
  std::string text = json::serialize(body);
  // The data goes as it was written, not as it was read: numbers keep their digits.
  if (!command.data.empty()) text.insert(text.size() - 1, ",\"data\":" + command.data);
  Answer answer;
  try {
    answer = session.client.post("/v1/events", text);
  } catch (const ConnectionLost& lost) {
    throw ConnectionLost(std::string(lost.what()) +
                         "; whether it was recorded is not known: repeat the command with --id " +
                         id + " (it is one event)");
  }
  const std::optional<json::object> told = parse_object(answer.body);
  if (!answer.is_good() || !told) return refuse(session, answer);
  if (session.json) {
    session.output.print(indented(answer.body));
  } else if (session.output.quiet()) {
    session.output.print(id + "\n");
  } else {
    const std::string again = true_at(*told, "repeated") ? " (sent before)" : "";
    session.output.print("event " + id + again + ": " + went_where(*told) + "\n");
  }
  return ExitCode::done;
}

ExitCode run(const Session& session, const ListEvents& command) {
  std::string query = "?limit=" + std::to_string(command.limit);
  if (!command.key.empty()) query += "&key=" + encoded(command.key);
  if (command.kept) query += "&kept=true";
  if (!command.before.empty()) query += "&before=" + encoded(command.before);
  const Answer answer = session.client.get("/v1/events" + query);
  const std::optional<json::object> page = parse_object(answer.body);
  if (!answer.is_good() || !page) return refuse(session, answer);
  if (session.json) {
    session.output.print(indented(answer.body));
    return ExitCode::done;
  }
  const json::array& events = list_at(*page, "events");
  if (session.output.quiet()) {
    std::string ids;
    for (const json::value& event : events) {
      if (event.is_object()) ids += text_at(event.get_object(), "id") + "\n";
    }
    session.output.print(ids);
    return ExitCode::done;
  }
  if (events.empty()) {
    session.output.note("no such events (send one: stepctl event send KEY --data JSON)\n");
    return ExitCode::done;
  }
  print_table(session, events, answer.at);
  const std::int64_t next = number_at(*page, "next");
  if (next > 0) {
    session.output.note("there are more: --limit N, or --before " + std::to_string(next) + "\n");
  }
  return ExitCode::done;
}

}  // namespace stepd::stepctl
