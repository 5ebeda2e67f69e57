#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/job_input.hpp"
#include "tools/stepctl/plugin_new.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/workshop.hpp"

namespace {

using namespace stepd::stepctl;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::variant<Address, std::string> server(const Global& global) {
  Surroundings surroundings;
  surroundings.server_flag = global.server;
  surroundings.server_variable = variable("STEPD_SERVER");
  surroundings.state_home = variable("XDG_STATE_HOME");
  surroundings.home = variable("HOME");
  surroundings.root = geteuid() == 0;
  surroundings.exists = [](const std::filesystem::path& path) {
    std::error_code trouble;
    return std::filesystem::exists(path, trouble);
  };
  return find_server(surroundings);
}

/// The token, or a sentence about what is wrong with its file.
std::variant<Client::Credentials, std::string> credentials(const Global& global) {
  Client::Credentials result;
  result.tenant = global.tenant;
  const std::string file =
      global.token_file.empty() ? variable("STEPD_TOKEN_FILE") : global.token_file;
  if (file.empty()) return result;
  std::ifstream in(file);
  if (!std::getline(in, result.token) || result.token.empty()) {
    return "there is no token in the first line of " + file +
           " (give the file stepd was started with)";
  }
  while (!result.token.empty() && (result.token.back() == '\r' || result.token.back() == ' ')) {
    result.token.pop_back();
  }
  return result;
}

void say_unreachable(Output& output, const Address& address, const std::string& why) {
  std::string text =
      error_line("no stepd answers at " + to_text(address) + " (" + address.origin + "): " + why,
                 output.err());
  text += "  start it:         " + command_that_starts(address) + "\n";
  text += "  or name another:  --server ADDR or $STEPD_SERVER\n";
  output.say(text);
}

ExitCode ask_daemon(const Invocation& invocation, Output& output) {
  const auto found = server(invocation.global);
  if (const auto* wrong = std::get_if<std::string>(&found)) {
    output.say(error_line(*wrong, output.err()));
    return ExitCode::usage;
  }
  const auto known = credentials(invocation.global);
  if (const auto* wrong = std::get_if<std::string>(&known)) {
    output.say(error_line(*wrong, output.err()));
    return ExitCode::usage;
  }
  const Client client(std::get<Address>(found), std::get<Client::Credentials>(known));
  const Session session{client, output, invocation.global.json};
  try {
    return std::visit([&](const auto& command) { return run(session, command); },
                      invocation.command);
  } catch (const CannotRead& trouble) {
    output.say(error_line(trouble.what(), output.err()));
    return ExitCode::usage;
  } catch (const Unreachable& gone) {
    output.clear_status();
    say_unreachable(output, client.address(), gone.what());
    return ExitCode::unreachable;
  } catch (const ConnectionLost& lost) {
    output.clear_status();
    output.say(error_line(
        "the connection to stepd at " + to_text(client.address()) + " broke: " + lost.what(),
        output.err()));
    return ExitCode::unreachable;
  }
}

ExitCode run_command(const Invocation& invocation, Output& output) {
  const bool json = invocation.global.json;
  if (const auto* work = std::get_if<WorkHere>(&invocation.command)) {
    return do_here(*work, json, output);
  }
  if (const auto* plugin = std::get_if<NewPlugin>(&invocation.command)) {
    return write_project(*plugin, json, output);
  }
  return ask_daemon(invocation, output);
}

int run_main(int argc, char** argv) {
  const std::variant<Invocation, Finished> parsed = parse_command_line(argc, argv);
  const bool quiet =
      std::holds_alternative<Invocation>(parsed) && std::get<Invocation>(parsed).global.quiet;
  Output output(look_at(STDOUT_FILENO), look_at(STDERR_FILENO), quiet);
  try {
    if (const auto* finished = std::get_if<Finished>(&parsed)) {
      output.say(finished->err);
      output.print(finished->out);
      return finished->exit_code;
    }
    return static_cast<int>(run_command(std::get<Invocation>(parsed), output));
  } catch (const BrokenPipe&) {
    return 0;  // the reader has seen what it wanted
  } catch (const std::exception& trouble) {
    output.say(error_line(trouble.what(), output.err()));
    return static_cast<int>(ExitCode::refused);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_ALL, "");
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  return run_main(argc, argv);
}
