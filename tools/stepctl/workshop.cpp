#include "tools/stepctl/workshop.hpp"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <vector>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {
namespace {

constexpr const char* program_name = "stepd";

std::vector<std::filesystem::path> places_of_programs() {
  std::vector<std::filesystem::path> places;
  std::error_code unknown;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", unknown);
  if (!unknown) places.push_back(own.parent_path());
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty()) places.emplace_back(folder);
  }
  return places;
}

std::optional<std::string> find_stepd() {
  for (const auto& place : places_of_programs()) {
    std::string program = (place / program_name).string();
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

json::object order_of(const RunStep& run) {
  json::array phases(run.phases.begin(), run.phases.end());
  if (phases.empty()) phases.emplace_back("execute");
  return {{"verb", "run"},
          {"file", run.file},
          {"type", run.type},
          {"args", run.args},
          {"config", run.configuration},
          {"phases", std::move(phases)},
          {"debug", run.debug}};
}

/// "CHECK[:SEED]"; nothing when what stands for a seed is none.
struct Again {
  std::string check;
  std::optional<std::uint32_t> seed;
};
std::optional<Again> again_of(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) return Again{text, std::nullopt};
  std::uint32_t seed = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, seed);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return Again{text.substr(0, colon), seed};
}

/// By step type; the words behind the first sign of equality.
json::object args_of(const ValidatePlugin& validate) {
  json::object args;
  for (const std::string& one : validate.args) {
    const auto sign = std::min(one.find('='), one.size() - 1);
    args[one.substr(0, sign)] = one.substr(sign + 1);
  }
  return args;
}

json::object order_of(const ValidatePlugin& validate) {
  const Again again = again_of(validate.reproduce).value_or(Again{});
  json::object order{
      {"verb", "validate"},        {"file", validate.file}, {"config", validate.configuration},
      {"args", args_of(validate)}, {"check", again.check},  {"calls", !validate.no_calls}};
  if (again.seed || validate.seed) order["seed"] = again.seed ? *again.seed : *validate.seed;
  return order;
}

std::string trouble_with(const ValidatePlugin& validate) {
  for (const std::string& one : validate.args) {
    if (one.find('=') == one.npos) {
      return "--args is a step type and its arguments, such as example.greet='{\"name\": "
             "\"Ada\"}', and " +
             one + " is not";
    }
  }
  const auto again = again_of(validate.reproduce);
  if (!again) {
    return "--reproduce is a check and its seed, such as example.greet/crash:42, and " +
           validate.reproduce + " is none";
  }
  if (again->seed && validate.seed)
    return "the seed stands in --reproduce already: leave --seed out";
  return {};
}

json::object order_of(const BenchStep& bench) {
  json::object order{{"verb", "bench"},
                     {"file", bench.file},
                     {"type", bench.type},
                     {"args", bench.args},
                     {"config", bench.configuration},
                     {"seconds", bench.seconds}};
  if (bench.calls) order["calls"] = *bench.calls;
  return order;
}

/// What the rules of single flags cannot say; empty when all is well.
template <class Work>
std::string trouble_with(const Work& run) {
  if (run.args != "-" || run.configuration != "-") return {};
  return "stdin (-) is the arguments or the configuration, not both: give one of them as @FILE";
}

}  // namespace

ExitCode do_here(const WorkHere& work, bool json, Output& output) {
  const auto trouble = std::visit([](const auto& one) { return trouble_with(one); }, work);
  if (!trouble.empty()) {
    output.say(error_line(trouble, output.err()));
    return ExitCode::usage;
  }
  const auto program = find_stepd();
  if (!program) {
    output.say(
        error_line("this is done by the program stepd, and there is none beside stepctl or "
                   "on the PATH; install stepd, or add its folder to PATH",
                   output.err()));
    return ExitCode::unreachable;
  }
  json::object order = std::visit([](const auto& one) { return order_of(one); }, work);
  order["json"] = json;
  order["quiet"] = output.quiet();
  std::string text = json::serialize(order);
  std::string name = program_name;
  std::string flag = "--workshop";
  char* const words[] = {name.data(), flag.data(), text.data(), nullptr};
  std::signal(SIGPIPE, SIG_DFL);
  ::execv(program->c_str(), words);
  const int error = errno;
  const std::string cure = error == E2BIG ? " (give long texts as @FILE)" : "";
  output.say(
      error_line("cannot start " + *program + ": " + std::strerror(error) + cure, output.err()));
  return ExitCode::unreachable;
}

ExitCode run(const Session& session, const WorkHere& command) {
  return do_here(command, session.json, session.output);
}

}  // namespace stepd::stepctl
