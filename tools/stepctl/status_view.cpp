#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/table.hpp"

namespace stepd::stepctl {
namespace {

std::string jobs_text(const json::object& counts, const Screen& screen) {
  std::string text;
  for (const auto& [state, count] : counts) {
    if (!count.is_int64() || count.get_int64() == 0) continue;
    const std::string word = printable(std::string_view(state.data(), state.size()));
    text += (text.empty() ? "" : "  ") +
            paint(grouped(static_cast<std::uint64_t>(count.get_int64())) + " " + word,
                  tone_of_state(word), screen);
  }
  return text.empty() ? "none" : text;
}

/// "name      text"; the text may be painted already.
std::string line(std::string_view name, const std::string& text, const Screen& screen) {
  constexpr std::size_t name_width = 12;
  return paint(name, Tone::dim, screen) + std::string(name_width - name.size(), ' ') + text + "\n";
}

/// How many there are: the daemon may give the number or the list.
std::string count_text(const json::object& status, std::string_view name) {
  const json::value* value = member(status, name);
  if (value != nullptr && value->is_array()) return std::to_string(value->get_array().size());
  return std::to_string(number_at(status, name));
}

}  // namespace

ExitCode run(const Session& session, const ShowStatus&) {
  const Answer answer = session.client.get("/v1/status");
  const std::optional<json::object> status = parse_object(answer.body);
  if (!answer.is_good() || !status) return refuse(session, answer);
  if (session.json) {
    session.output.print(indented(answer.body));
    return ExitCode::done;
  }
  const Screen& screen = session.output.out();
  const json::object& storage = object_at(*status, "storage");
  const std::string trouble = printable(error_text(storage, "trouble"));
  const std::optional<Instant> started = parse_instant(text_at(*status, "started_at"));
  std::string text = line(
      "stepd", printable(text_at(*status, "version")) + " at " + to_text(session.client.address()),
      screen);
  if (started) {
    text += line(
        "started",
        local_text(*started) + (answer.at ? " (" + relative_text(*started, answer.at) + ")" : ""),
        screen);
  }
  text +=
      line("storage",
           printable(text_at(storage, "backend")) + ", " + bytes_text(number_at(storage, "bytes")) +
               " in " + printable(text_at(storage, "place")),
           screen);
  text +=
      line("trouble",
           trouble.empty() ? paint("none", Tone::good, screen) : paint(trouble, Tone::bad, screen),
           screen);
  text += line("jobs", jobs_text(object_at(*status, "jobs"), screen), screen);
  if (const std::int64_t wanted = number_at(*status, "attention"); wanted > 0) {
    text += line(
        "attention",
        paint(counted(wanted, "job") + " (see: stepctl job list --attention)", Tone::bad, screen),
        screen);
  }
  text += line("at work",
               count_text(*status, "calls_running") + " calls, " +
                   count_text(*status, "jobs_in_memory") + " jobs in memory",
               screen);
  text += line(
      "plugins",
      count_text(*status, "plugins") + " with " + count_text(*status, "step_types") + " step types",
      screen);
  session.output.print(text);
  return trouble.empty() ? ExitCode::done : ExitCode::refused;
}

}  // namespace stepd::stepctl
