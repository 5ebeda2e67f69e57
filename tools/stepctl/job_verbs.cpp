#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {
namespace {

/// Who asks: for root by way of sudo, the person behind it.
std::string actor() {
  const char* behind = std::getenv("SUDO_USER");
  if (geteuid() == 0 && behind != nullptr && *behind != '\0') return behind;
  const passwd* entry = getpwuid(geteuid());
  if (entry != nullptr) return entry->pw_name;
  return "uid " + std::to_string(geteuid());
}

/// Runs a request that changes something; a lost answer says how to ask again without harm.
template <class Request>
Answer or_say(Request request, const std::string& remedy) {
  try {
    return request();
  } catch (const ConnectionLost& lost) {
    throw ConnectionLost(std::string(lost.what()) +
                         "; whether it was done is not known: " + remedy);
  }
}

ExitCode answer_verb(const Session& session, const std::string& verb, const std::string& place,
                     const Answer& answer) {
  if (!answer.is_good()) return refuse(session, answer);
  if (session.json) {
    session.output.print(answer.body.empty() ? "{}\n" : indented(answer.body));
  } else if (!session.output.quiet()) {
    session.output.print(verb + " accepted: " + place + "\n");
  }
  return ExitCode::done;
}

}  // namespace

ExitCode run(const Session& session, const ActOnJob& command) {
  const std::string request_id = command.request_id.empty() ? random_id() : command.request_id;
  json::object body{{"request_id", request_id}, {"actor", actor()}};
  if (!command.reason.empty()) body["reason"] = command.reason;
  if (!command.step.empty()) body["step"] = command.step;
  if (!command.truth.empty()) body["truth"] = command.truth;
  std::string text = json::serialize(body);
  // The output goes as it was written, not as it was read: numbers keep their digits.
  if (command.output) text.insert(text.size() - 1, ",\"output\":" + *command.output);
  const std::string path = "/v1/jobs/" + encoded(command.id) + ":" + command.verb;
  const Answer answer =
      or_say([&] { return session.client.post(path, text); },
             "repeat the command with --request-id " + request_id + " (it has its effect once)");
  const std::string place =
      "job " + command.id + (command.step.empty() ? "" : ", step " + command.step);
  return answer_verb(session, command.verb, place, answer);
}

ExitCode run(const Session& session, const DeleteJob& command) {
  const std::string path = "/v1/jobs/" + encoded(command.id) + "?actor=" + encoded(actor());
  const Answer answer =
      or_say([&] { return session.client.remove(path); },
             "repeat the command (that there is no such job then means that it is done)");
  return answer_verb(session, "delete", "job " + command.id, answer);
}

}  // namespace stepd::stepctl
