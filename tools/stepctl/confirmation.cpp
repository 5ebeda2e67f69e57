#include "tools/stepctl/confirmation.hpp"

#include <unistd.h>

#include <iostream>

#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {

bool is_confirmed(Output& output, const Question& question) {
  if (question.yes) return true;
  if (isatty(STDIN_FILENO) != 1 || !output.err().terminal) {
    output.say(
        error_line(question.fact + ", and nothing was done: to " + question.what + ", say --yes",
                   output.err()));
    return false;
  }
  output.say(question.what + "? [y/N] ");
  std::string said;
  std::getline(std::cin, said);
  if (said == "y" || said == "Y" || said == "yes") return true;
  output.note("nothing was done\n");
  return false;
}

}  // namespace stepd::stepctl
