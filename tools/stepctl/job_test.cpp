#include <algorithm>
#include <vector>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/confirmation.hpp"
#include "tools/stepctl/job_input.hpp"
#include "tools/stepctl/job_reader.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/span_text.hpp"
#include "tools/stepctl/table.hpp"
#include "tools/stepctl/test_outputs.hpp"
#include "tools/stepctl/timeline.hpp"

namespace stepd::stepctl {
namespace {

/// So many paths are shown whole; of more, so many of each verdict that is not simply all right.
constexpr std::size_t paths_shown = 40;
constexpr std::size_t paths_shown_of_verdict = 20;
constexpr std::size_t reproductions_shown = 10;

/// Verdicts, the worst first.
constexpr const char* verdicts[] = {"broken", "step_at_fault", "bad_arguments", "parked",
                                    "waits",  "starts_jobs",   "effect_stays",  "ok"};

std::size_t severity(const json::object& result) {
  const auto found =
      std::find(std::begin(verdicts), std::end(verdicts), text_at(result, "verdict"));
  return static_cast<std::size_t>(found - std::begin(verdicts));
}

Tone tone_of_verdict(const std::string& verdict) {
  if (verdict == "ok") return Tone::good;
  const bool fails =
      verdict == "broken" || verdict == "step_at_fault" || verdict == "bad_arguments";
  return fails ? Tone::bad : Tone::warn;
}

bool has_failed(const json::object& result) { return severity(result) < 3; }

std::vector<json::object> results_of(const json::object& answer) {
  std::vector<json::object> results;
  for (const json::value& entry : list_at(answer, "results")) {
    if (entry.is_object()) results.push_back(entry.get_object());
  }
  return results;
}

/// The job as it stands in its file, so that the daemon judges what is there.
std::string body_of(const TestJob& command, const std::optional<TestOutputs>& outputs,
                    Output& output) {
  JobInput input(command.file, output);
  std::string body = "{\"job\":" + only_job(input.stream(), input.name());
  if (!command.path.empty()) body += ",\"path\":" + one_line(json::value(command.path));
  if (outputs) body += ",\"outputs\":" + outputs->text();
  return body + (command.real ? ",\"real\":true" : "");
}

/// Of what --outputs has brought in, with the place in that file.
ExitCode refuse_test(const Session& session, const std::optional<TestOutputs>& outputs,
                     const Answer& answer) {
  const std::optional<json::object> problem = parse_object(answer.body);
  const std::string place = outputs && problem ? outputs->place_of(*problem) : std::string();
  if (place.empty()) return refuse(session, answer);
  session.output.clear_status();
  session.output.say(problem_text(*problem, place, session.output.err()));
  return ExitCode::refused;
}

/// How many calls there will be, and that they are real; absent: go on.
std::optional<ExitCode> stopped_before_real_calls(const Session& session, const TestJob& command,
                                                  const std::optional<TestOutputs>& outputs,
                                                  const std::string& body) {
  const Answer answer = session.client.post("/v1/jobs:test", body + ",\"only_count\":true}");
  const std::optional<json::object> count = parse_object(answer.body);
  if (!answer.is_good() || !count) return refuse_test(session, outputs, answer);
  const std::string calls = "about " + counted(number_at(*count, "code_calls"), "time");
  session.output.note(counted(number_at(*count, "played"), "path") + ": the steps' own code runs " +
                      calls + ", and what it does is real\n");
  const Question question{.fact = "the steps' own code would run " + calls,
                          .what = "run the steps' own code " + calls,
                          .yes = command.yes};
  if (is_confirmed(session.output, question)) return std::nullopt;
  return ExitCode::refused;
}

std::string summary(const json::object& answer, const Screen& screen) {
  const std::uint64_t paths = static_cast<std::uint64_t>(number_at(answer, "paths"));
  const std::uint64_t played = static_cast<std::uint64_t>(number_at(answer, "played"));
  std::string text = grouped(played) + (played == 1 ? " path: " : " paths: ");
  bool first = true;
  for (const char* verdict : verdicts) {
    const std::int64_t count = number_at(object_at(answer, "verdicts"), verdict);
    if (count == 0) continue;
    if (!first) text += ", ";
    first = false;
    text += paint(grouped(static_cast<std::uint64_t>(count)) + " " + spoken(verdict),
                  tone_of_verdict(verdict), screen);
  }
  const std::string cut_short = text_at(answer, "cut_short");
  if (!cut_short.empty()) {
    text += "\n" + paint("cut short: " + printable(cut_short), Tone::bad, screen);
  } else if (played < paths) {
    text += "\nan even part of " + grouped(paths) + " paths: name any other with --path";
  }
  const std::string plain_run = text_at(answer, "plain_run");
  if (!plain_run.empty()) text += "\n" + paint(printable(plain_run), Tone::bad, screen);
  return text + "\n";
}

std::string first_remark(const json::object& result) {
  const json::array& remarks = list_at(result, "remarks");
  if (remarks.empty() || !remarks.front().is_string()) return {};
  const std::string text = printable(std::string_view(remarks.front().get_string()));
  return remarks.size() == 1 ? text
                             : text + " (and " + std::to_string(remarks.size() - 1) + " more)";
}

std::string table_of(const std::vector<json::object>& results, const Screen& screen) {
  Table table({"VERDICT", "PATH", "ENDED", "CALLS", "TIME", "WHY"});
  for (const json::object& result : results) {
    const std::string verdict = text_at(result, "verdict");
    const std::string ended = text_at(result, "ended");
    const std::optional<Span> took = parse_span(text_at(result, "took"));
    table.add({{spoken(verdict), tone_of_verdict(verdict)},
               {printable(text_at(result, "path")), Tone::strong},
               {ended, tone_of_state(ended)},
               {text_at(result, "calls"), Tone::dim},
               {took ? span_text(*took) : "", Tone::dim},
               {first_remark(result)}});
  }
  return table.text(screen);
}

/// As one word for a shell.
std::string in_shell_quotes(const std::string& text) {
  std::string quoted = "'";
  for (const char letter : text) quoted += letter == '\'' ? "'\\''" : std::string(1, letter);
  return quoted + "'";
}

std::string again(const TestJob& command, const json::object& result) {
  std::string line = "  stepctl job test " + command.file;
  if (!command.outputs.empty()) line += " --outputs " + command.outputs;
  if (command.real) line += " --real";
  return line + " --path " + in_shell_quotes(printable(text_at(result, "path"))) + "\n";
}

std::string reproductions(const TestJob& command, const std::vector<json::object>& results) {
  std::string lines;
  std::size_t count = 0;
  for (const json::object& result : results) {
    if (text_at(result, "verdict") == "ok" || ++count > reproductions_shown) continue;
    lines += again(command, result);
  }
  if (count > reproductions_shown) lines += "  and likewise for the others\n";
  return lines.empty() ? lines : "\none path again, with its journal:\n" + lines;
}

/// A line for each path that is not simply all right.
std::string in_short(const std::vector<json::object>& results) {
  std::string lines;
  for (const json::object& result : results) {
    const std::string verdict = text_at(result, "verdict");
    if (verdict != "ok") lines += verdict + " " + printable(text_at(result, "path")) + "\n";
  }
  return lines;
}

/// The worst first, and of many so few of each verdict that no other is hidden by it.
struct Shown {
  std::vector<json::object> results;
  std::string hidden;  // "30 effect stays, 12 ok"; empty: none
};

Shown shown_of(std::vector<json::object> results, bool all) {
  std::ranges::stable_sort(results, {}, severity);
  if (all || results.size() <= paths_shown) return {std::move(results), {}};
  Shown shown;
  for (const char* verdict : verdicts) {
    const std::size_t most = std::string_view(verdict) == "ok" ? 0 : paths_shown_of_verdict;
    std::size_t seen = 0;
    for (json::object& result : results) {
      if (text_at(result, "verdict") != verdict) continue;
      if (++seen <= most) shown.results.push_back(std::move(result));
    }
    if (seen <= most) continue;
    shown.hidden +=
        (shown.hidden.empty() ? "" : ", ") + std::to_string(seen - most) + " " + spoken(verdict);
  }
  return shown;
}

/// What has to be known to read some of the verdicts.
std::string legend(const json::object& answer) {
  if (number_at(object_at(answer, "verdicts"), "effect_stays") == 0) return {};
  return "effect stays: the job turned back, and a plain step, which has no compensation, had run. "
         "Whether it did anything outside stepd cannot know: all is well with one that only reads "
         "or computes; of another make a saga step.\n";
}

void print_all(const Session& session, const TestJob& command, const json::object& answer) {
  const Screen& screen = session.output.out();
  const Shown shown = shown_of(results_of(answer), command.all);
  std::string text = summary(answer, screen);
  if (!shown.results.empty()) text += "\n" + table_of(shown.results, screen);
  if (!shown.hidden.empty()) text += "not shown: " + shown.hidden + "; --all shows them\n";
  session.output.print(text + reproductions(command, shown.results));
  session.output.note(legend(answer));
}

void print_one(const Session& session, const json::object& result) {
  const Screen& screen = session.output.out();
  Timeline timeline;
  std::vector<TimelineLine> lines;
  for (const json::value& row : list_at(result, "journal")) {
    if (!row.is_object()) continue;
    const std::vector<TimelineLine> more = timeline.add(row.get_object());
    lines.insert(lines.end(), more.begin(), more.end());
  }
  const std::string verdict = text_at(result, "verdict");
  std::string text = table_of({result}, screen) + "\n" + timeline_text(lines, 0, screen);
  for (const json::value& remark : list_at(result, "remarks")) {
    if (!remark.is_string()) continue;
    text += paint(spoken(verdict), tone_of_verdict(verdict), screen) + ": " +
            printable(std::string_view(remark.get_string())) + "\n";
  }
  session.output.print(text);
}

}  // namespace

ExitCode run(const Session& session, const TestJob& command) {
  std::optional<TestOutputs> outputs;
  if (!command.outputs.empty()) outputs.emplace(command.outputs, session.output);
  const std::string body = body_of(command, outputs, session.output);
  if (command.real) {
    const auto stopped = stopped_before_real_calls(session, command, outputs, body);
    if (stopped) return *stopped;
  }
  const Answer answer = session.client.post_patiently("/v1/jobs:test", body + "}");
  const std::optional<json::object> tested = parse_object(answer.body);
  if (!answer.is_good() || !tested) return refuse_test(session, outputs, answer);
  const std::vector<json::object> results = results_of(*tested);
  if (session.json) {
    session.output.print(indented(answer.body));
  } else if (session.output.quiet()) {
    session.output.print(in_short(results));
    const std::string cut_short = text_at(*tested, "cut_short");
    if (!cut_short.empty()) session.output.say(error_line(cut_short, session.output.err()));
  } else if (!command.path.empty() && results.size() == 1) {
    print_one(session, results.front());
  } else {
    print_all(session, command, *tested);
  }
  if (!session.json) {
    for (const json::value& remark : list_at(*tested, "remarks")) {
      if (!remark.is_string()) continue;
      session.output.note(printable(std::string_view(remark.get_string())) +
                          (command.real ? "\n" : " (stepctl job test FILE --outputs FILE)\n"));
    }
    session.output.note(warnings_text(*tested, "", session.output.err()));
  }
  const bool failed = std::any_of(results.begin(), results.end(), has_failed) ||
                      !text_at(*tested, "cut_short").empty();
  return failed ? ExitCode::refused : ExitCode::done;
}

}  // namespace stepd::stepctl
