#include "tools/stepctl/verb_options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>

#include "tools/stepctl/json_text.hpp"

namespace stepd::stepctl {
namespace {

bool needs_step(const std::string& verb) {
  return verb == "abandon" || verb == "skip" || verb == "resolve";
}

std::string output_trouble(const ActOnJob& act) {
  if (!act.output || parse_json(*act.output)) return {};
  const bool meant_format = *act.output == "json" || *act.output == "table";
  return "--output of " + act.verb + " is the step's output as JSON, and " + *act.output +
         " is none" +
         (meant_format ? "; give the print format before the command: stepctl --output " +
                             *act.output + " job " + act.verb + " ..."
                       : " (a text needs its quotes: '\"text\"')");
}

/// A filter stands where the id does, so what was read as the id is what comes after it.
std::string settle_places(ActOnJob& act, std::string& second) {
  if (!act.selection.empty()) {
    if (!act.id.empty() && !second.empty()) return "give a job's ID or a filter, not both";
    if (second.empty()) second = std::exchange(act.id, "");
    return {};
  }
  if (!act.id.empty()) return {};
  return "which job? give its ID, or a filter: --state, --name, --key, --attention";
}

}  // namespace

void add_selection(CLI::App* app, JobSelection& selection) {
  app->add_option("--state", selection.states, "Only jobs in this state; may be given again")
      ->type_name("STATE")
      ->take_all()
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"queued", "running", "waiting", "paused", "parked", "compensating",
                             "succeeded", "compensated", "failed", "cancelled", "discarded"}));
  app->add_option("--name", selection.name, "Only jobs of this name")->type_name("NAME");
  app->add_option("--key", selection.key, "Only the jobs with this key")->type_name("KEY");
  app->add_flag("--attention", selection.attention,
                "Only jobs flagged for an operator's attention");
  app->add_flag("--no-children", selection.no_children, "Without the jobs that steps have started");
}

ActOnJob& VerbOptions::add_verb(CLI::App* app, const std::string& verb) {
  ActOnJob& act = verbs_[app];
  act.verb = verb;
  app->add_option("ID", act.id, "The job's id; or a filter instead")->type_name("");
  add_selection(app, act.selection);
  app->add_flag("-y,--yes", act.yes, "With a filter: do it without asking");
  return act;
}

namespace {

void add_reason(CLI::App* app, ActOnJob& act, bool needed = false) {
  app->add_option("--reason", act.reason, "Why; kept in the journal")
      ->required(needed)
      ->type_name("TEXT");
}

void add_request_id(CLI::App* app, ActOnJob& act) {
  app->add_option("--request-id", act.request_id, "The same id has its effect once")
      ->type_name("TEXT");
}

}  // namespace

void VerbOptions::add(const MakeCommand& make) {
  const auto simple = [&](const std::string& verb, const std::string& description,
                          const std::string& examples) {
    CLI::App* app = make(verb, description, examples);
    ActOnJob& act = add_verb(app, verb);
    add_reason(app, act);
    add_request_id(app, act);
    return app;
  };
  simple("cancel", "Turn the job back: undo what it did",
         "  stepctl job cancel ID --reason \"the customer changed their mind\"\n"
         "  stepctl job cancel --name nightly --state waiting\n");
  simple("pause", "Start nothing more of the job; what runs may end",
         "  stepctl job pause ID --reason \"the bank is being moved\"\n");
  simple("resume", "Let a paused job go on",
         "  stepctl job resume ID\n  stepctl job resume --state paused --yes\n");
  CLI::App* retry = simple("retry", "Try again now what waits or is parked, counting anew",
                           "  stepctl job retry ID\n  stepctl job retry ID STEP\n"
                           "  stepctl job retry --state parked --name transfer\n");
  retry->add_option("STEP", verbs_[retry].step, "Only this step")->type_name("");
  add_step_verb(make("abandon", "Give a step up: the job turns back",
                     "  stepctl job abandon ID STEP --reason \"the bank closed the account\"\n"),
                "abandon");
  add_step_verb(make("skip", "Do not run a step, or its compensation; its effect stays as it is",
                     "  stepctl job skip ID STEP --reason \"mailed by hand\" --output "
                     "'{\"receipt\":\"R-1\"}'\n"),
                "skip");
  add_step_verb(make("resolve", "State what is true of a step whose outcome nobody knows",
                     "  stepctl job resolve ID STEP --reason \"seen in the ledger\" --output "
                     "'{\"receipt\":\"R-1\"}'\n"
                     "  stepctl job resolve ID STEP --reason \"not in the ledger\" --none\n"
                     "  stepctl job resolve ID STEP --reason \"booked back by hand\" --undone\n"),
                "resolve");
  add_new_job_verbs(make);
  CLI::App* priority = simple("priority", "Let a job go before others, or after them",
                              "  stepctl job priority ID 10\n"
                              "  stepctl job priority --name nightly -20\n");
  priority->add_option("N", priority_, "-100 to 100; a point is worth 10 s of waiting")
      ->type_name("");
  add_verb(make("delete", "Remove a settled job and its journal",
                "  stepctl job delete ID\n  stepctl job delete --state succeeded\n"),
           "delete");
}

void VerbOptions::add_new_job_verbs(const MakeCommand& make) {
  CLI::App* rerun = make("rerun", "Run a settled job again, as a new job; prints its id",
                         "  stepctl job rerun ID --wait\n"
                         "  stepctl job rerun ID --from STEP     keeps the outcomes before STEP\n"
                         "  stepctl job rerun UNDO               goes on with an undo that failed\n"
                         "  stepctl job rerun --state failed --name nightly\n");
  ActOnJob& again = add_verb(rerun, "rerun");
  rerun->add_option("--from", again.from, "The first step to run again; what is before is kept")
      ->type_name("STEP");
  CLI::App* undo = make("undo", "Undo a job that succeeded, by a new job; prints its id",
                        "  stepctl job undo ID --reason \"booked twice\" --wait\n");
  ActOnJob& back = add_verb(undo, "undo");
  for (const auto& [app, act] : {std::pair(rerun, &again), std::pair(undo, &back)}) {
    app->add_flag("-w,--wait", act->wait, "Wait until the new job has settled");
    add_reason(app, *act);
    add_request_id(app, *act);
  }
}

void VerbOptions::add_step_verb(CLI::App* app, const std::string& verb) {
  ActOnJob& act = add_verb(app, verb);
  app->add_option("STEP", act.step, "The step's id")->type_name("");
  add_reason(app, act, true);
  add_request_id(app, act);
  if (verb == "skip") {
    app->add_option("--output", skip_output_, "The output for later steps that refer to it")
        ->type_name("JSON");
  }
  if (verb == "resolve") {
    CLI::Option_group* truth =
        app->add_option_group("What is true", "at most one of these; without any: it was done");
    truth->add_option("--output", resolve_output_, "It was done, and this is its output")
        ->type_name("JSON");
    truth->add_flag("--none", resolve_none_, "It took no effect");
    truth->add_flag("--undone", resolve_undone_, "It was done, and has been undone");
    truth->set_help_flag();
    truth->require_option(0, 1);
  }
}

std::string VerbOptions::complete(CLI::App* app, ActOnJob& act) const {
  std::string second = act.verb == "priority" ? priority_ : act.step;
  if (std::string trouble = settle_places(act, second); !trouble.empty()) return trouble;
  if (act.verb == "priority") {
    std::int64_t number = 0;
    const char* end = second.data() + second.size();
    const auto read = std::from_chars(second.data(), end, number);
    if (second.empty() || read.ec != std::errc() || read.ptr != end) {
      return "priority needs a whole number from -100 to 100" +
             (second.empty() ? std::string() : ", and " + second + " is none");
    }
    act.priority = number;
  } else if (needs_step(act.verb) || act.verb == "retry") {
    act.step = second;
    if (second.empty() && needs_step(act.verb)) return "STEP is required";
  } else if (!second.empty()) {
    return "give a job's ID or a filter, not both";
  }
  if (act.wait && !act.selection.empty()) return "--wait is for one job, given by its ID";
  if (act.verb == "skip" && app->get_option("--output")->count() > 0) act.output = skip_output_;
  if (act.verb == "resolve") {
    act.truth = resolve_none_ ? "none" : resolve_undone_ ? "undone" : "done";
    if (app->get_option("--output")->count() > 0) act.output = resolve_output_;
  }
  return output_trouble(act);
}

}  // namespace stepd::stepctl
