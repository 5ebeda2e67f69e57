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

}  // namespace stepd::stepctl
