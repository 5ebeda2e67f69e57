#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {
namespace {

std::string prefix(const std::string& place, std::string_view word, Tone tone,
                   const Screen& screen) {
  std::string text;
  if (!place.empty()) text = printable(place) + ": ";
  return text + paint(word, tone, screen) + ": ";
}

/// Whether the detail says no more than the first of the errors: the lines about them say it
/// better, with their places.
bool says_only_its_errors(const json::object& problem, const std::string& detail) {
  const json::array& errors = list_at(problem, "errors");
  if (errors.empty() || !errors.front().is_object()) return false;
  const json::object& error = errors.front().get_object();
  const std::string pointer = text_at(error, "pointer");
  const std::string message = text_at(error, "message");
  return !pointer.empty() &&
         (detail.ends_with(message) || detail.starts_with(pointer + ": " + message));
}

void append_finding(std::string& text, const json::object& finding, const std::string& headline) {
  const std::string pointer = text_at(finding, "pointer");
  const std::string message = text_at(finding, "message");
  const std::string shown = message == headline ? std::string() : message;
  if (!pointer.empty()) {
    text.append("  at ").append(printable(pointer));
    if (!shown.empty()) text.append(": ").append(printable(shown));
    text += '\n';
  } else if (!shown.empty()) {
    text.append("  ").append(printable(shown)).append("\n");
  }
  const std::string remedy = text_at(finding, "remedy");
  if (!remedy.empty()) text.append("     ").append(printable(remedy)).append("\n");
}

}  // namespace

std::string problem_text(const json::object& problem, const std::string& place,
                         const Screen& screen) {
  std::string headline = text_at(problem, "detail");
  if (headline.empty()) headline = text_at(problem, "title");
  if (headline.empty()) headline = "refused with status " + text_at(problem, "status");
  const std::size_t errors = list_at(problem, "errors").size();
  if (says_only_its_errors(problem, headline)) {
    headline = errors == 1 ? "refused"
                           : "refused for " + counted(static_cast<std::int64_t>(errors), "reason");
  }
  std::string text = prefix(place, "error", Tone::bad, screen) + printable(headline) + "\n";
  for (const json::value& finding : list_at(problem, "errors")) {
    if (finding.is_object()) append_finding(text, finding.get_object(), headline);
  }
  return text;
}

std::string refusal_text(int status, const std::string& body, const std::string& place,
                         const Screen& screen) {
  if (const std::optional<json::object> problem = parse_object(body)) {
    return problem_text(*problem, place, screen);
  }
  constexpr std::size_t shown_max = 200;
  return prefix(place, "error", Tone::bad, screen) + "the answer has status " +
         std::to_string(status) +
         " and is no problem document: " + printable(cut(body, shown_max, screen.unicode)) + "\n";
}

std::string error_line(const std::string& message, const Screen& screen) {
  return prefix("", "error", Tone::bad, screen) + printable(message) + "\n";
}

std::string warnings_text(const json::object& answer, const std::string& place,
                          const Screen& screen) {
  std::string text;
  for (const json::value& entry : list_at(answer, "warnings")) {
    if (!entry.is_object()) continue;
    const json::object& warning = entry.get_object();
    text += prefix(place, "warning", Tone::warn, screen) + printable(text_at(warning, "message"));
    const std::string pointer = text_at(warning, "pointer");
    if (!pointer.empty()) text += " (at " + printable(pointer) + ")";
    text += '\n';
  }
  return text;
}

}  // namespace stepd::stepctl
