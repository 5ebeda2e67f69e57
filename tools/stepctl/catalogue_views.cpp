#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/completion.hpp"
#include "tools/stepctl/example_args.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/table.hpp"

namespace stepd::stepctl {
namespace {

std::string joined(const json::array& words) {
  std::string text;
  for (const json::value& word : words) {
    if (!text.empty()) text += ", ";
    text += word.is_string() ? std::string(word.get_string()) : one_line(word);
  }
  return text;
}

/// Why a plugin was refused: text, or an error with a message.
std::string refusal_of(const json::object& plugin) { return error_text(plugin, "refused"); }

void print_column(const Session& session, const json::array& list, std::string_view name) {
  std::string text;
  for (const json::value& entry : list) {
    if (!entry.is_object()) continue;
    const std::string word = text_at(entry.get_object(), name);
    if (!word.empty()) text += word + "\n";
  }
  session.output.print(text);
}

void add_line(Table& table, const std::string& name, const std::string& text,
              Tone tone = Tone::plain) {
  if (!text.empty()) table.add({{name, Tone::dim}, {text, tone}});
}

std::string policy_text(const json::object& type, std::string_view name) {
  std::string text;
  for (const auto& [key, value] : object_at(type, name)) {
    if (value.is_null()) continue;
    if (!text.empty()) text += ", ";
    text += std::string(key) + " " +
            (value.is_string() ? std::string(value.get_string()) : one_line(value));
  }
  return text;
}

void print_schema(const Session& session, const json::object& type, std::string_view name,
                  std::string_view heading) {
  const json::value* schema = member(type, name);
  if (schema == nullptr) return;
  session.output.print("\n" + paint(heading, Tone::dim, session.output.out()) + "\n" +
                       indented(one_line(*schema)));
}

void print_example(const Session& session, const json::object& type) {
  const std::string name = text_at(type, "type");
  const std::string short_name = name.substr(name.rfind('.') + 1);
  json::object step{{"id", short_name}, {"step", name}};
  step["args"] = example_args(object_at(type, "args_schema"));
  if (!step["args"].is_object()) step["args"] = json::object();
  json::object job{{"name", short_name}, {"steps", json::array{step}}};
  session.output.print(
      "\n" + paint("A JOB WITH THIS STEP, to be filled in", Tone::dim, session.output.out()) +
      "\n" + indented(one_line(job)));
}

/// One that can bring the daemon down is told from the others.
Cell state_of(const json::object& plugin) {
  const std::string state = text_at(plugin, "state");
  if (state == "refused") return {state, Tone::bad};
  if (state != "loaded") return {state, Tone::dim};
  if (true_at(plugin, "in_process")) return {"in process", Tone::warn};
  return {state, text_at(plugin, "warning").empty() ? Tone::good : Tone::warn};
}

/// What it offers, and what is wrong with it.
std::string remark_on(const json::object& plugin) {
  if (const std::string refused = refusal_of(plugin); !refused.empty()) return refused;
  const std::string warning = text_at(plugin, "warning");
  const std::string types = joined(list_at(plugin, "step_types"));
  return warning.empty() ? types : types + " (warning: " + warning + ")";
}

}  // namespace

ExitCode run(const Session& session, const ListPlugins&) {
  const Answer answer = session.client.get("/v1/plugins");
  const std::optional<json::object> document = parse_object(answer.body);
  if (!answer.is_good() || !document) return refuse(session, answer);
  if (session.json) {
    session.output.print(indented(answer.body));
    return ExitCode::done;
  }
  const json::array& plugins = list_at(*document, "plugins");
  if (session.output.quiet()) {
    print_column(session, plugins, "id");
    return ExitCode::done;
  }
  if (plugins.empty()) session.output.note("no plugins (put a .so into <state>/plugins)\n");
  Table table({"PLUGIN", "VERSION", "STATE", "FILE", "STEP TYPES OR REASON"});
  for (const json::value& entry : plugins) {
    if (!entry.is_object()) continue;
    const json::object& plugin = entry.get_object();
    const std::string id = text_at(plugin, "id");
    table.add({{id.empty() ? "-" : id},
               {text_at(plugin, "version")},
               state_of(plugin),
               {text_at(plugin, "file"), Tone::dim},
               {remark_on(plugin)}});
  }
  if (!plugins.empty()) session.output.print(table.text(session.output.out()));
  return ExitCode::done;
}

ExitCode run(const Session& session, const ShowPlugin& command) {
  const Answer answer = session.client.get("/v1/plugins");
  const std::optional<json::object> document = parse_object(answer.body);
  if (!answer.is_good() || !document) return refuse(session, answer);
  for (const json::value& entry : list_at(*document, "plugins")) {
    if (!entry.is_object() || text_at(entry.get_object(), "id") != command.id) continue;
    const json::object& plugin = entry.get_object();
    if (session.json) {
      session.output.print(indented(one_line(entry)));
      return ExitCode::done;
    }
    Table table({});
    add_line(table, "plugin", command.id, Tone::strong);
    add_line(table, "version", text_at(plugin, "version"));
    add_line(table, "state", text_at(plugin, "state"));
    add_line(table, "refused", refusal_of(plugin), Tone::bad);
    add_line(table, "file", text_at(plugin, "file"));
    add_line(table, "warning", text_at(plugin, "warning"), Tone::warn);
    add_line(table, "signed by", text_at(plugin, "signed_by"));
    add_line(table, "module", text_at(plugin, "module"));
    add_line(table, "sha256", text_at(plugin, "sha256"));
    add_line(table, "sdk", text_at(plugin, "sdk"));
    add_line(table, "step types", joined(list_at(plugin, "step_types")));
    session.output.print(table.text(session.output.out()));
    return ExitCode::done;
  }
  session.output.say(error_line("there is no plugin " + command.id + " (see: stepctl plugin list)",
                                session.output.err()));
  return ExitCode::refused;
}

ExitCode run(const Session& session, const ListStepTypes&) {
  const Answer answer = session.client.get("/v1/step-types");
  const std::optional<json::object> document = parse_object(answer.body);
  if (!answer.is_good() || !document) return refuse(session, answer);
  if (session.json) {
    session.output.print(indented(answer.body));
    return ExitCode::done;
  }
  const json::array& types = list_at(*document, "step_types");
  if (session.output.quiet()) {
    print_column(session, types, "type");
    return ExitCode::done;
  }
  if (types.empty()) session.output.note("no step types: no plugin is loaded\n");
  Table table({"TYPE", "VERSION", "KIND", "PLUGIN", "TITLE"});
  for (const json::value& entry : types) {
    if (!entry.is_object()) continue;
    const json::object& type = entry.get_object();
    table.add({{text_at(type, "type")},
               {text_at(type, "version")},
               {text_at(type, "kind")},
               {text_at(type, "plugin")},
               {text_at(type, "title"), Tone::dim}});
  }
  if (!types.empty()) session.output.print(table.text(session.output.out()));
  return ExitCode::done;
}

ExitCode run(const Session& session, const ShowStepType& command) {
  const Answer answer = session.client.get("/v1/step-types/" + encoded(command.type));
  const std::optional<json::object> type = parse_object(answer.body);
  if (!answer.is_good() || !type) return refuse(session, answer);
  if (session.json) {
    session.output.print(indented(answer.body));
    return ExitCode::done;
  }
  Table table({});
  add_line(table, "step type", text_at(*type, "type"), Tone::strong);
  add_line(table, "title", text_at(*type, "title"));
  add_line(table, "about", text_at(*type, "description"));
  add_line(table, "version", text_at(*type, "version"));
  add_line(table, "kind", text_at(*type, "kind"));
  add_line(table, "plugin", text_at(*type, "plugin"));
  add_line(table, "time-out", text_at(*type, "timeout"));
  add_line(table, "heartbeat", text_at(*type, "heartbeat"));
  add_line(table, "time-out to undo", text_at(*type, "compensate_timeout"));
  add_line(table, "retry", policy_text(*type, "retry"));
  add_line(table, "retry to undo", policy_text(*type, "compensate_retry"));
  if (true_at(*type, "probe")) add_line(table, "probe", "yes: it can tell if it took effect");
  if (true_at(*type, "not_repeatable")) add_line(table, "repeatable", "no", Tone::warn);
  session.output.print(table.text(session.output.out()));
  print_schema(session, *type, "args_schema", "ARGS");
  print_schema(session, *type, "output_schema", "OUTPUT");
  print_example(session, *type);
  return ExitCode::done;
}

ExitCode run(const Session& session, const WriteCompletion& command) {
  const CommandTree tree = command_tree();
  if (command.shell == "bash") session.output.print(bash_completion(tree));
  if (command.shell == "zsh") session.output.print(zsh_completion(tree));
  if (command.shell == "fish") session.output.print(fish_completion(tree));
  return ExitCode::done;
}

}  // namespace stepd::stepctl
