#include "tools/stepctl/test_outputs.hpp"

#include <iterator>
#include <optional>

#include "tools/stepctl/job_input.hpp"
#include "tools/stepctl/job_reader.hpp"

namespace stepd::stepctl {
namespace {

constexpr std::string_view flag = "--outputs";
constexpr std::string_view beginning = "/outputs/";

std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at;
}

/// Where the member's name begins. The text is a JSON object.
std::optional<std::size_t> find_member(std::string_view text, std::string_view name) {
  std::size_t depth = 0;
  bool name_is_next = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      const std::size_t end = end_of_string(text, at);
      const auto read = parse_json(text.substr(at, end + 1 - at));
      const bool is_it = name_is_next && read && read->is_string() && read->get_string() == name;
      if (is_it) return at;
      name_is_next = false;
      at = end;
    } else if (c == '{' || c == '[') {
      name_is_next = ++depth == 1;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',') {
      name_is_next = depth == 1;
    }
  }
  return std::nullopt;
}

/// The step that a pointer into the outputs names (RFC 6901); empty: it points elsewhere.
std::string step_in(std::string_view pointer) {
  if (!pointer.starts_with(beginning)) return {};
  pointer.remove_prefix(beginning.size());
  std::string step;
  for (std::size_t at = 0; at < pointer.size() && pointer[at] != '/'; ++at) {
    const bool is_escaped = pointer[at] == '~' && at + 1 < pointer.size();
    if (is_escaped) ++at;
    step += is_escaped ? (pointer[at] == '1' ? '/' : '~') : pointer[at];
  }
  return step;
}

}  // namespace

TestOutputs::TestOutputs(const std::string& file, Output& output) {
  JobInput input(file, output,
                 {.flag = flag, .content = "a JSON object, what steps return by step"});
  name_ = std::string(flag) + " " + input.name();
  text_.assign(std::istreambuf_iterator<char>(input.stream()), std::istreambuf_iterator<char>());
  demand_json(text_, name_);
  if (parse_object(text_)) return;
  const std::size_t begin = text_.find_first_not_of(" \t\r\n");
  throw NotOneJob(name_ + ":" + place_in(text_, begin) +
                  ": it is no object; give what steps return by step, {\"STEP\": OUTPUT}");
}

std::string TestOutputs::place_of(const json::object& problem) const {
  const std::string code = text_at(problem, "code");
  if (code != "unknown_step" && code != "output_does_not_fit") return {};
  for (const json::value& error : list_at(problem, "errors")) {
    if (!error.is_object()) continue;
    const auto at = find_member(text_, step_in(text_at(error.get_object(), "pointer")));
    if (at) return name_ + ":" + place_in(text_, *at);
  }
  return name_;
}

}  // namespace stepd::stepctl
