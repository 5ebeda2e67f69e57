#include "tools/stepctl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/plugin_options.hpp"
#include "tools/stepctl/top_options.hpp"
#include "tools/stepctl/verb_options.hpp"
#include "tools/stepctl/workshop_options.hpp"

namespace stepd::stepctl {
namespace {

constexpr int exit_usage = 2;

CLI::App* command(CLI::App* parent, const std::string& name, const std::string& description,
                  const std::string& examples) {
  CLI::App* app = parent->add_subcommand(name, description);
  app->footer("Examples:\n" + examples + "\nFlags for every command: stepctl --help");
  return app;
}

/// The parser and where it puts what it reads. It stays where it is made: the parser points into
/// it.
struct Parser {
  Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  CLI::App root{
      "stepctl talks to stepd: submits jobs, shows what becomes of them, and lets an "
      "operator decide."};
  Global global;
  std::string output_format = "table";
  std::map<CLI::App*, Command> commands;
  VerbOptions verbs;
  std::string key;
  std::int64_t priority = 0;

  /// Sets what `app` stands for and gives the place its flags are read into.
  template <class Kind>
  Kind& stands_for(CLI::App* app, Kind kind) {
    return std::get<Kind>(commands.insert_or_assign(app, std::move(kind)).first->second);
  }
  void add_globals();
  void add_job();
  void add_job_submit(CLI::App* job);
  void add_job_plan(CLI::App* job);
  void add_job_test(CLI::App* job);
  void add_job_list(CLI::App* job);
  void add_job_views(CLI::App* job);
  void add_event();
  void add_catalogue();
  void add_workshop(CLI::App* plugin, CLI::App* step);
  template <class Work>
  void add_work_here(CLI::App* parent) {
    const CommandWords words = words_for(Work{});
    CLI::App* app = command(parent, words.name, words.description, words.examples);
    add_options(app, std::get<Work>(stands_for(app, WorkHere{Work{}})));
  }
};

CLI::App* group(CLI::App* parent, const std::string& name, const std::string& description) {
  CLI::App* app = parent->add_subcommand(name, description);
  app->require_subcommand(1);
  app->footer("Flags for every command: stepctl --help");
  return app;
}

void add_limit(CLI::App* app, std::uint64_t& limit) {
  app->add_option("--limit", limit, "How many at most (default: 50)")
      ->type_name("N")
      ->check([](const std::string& text) {
        std::uint64_t number = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, number);
        const bool counts = read.ec == std::errc() && read.ptr == end && number > 0;
        return counts ? std::string() : text + " is no whole number from 1 on";
      });
}

void add_id(CLI::App* app, std::string& id) {
  app->add_option("ID", id, "The job's id")->required()->type_name("");
}

Parser::Parser() {
  root.name("stepctl");
  root.fallthrough();
  root.require_subcommand(1);
  root.set_version_flag("--version", std::string("stepctl ") + STEPD_VERSION,
                        "Print the version and exit");
  root.footer(
      "Examples:\n"
      "  stepctl job submit transfer.json --wait\n"
      "  stepctl job list --state parked\n"
      "  stepctl --output json job show ID | jq .state\n"
      "  source <(stepctl completion bash)\n"
      "Without --server: the socket in the default state folder, or else root's.\n"
      "Exit codes: 0 done · 1 refused, or a job that did not succeed · 2 wrong usage · 3 no "
      "daemon");
  add_globals();
  add_job();
  add_event();
  add_catalogue();
}

void Parser::add_globals() {
  root.add_option("--server", global.server,
                  "unix:PATH, tcp:HOST:PORT or http://HOST:PORT [$STEPD_SERVER]")
      ->type_name("ADDR");
  root.add_option("--token-file", global.token_file,
                  "A file with the token, for TCP [$STEPD_TOKEN_FILE]")
      ->type_name("FILE");
  root.add_option("--tenant", global.tenant, "Whose jobs (default: default)")->type_name("NAME");
  root.add_option("--output", output_format, "For people, or for programs (stable)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}));
  root.add_flag("-q,--quiet", global.quiet, "Only what a program needs: ids, results, errors");
}

void Parser::add_job() {
  CLI::App* job = group(&root, "job", "Submit, watch and steer jobs");
  add_job_submit(job);
  add_job_plan(job);
  add_job_test(job);
  add_job_list(job);
  add_job_views(job);
  verbs.add(
      [job](const std::string& name, const std::string& description, const std::string& examples) {
        return command(job, name, description, examples);
      });
  for (const auto& [app, act] : verbs.commands()) commands.emplace(app, ActOnJob{});
}

void Parser::add_job_submit(CLI::App* job) {
  CLI::App* app = command(job, "submit", "Submit the job or jobs in a file; prints their ids",
                          "  stepctl job submit transfer.json\n"
                          "  stepctl job submit transfer.json --wait\n"
                          "  stepctl job submit many.jsonl              a job on each line\n"
                          "  jq -c '.[]' array.json | stepctl job submit -\n");
  SubmitJobs& submit = stands_for(app, SubmitJobs{});
  app->add_option("FILE", submit.file, "One JSON object, or JSON Lines; - is stdin")
      ->required()
      ->type_name("");
  app->add_flag("-w,--wait", submit.wait, "Wait until settled; 0 only if all jobs succeeded");
  app->add_option("--key", key, "The job's key: submitted again, it names the same job")
      ->type_name("KEY");
  app->add_option("--priority", priority, "-100 to 100, the higher the sooner")->type_name("N");
  app->add_flag("--strict", submit.strict, "Refuse step types that no loaded plugin provides");
}

void Parser::add_job_plan(CLI::App* job) {
  CLI::App* app = command(job, "plan", "Show how the job in a file would run; runs nothing",
                          "  stepctl job plan transfer.json\n"
                          "  stepctl job plan transfer.json --dot | dot -Tsvg > transfer.svg\n");
  PlanJob& plan = stands_for(app, PlanJob{});
  app->add_option("FILE", plan.file, "One JSON object; - is stdin")->required()->type_name("");
  app->add_flag("--dot", plan.dot, "The graph for Graphviz, and nothing else");
}

void Parser::add_job_test(CLI::App* job) {
  CLI::App* app = command(
      job, "test", "Play every way the job in a file can take, with scripted steps or real ones",
      "  stepctl job test transfer.json\n"
      "  stepctl job test transfer.json --path debit:crash_after_effect\n"
      "  stepctl job test transfer.json --outputs returns.json    {\"debit\": {...}}\n"
      "  stepctl job test transfer.json --real                    what the steps do is real\n");
  TestJob& test = stands_for(app, TestJob{});
  app->add_option("FILE", test.file, "One JSON object; - is stdin")->required()->type_name("");
  app->add_option("--path", test.path, "Only this one, with its journal")->type_name("PATH");
  app->add_option("--outputs", test.outputs,
                  "What steps return: a JSON object, by step; with --real, these are not called")
      ->type_name("FILE");
  app->add_flag("--all", test.all, "Every path, however many");
  app->add_flag("--real", test.real,
                "Call the steps' own code; the daemon must allow it (stepd --real-steps)");
  app->add_flag("-y,--yes", test.yes, "With --real: do it without asking");
}

void Parser::add_job_list(CLI::App* job) {
  CLI::App* app = command(job, "list", "List jobs, the newest first",
                          "  stepctl job list --state running --state waiting\n"
                          "  stepctl job list --attention\n"
                          "  stepctl job list --state parked --all --quiet | xargs -n 1 stepctl "
                          "job retry\n");
  ListJobs& list = stands_for(app, ListJobs{});
  add_selection(app, list.selection);
  add_limit(app, list.limit);
  app->add_option("--before", list.before, "Go on below this job")->type_name("JOB");
  app->add_flag("--all", list.all, "All there are");
}

void Parser::add_job_views(CLI::App* job) {
  CLI::App* show = command(job, "show", "Show a job and its steps",
                           "  stepctl job show ID\n"
                           "  stepctl job show ID --journal       all that happened, and when\n");
  ShowJob& shown = stands_for(show, ShowJob{});
  add_id(show, shown.id);
  show->add_flag("--journal", shown.journal, "With everything that happened");
  CLI::App* watch =
      command(job, "watch", "Follow a job until it settles", "  stepctl job watch ID\n");
  add_id(watch, stands_for(watch, WatchJob{}).id);
  CLI::App* children = command(job, "children", "List the jobs that its steps started",
                               "  stepctl job children ID\n");
  add_id(children, stands_for(children, ListChildren{}).id);
  CLI::App* why = command(job, "why", "What a job waits for, what happens next, and when",
                          "  stepctl job why ID\n");
  add_id(why, stands_for(why, AskWhy{}).id);
}

void Parser::add_event() {
  CLI::App* event = group(&root, "event", "Send what steps wait for");
  CLI::App* app = command(event, "send", "Send an event to the step that has waited longest for it",
                          "  stepctl event send approval/4711 --data '{\"approved\":true}'\n"
                          "  stepctl event send approval --job ID --id decision-7\n");
  SendEvent& send = stands_for(app, SendEvent{});
  app->add_option("KEY", send.key, "What a step waits for")->required()->type_name("");
  app->add_option("--job", send.job, "Only a step of this job may take it")->type_name("JOB");
  app->add_option("--data", send.data, "What the step is told (default: null)")->type_name("JSON");
  app->add_option("--id", send.id, "The same id is the same event, however often it is sent")
      ->type_name("TEXT");
  CLI::App* listed = command(event, "list", "List events, the newest first",
                             "  stepctl event list --key approval/4711 --kept\n");
  ListEvents& list = stands_for(listed, ListEvents{});
  listed->add_option("--key", list.key, "Only events with this key")->type_name("KEY");
  listed->add_flag("--kept", list.kept, "Only those that no step has taken");
  add_limit(listed, list.limit);
  listed->add_option("--before", list.before, "Go on below this number")->type_name("N");
}

void Parser::add_catalogue() {
  CLI::App* plugin =
      group(&root, "plugin", "The plugins the daemon has loaded or refused, and whose it may");
  stands_for(command(plugin, "list", "List plugins", "  stepctl plugin list\n"), ListPlugins{});
  CLI::App* plugin_show = command(plugin, "show", "Show a plugin", "  stepctl plugin show bank\n");
  plugin_show->add_option("PLUGIN", stands_for(plugin_show, ShowPlugin{}).id, "The plugin's id")
      ->required()
      ->type_name("");

  add_trust_commands(
      [plugin](const std::string& name, const std::string& description,
               const std::string& examples) {
        return command(plugin, name, description, examples);
      },
      commands);

  CLI::App* step = group(&root, "step", "The step types jobs can be made of");
  stands_for(command(step, "list", "List step types", "  stepctl step list\n"), ListStepTypes{});
  CLI::App* step_show = command(step, "show", "Show a step type: its schemas, and an example",
                                "  stepctl step show bank.transfer_out\n");
  step_show->add_option("TYPE", stands_for(step_show, ShowStepType{}).type, "The step type")
      ->required()
      ->type_name("");
  add_workshop(plugin, step);

  stands_for(command(&root, "status", "How the daemon is doing", "  stepctl status\n"),
             ShowStatus{});
  CLI::App* top = command(&root, "top", "What the calls of each step type use, live",
                          std::string(top_examples));
  add_options(top, stands_for(top, WatchStepTypes{}));
  CLI::App* completion = command(&root, "completion", "Print a completion script for a shell",
                                 "  source <(stepctl completion bash)\n"
                                 "  stepctl completion zsh > ~/.zfunc/_stepctl\n"
                                 "  stepctl completion fish > "
                                 "~/.config/fish/completions/stepctl.fish\n");
  completion
      ->add_option("SHELL", stands_for(completion, WriteCompletion{}).shell, "bash, zsh or fish")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

void Parser::add_workshop(CLI::App* plugin, CLI::App* step) {
  const CommandWords words = words_for(NewPlugin{});
  CLI::App* made = command(plugin, words.name, words.description, words.examples);
  add_options(made, stands_for(made, NewPlugin{}));
  add_work_here<ValidatePlugin>(plugin);
  add_work_here<RunStep>(step);
  add_work_here<BenchStep>(step);
}

/// The last command named; groups of options are parsed like commands but have no name.
CLI::App* deepest(CLI::App* app) {
  for (CLI::App* child : app->get_subcommands()) {
    if (!child->get_name().empty()) return deepest(child);
  }
  return app;
}

std::string path_of(const CLI::App* app) {
  const std::string above = app->get_parent() == nullptr ? "" : path_of(app->get_parent()) + " ";
  return above + app->get_name();
}

/// How many letters must change to make one word of the other (Levenshtein).
std::size_t distance(const std::string& left, const std::string& right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t at = 0; at < row.size(); ++at) row[at] = at;
  for (std::size_t down = 1; down <= left.size(); ++down) {
    std::size_t diagonal = row[0];
    row[0] = down;
    for (std::size_t at = 1; at < row.size(); ++at) {
      const std::size_t change = diagonal + (left[down - 1] == right[at - 1] ? 0U : 1U);
      diagonal = row[at];
      row[at] = std::min({row[at] + 1, row[at - 1] + 1, change});
    }
  }
  return row.back();
}

std::vector<std::string> words_at(const CLI::App* app, bool flags) {
  std::vector<std::string> words;
  if (!flags) {
    for (const CLI::App* child : app->get_subcommands([](const CLI::App*) { return true; })) {
      words.push_back(child->get_name());
    }
    return words;
  }
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    }
  }
  return words;
}

std::string similar_to(const std::string& word, const CLI::App* app) {
  const std::size_t far = std::min<std::size_t>(3, word.size() / 3 + 1);
  std::string best;
  std::size_t best_distance = far;
  for (const std::string& candidate : words_at(app, word.starts_with("--"))) {
    const std::size_t found = distance(word, candidate);
    if (found < best_distance) {
      best_distance = found;
      best = candidate;
    }
  }
  return best;
}

Finished usage(const std::string& message, const CLI::App* app, const std::string& hint = "") {
  Finished finished;
  finished.exit_code = exit_usage;
  finished.err = "error: " + message + "\n";
  if (!hint.empty()) finished.err += "  " + hint + "\n";
  finished.err += "  see: " + path_of(app) + " --help\n";
  return finished;
}

Finished explain(Parser& parser, const CLI::ParseError& trouble) {
  CLI::App* app = deepest(&parser.root);
  const std::vector<std::string> left = parser.root.remaining(true);
  if (!left.empty()) {
    const std::string similar = similar_to(left.front(), app);
    return usage("\"" + left.front() + "\" is no command or flag of " + path_of(app), app,
                 similar.empty() ? "" : "did you mean " + similar + "?");
  }
  const bool group_alone = app->get_require_subcommand_min() > 0;
  if (group_alone) {
    const CLI::App* parent = app->get_parent();
    return {exit_usage, "", app->help(parent == nullptr ? "" : path_of(parent))};
  }
  std::string message = trouble.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  return usage(message, app);
}

/// What the rules of single flags cannot say; empty when all is well.
std::string complete(Parser& parser, CLI::App* app, Command& command) {
  if (auto* submit = std::get_if<SubmitJobs>(&command)) {
    if (app->get_option("--key")->count() > 0) submit->key = parser.key;
    if (app->get_option("--priority")->count() > 0) submit->priority = parser.priority;
  }
  const auto* send = std::get_if<SendEvent>(&command);
  if (send != nullptr && !send->data.empty() && !parse_json(send->data)) {
    return "--data is JSON, and " + send->data + " is none (a text needs its quotes: '\"text\"')";
  }
  const auto* test = std::get_if<TestJob>(&command);
  if (test != nullptr && test->yes && !test->real) {
    return "--yes goes with --real: without it nothing is asked";
  }
  if (test != nullptr && test->file == "-" && test->outputs == "-") {
    return "stdin (-) is the job or what --outputs names, not both: give one of them as a file";
  }
  auto* act = std::get_if<ActOnJob>(&command);
  if (act == nullptr) return {};
  *act = parser.verbs.commands().at(app);
  return parser.verbs.complete(app, *act);
}

/// A value that is there and empty, as an unset variable of a shell leaves it, is never "not
/// given".
std::string empty_value(const CLI::App* app) {
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      const auto& given = option->results();
      if (std::find(given.begin(), given.end(), std::string{}) == given.end()) continue;
      return option->get_name(option->get_positional()) + " is empty: give a value" +
             (option->get_required() ? "" : ", or leave it out");
    }
  }
  return {};
}

WordKind kind_of(const std::string& type_name) {
  const std::string word = type_name.substr(0, type_name.find(':'));
  if (word == "FILE") return WordKind::file;
  if (word == "ID" || word == "JOB") return WordKind::job;
  if (word == "TYPE") return WordKind::step_type;
  if (word == "PLUGIN") return WordKind::plugin;
  return WordKind::free;
}

/// The words of "SHELL:{bash,zsh,fish}".
std::vector<std::string> choices_of(const std::string& type_name) {
  std::vector<std::string> choices;
  const std::size_t begin = type_name.find('{');
  if (begin == type_name.npos) return choices;
  std::size_t at = begin + 1;
  while (at < type_name.size() && type_name[at - 1] != '}') {
    const std::size_t end = std::min(type_name.find_first_of(",}", at), type_name.size());
    choices.push_back(type_name.substr(at, end - at));
    at = end + 1;
  }
  return choices;
}

CommandTree walk(const CLI::App* app);

void add_options(CommandTree& tree, const CLI::App* app) {
  for (const CLI::Option* option : app->get_options()) {
    const std::string type_name = option->get_type_name();
    std::vector<std::string> choices = choices_of(type_name);
    const std::string name = option->get_name(true, false);
    const WordKind kind =
        !choices.empty() ? WordKind::choice : kind_of(option->get_positional() ? name : type_name);
    if (option->get_positional()) {
      tree.places.push_back({name, kind, std::move(choices)});
      continue;
    }
    FlagNode flag{{},
                  option->get_description(),
                  option->get_items_expected_max() > 0,
                  kind,
                  std::move(choices)};
    for (const std::string& word : option->get_lnames()) flag.names.push_back("--" + word);
    for (const std::string& word : option->get_snames()) flag.names.push_back("-" + word);
    tree.flags.push_back(std::move(flag));
  }
  for (const CLI::App* part : app->get_subcommands([](const CLI::App*) { return true; })) {
    if (part->get_name().empty()) {
      add_options(tree, part);  // an option group: its options are the command's
    } else {
      tree.children.push_back(walk(part));
    }
  }
}

CommandTree walk(const CLI::App* app) {
  CommandTree tree{app->get_name(), app->get_description(), {}, {}, {}};
  add_options(tree, app);
  return tree;
}

}  // namespace

std::variant<Invocation, Finished> parse_command_line(int argc, char** argv) {
  Parser parser;
  try {
    parser.root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Finished{0, parser.root.help(), ""};
  } catch (const CLI::CallForVersion& version) {
    return Finished{0, std::string(version.what()) + "\n", ""};
  } catch (const CLI::ParseError& trouble) {
    return explain(parser, trouble);
  }
  CLI::App* app = deepest(&parser.root);
  Command command = parser.commands.at(app);
  std::string trouble = empty_value(app);
  if (trouble.empty()) trouble = complete(parser, app, command);
  if (!trouble.empty()) return usage(trouble, app);
  parser.global.json = parser.output_format == "json";
  return Invocation{std::move(parser.global), std::move(command)};
}

CommandTree command_tree() {
  const Parser parser;
  return walk(&parser.root);
}

}  // namespace stepd::stepctl
