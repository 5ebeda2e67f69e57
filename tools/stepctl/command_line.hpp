#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tools/stepctl/command_tree.hpp"
#include "tools/stepctl/span_text.hpp"

namespace stepd::stepctl {

/// Flags every command takes, before or after its name.
struct Global {
  std::string server;  // empty: not given; likewise below
  std::string token_file;
  std::string tenant;
  bool json = false;
  bool quiet = false;
};

/// The jobs that a list, or a verb without an ID, is about.
struct JobSelection {
  std::vector<std::string> states;
  std::string name;
  std::string key;
  bool attention = false;
  bool no_children = false;
  [[nodiscard]] bool empty() const {
    return states.empty() && name.empty() && key.empty() && !attention && !no_children;
  }
};

struct PlanJob {
  std::string file;  // "-": stdin
  bool dot = false;
};

struct TestJob {
  std::string file;     // "-": stdin
  std::string path;     // empty: all
  std::string outputs;  // a file; empty: none
  bool all = false;
  bool real = false;
  bool yes = false;
};

struct SubmitJobs {
  std::string file;  // "-": stdin
  std::optional<std::string> key;
  std::optional<std::int64_t> priority;
  bool wait = false;
  bool strict = false;
};
struct ListJobs {
  JobSelection selection;
  std::string before;
  std::uint64_t limit = 50;
  bool all = false;
};
struct ShowJob {
  std::string id;
  bool journal = false;
};
struct ListChildren {
  std::string id;
};
struct WatchJob {
  std::string id;
};
struct AskWhy {
  std::string id;
};
/// An operator's verb, on one job or on all that are selected.
struct ActOnJob {
  std::string verb;
  std::string id;  // empty: `selection` says which
  std::string step;
  std::string reason;
  std::string request_id;
  std::optional<std::string> output;  // JSON text
  std::string truth;                  // resolve: "done", "none" or "undone"
  std::string from;                   // rerun
  std::optional<std::int64_t> priority;
  bool wait = false;  // rerun, undo
  JobSelection selection;
  bool yes = false;
};
struct SendEvent {
  std::string key;
  std::string job;
  std::string data;  // JSON text; empty: none
  std::string id;
};
struct ListEvents {
  std::string key;
  std::string before;
  std::uint64_t limit = 50;
  bool kept = false;
};
struct ListPlugins {};
struct ShowPlugin {
  std::string id;
};
struct MakeKeys {
  std::string file;  // the private key; the public one lies beside it
};
struct SignPlugin {
  std::string file;
  std::string key;  // a file
};
struct LockPlugins {};
struct ListStepTypes {};
struct ShowStepType {
  std::string type;
};
struct NewPlugin {
  std::string name;
  bool saga = false;
};
// Texts of what needs no daemon are JSON, @FILE or - for stdin.
struct RunStep {
  std::string file;
  std::string type;
  std::string args = "{}";
  std::string configuration = "{}";
  std::vector<std::string> phases;  // empty: execute
  bool debug = false;
};
struct ValidatePlugin {
  std::string file;
  std::string configuration = "{}";
  std::vector<std::string> args;  // TYPE=JSON
  std::optional<std::uint32_t> seed;
  std::string reproduce;  // CHECK[:SEED]; empty: all checks
  bool no_calls = false;
};
struct BenchStep {
  std::string file;
  std::string type;
  std::string args = "{}";
  std::string configuration = "{}";
  std::uint64_t seconds = 3;
  std::optional<std::uint64_t> calls;  // in place of a time
};
/// What is done without a daemon, on this machine.
using WorkHere = std::variant<RunStep, ValidatePlugin, BenchStep>;
struct ShowStatus {};
struct WatchStepTypes {
  std::string sort = "rate";
  Span interval = std::chrono::seconds(2);
  bool once = false;
};
struct WriteCompletion {
  std::string shell;
};
using Command =
    std::variant<SubmitJobs, PlanJob, ListJobs, ShowJob, WatchJob, AskWhy, ActOnJob, ListPlugins,
                 ShowPlugin, ListStepTypes, ShowStepType, ShowStatus, WriteCompletion, SendEvent,
                 ListEvents, ListChildren, TestJob, MakeKeys, SignPlugin, LockPlugins, WorkHere,
                 NewPlugin, WatchStepTypes>;

struct Invocation {
  Global global;
  Command command;
};

/// The command line was all there was to say: help, the version, or what is wrong with it.
struct Finished {
  int exit_code = 0;
  std::string out;
  std::string err;
};

[[nodiscard]] std::variant<Invocation, Finished> parse_command_line(int argc, char** argv);

/// All commands and flags as the parser knows them; what shells complete from.
[[nodiscard]] CommandTree command_tree();

}  // namespace stepd::stepctl
