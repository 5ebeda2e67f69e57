#include "tools/stepctl/commands.hpp"

#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {

ExitCode refuse(const Session& session, const Answer& answer, const std::string& place) {
  session.output.clear_status();
  session.output.say(refusal_text(answer.status, answer.body, place, session.output.err()));
  constexpr int no_token = 401;
  if (answer.status == no_token) {
    session.output.say(
        "  give the file with the daemon's own token: --token-file FILE or $STEPD_TOKEN_FILE\n");
  }
  return ExitCode::refused;
}

}  // namespace stepd::stepctl
