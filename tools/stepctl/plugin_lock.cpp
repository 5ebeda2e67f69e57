#include <algorithm>
#include <string>
#include <vector>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"

namespace stepd::stepctl {

ExitCode run(const Session& session, const LockPlugins&) {
  const Answer answer = session.client.get("/v1/plugins");
  const std::optional<json::object> document = parse_object(answer.body);
  if (!answer.is_good() || !document) return refuse(session, answer);
  std::vector<std::string> lines;
  json::array builds;
  for (const json::value& entry : list_at(*document, "plugins")) {
    if (!entry.is_object()) continue;
    const json::object& plugin = entry.get_object();
    const std::string hash = text_at(plugin, "sha256");
    if (hash.empty() || !text_at(plugin, "refused").empty()) continue;
    lines.push_back(text_at(plugin, "id") + " sha256:" + hash + "\n");
    builds.push_back(json::object{{"id", text_at(plugin, "id")}, {"sha256", hash}});
  }
  if (session.json) {
    session.output.print(indented(one_line(json::object{{"builds", std::move(builds)}})));
    return ExitCode::done;
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  session.output.print(text);
  if (lines.empty()) session.output.note("no plugin is loaded: this lock allows none\n");
  return ExitCode::done;
}

}  // namespace stepd::stepctl
