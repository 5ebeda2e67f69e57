#include "tools/stepctl/commands.hpp"

#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {

ExitCode refuse(const Session& session, const Answer& answer) {
  session.output.clear_status();
  session.output.say(refusal_text(answer.status, answer.body, "", session.output.err()));
  return ExitCode::refused;
}

}  // namespace stepd::stepctl
