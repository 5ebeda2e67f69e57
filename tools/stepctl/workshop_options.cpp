#include "tools/stepctl/workshop_options.hpp"

#include <CLI/CLI.hpp>

namespace stepd::stepctl {
namespace {

void add_file(CLI::App* app, std::string& file) {
  app->add_option("FILE", file, "The plugin's file, such as ./hello.so")->required()->type_name("");
}

void add_configuration(CLI::App* app, std::string& text) {
  app->add_option("--config", text,
                  "The plugin's configuration: a JSON object, @FILE or - (default: {})")
      ->type_name("JSON");
}

void add_step(CLI::App* app, std::string& type, std::string& args) {
  app->add_option("TYPE", type, "The step type, such as example.greet")->required()->type_name("");
  app->add_option("--args", args, "The arguments: a JSON object, @FILE or - (default: {})")
      ->type_name("JSON");
}

}  // namespace

CommandWords words_for(const NewPlugin&) {
  return {"new", "Write the project of a plugin: one step, one test",
          "  stepctl plugin new hello\n"
          "  stepctl plugin new shop --saga\n"};
}

CommandWords words_for(const ValidatePlugin&) {
  return {
      "validate",
      "Check a plugin's file, without a daemon. It calls each step many times over, with example "
      "arguments: what the steps do is real (see --no-calls)",
      "  stepctl plugin validate ./hello.so\n"
      "  stepctl plugin validate ./shop.so --no-calls\n"
      "  stepctl plugin validate ./shop.so --reproduce example.reserve/crash:42\n"};
}

CommandWords words_for(const RunStep&) {
  return {"run", "Call one step of a plugin's file, without a daemon; what it does is real",
          "  stepctl step run ./hello.so example.greet --args '{\"name\": \"Ada\"}'\n"
          "  stepctl step run ./shop.so example.reserve --args @order.json --phase execute "
          "--phase compensate\n"
          "  stepctl step run ./hello.so example.greet --args - --debug < args.json\n"};
}

CommandWords words_for(const BenchStep&) {
  return {"bench",
          "Measure calls of a step, without a daemon: in a process of its own, and in one with its "
          "host; what they do is real",
          "  stepctl step bench ./hello.so example.greet --args '{\"name\": \"Ada\"}'\n"
          "  stepctl step bench ./hello.so example.greet --args @args.json --calls 1000\n"};
}

void add_options(CLI::App* app, NewPlugin& plugin) {
  app->add_option("NAME", plugin.name,
                  "The plugin, its folder and the first word of its step types")
      ->required()
      ->type_name("");
  app->add_flag("--saga", plugin.saga, "With a step that can be undone");
}

void add_options(CLI::App* app, RunStep& run) {
  add_file(app, run.file);
  add_step(app, run.type, run.args);
  add_configuration(app, run.configuration);
  app->add_option("--phase", run.phases,
                  "What is called, in this order when given again (default: execute)")
      ->type_name("PHASE")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"execute", "probe", "compensate"}));
  app->add_flag("--debug", run.debug,
                "Attach gdb before the step is called, or wait for a debugger; no time limits");
}

void add_options(CLI::App* app, ValidatePlugin& validate) {
  add_file(app, validate.file);
  add_configuration(app, validate.configuration);
  app->add_option("--args", validate.args,
                  "What a step type is called with in place of an example; may be given again")
      ->type_name("TYPE=JSON")
      ->allow_extra_args(false);
  app->add_option("--seed", validate.seed, "What chance begins with (default: another each time)")
      ->type_name("N");
  app->add_option("--reproduce", validate.reproduce,
                  "Only this check, with the seed it had: as it stands behind a failure")
      ->type_name("CHECK[:SEED]");
  app->add_flag("--no-calls", validate.no_calls,
                "Call no step: only the file, its description and its start");
}

void add_options(CLI::App* app, BenchStep& bench) {
  add_file(app, bench.file);
  add_step(app, bench.type, bench.args);
  add_configuration(app, bench.configuration);
  CLI::Option* seconds =
      app->add_option("--seconds", bench.seconds, "For how long, each of the two (default: 3)")
          ->type_name("N")
          ->check(CLI::Range(1, 3600));
  app->add_option("--calls", bench.calls, "How many calls, each of the two")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000'000))
      ->excludes(seconds);
}

}  // namespace stepd::stepctl
