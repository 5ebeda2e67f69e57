#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/table.hpp"

namespace stepd::stepctl {
namespace {

constexpr std::size_t result_shown_max = 70;

std::string result_of(const json::object& child) {
  if (const json::value* error = member(child, "error"); error != nullptr && error->is_object()) {
    return text_at(error->get_object(), "code") + ": " + text_at(error->get_object(), "message");
  }
  const json::value* output = member(child, "output");
  return output == nullptr ? "" : cut(one_line(*output), result_shown_max, true);
}

void add_row(Table& table, const json::object& child) {
  const std::string state = text_at(child, "word");
  table.add({{text_at(child, "step")},
             {text_at(child, "key")},
             {text_at(child, "id")},
             {state, tone_of_state(state)},
             {result_of(child)}});
}

}  // namespace

ExitCode run(const Session& session, const ListChildren& command) {
  const std::string path = "/v1/jobs/" + encoded(command.id) + "/children?limit=1000";
  std::string after;
  json::array children;
  for (bool more = true; more;) {
    const Answer answer = session.client.get(path + after);
    std::optional<json::object> page = parse_object(answer.body);
    if (!answer.is_good() || !page) return refuse(session, answer);
    const json::array& found = list_at(*page, "children");
    more = true_at(*page, "more") && !found.empty() && found.back().is_object();
    if (more) {
      const json::object& last = found.back().get_object();
      after = "&after_step=" + encoded(text_at(last, "step")) +
              "&after_key=" + encoded(text_at(last, "key"));
    }
    children.insert(children.end(), found.begin(), found.end());
  }
  if (session.json) {
    session.output.print(indented(one_line(json::object{{"children", children}})));
    return ExitCode::done;
  }
  Table table({"STEP", "KEY", "ID", "STATE", "RESULT"});
  std::string ids;
  for (const json::value& child : children) {
    if (!child.is_object()) continue;
    ids += text_at(child.get_object(), "id") + "\n";
    add_row(table, child.get_object());
  }
  if (session.output.quiet()) {
    session.output.print(ids);
  } else if (children.empty()) {
    session.output.note("job " + command.id + " has started no jobs\n");
  } else {
    session.output.print(table.text(session.output.out()));
  }
  return ExitCode::done;
}

}  // namespace stepd::stepctl
