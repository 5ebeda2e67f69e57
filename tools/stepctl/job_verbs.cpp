#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/confirmation.hpp"
#include "tools/stepctl/follow.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/table.hpp"

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

std::string with_request_id(const std::string& request_id) {
  return "repeat the command with --request-id " + request_id + " (it has its effect once)";
}

/// What the verb is given, beside the jobs it is about.
json::object members_of(const ActOnJob& command, const std::string& request_id) {
  json::object body{{"request_id", request_id}, {"actor", actor()}};
  if (!command.reason.empty()) body["reason"] = command.reason;
  if (!command.step.empty()) body["step"] = command.step;
  if (!command.truth.empty()) body["truth"] = command.truth;
  if (!command.from.empty()) body["from"] = command.from;
  if (command.priority) body["priority"] = *command.priority;
  return body;
}

std::string body_of(const ActOnJob& command, const json::object& members) {
  std::string text = json::serialize(members);
  // The output goes as it was written, not as it was read: numbers keep their digits.
  if (command.output) text.insert(text.size() - 1, ",\"output\":" + *command.output);
  return text;
}

ExitCode delete_one(const Session& session, const ActOnJob& command) {
  const std::string path = "/v1/jobs/" + encoded(command.id) + "?actor=" + encoded(actor());
  const Answer answer =
      or_say([&] { return session.client.remove(path); },
             "repeat the command (that there is no such job then means that it is done)");
  if (!answer.is_good()) return refuse(session, answer);
  if (session.json) {
    session.output.print(answer.body.empty() ? "{}\n" : indented(answer.body));
  } else if (!session.output.quiet()) {
    session.output.print("delete accepted: job " + command.id + "\n");
  }
  return ExitCode::done;
}

/// The job that a rerun or an undo has made.
ExitCode tell_new_job(const Session& session, const ActOnJob& command, const Answer& answer,
                      const std::string& made) {
  if (!session.json) session.output.print(made + "\n");
  if (!command.wait) {
    if (session.json) session.output.print(indented(answer.body));
    session.output.note(command.verb + " of job " + command.id + " is job " + made + "\n");
    return ExitCode::done;
  }
  if (session.json) session.output.note("job " + made + "\n");
  return wait_for(session, made);
}

ExitCode act_on_one(const Session& session, const ActOnJob& command) {
  const std::string request_id = command.request_id.empty() ? random_id() : command.request_id;
  const std::string text = body_of(command, members_of(command, request_id));
  const std::string path = "/v1/jobs/" + encoded(command.id) + ":" + command.verb;
  const Answer answer =
      or_say([&] { return session.client.post(path, text); }, with_request_id(request_id));
  if (!answer.is_good()) return refuse(session, answer);
  const std::optional<json::object> told = parse_object(answer.body);
  const std::string made = told ? text_at(*told, "job") : "";
  if (!made.empty()) return tell_new_job(session, command, answer, made);
  if (session.json) {
    session.output.print(answer.body.empty() ? "{}\n" : indented(answer.body));
  } else if (!session.output.quiet()) {
    session.output.print(command.verb + " accepted: job " + command.id +
                         (command.step.empty() ? "" : ", step " + command.step) + "\n");
  }
  return ExitCode::done;
}

json::object filter_of(const JobSelection& selection) {
  json::object filter;
  if (!selection.states.empty())
    filter["state"] = json::array(selection.states.begin(), selection.states.end());
  if (!selection.name.empty()) filter["name"] = selection.name;
  if (!selection.key.empty()) filter["key"] = selection.key;
  if (selection.attention) filter["attention"] = true;
  if (selection.no_children) filter["child"] = false;
  return filter;
}

bool is_confirmed(const Session& session, const ActOnJob& command, std::int64_t jobs) {
  return is_confirmed(session.output,
                      {.fact = counted(jobs, "job") + (jobs == 1 ? " matches" : " match"),
                       .what = (command.priority ? "set the priority of " : command.verb + " ") +
                               counted(jobs, "job"),
                       .yes = command.yes});
}

ExitCode tell_many(const Session& session, const std::string& verb, const Answer& answer) {
  const std::optional<json::object> told = parse_object(answer.body);
  if (!told) return refuse(session, answer);
  const std::int64_t refused = number_at(*told, "refused");
  const std::int64_t left = number_at(*told, "left");
  const ExitCode code = refused + left == 0 ? ExitCode::done : ExitCode::refused;
  if (session.json) {
    session.output.print(indented(answer.body));
    return code;
  }
  for (const json::value& entry : list_at(*told, "jobs")) {
    if (!entry.is_object()) continue;
    const json::object& job = entry.get_object();
    const std::string made = text_at(job, "job");
    if (!true_at(job, "accepted")) {
      session.output.say(error_line(printable(text_at(job, "detail")), session.output.err()));
    } else if (!made.empty()) {
      session.output.print(made + "\n");
    } else if (session.output.quiet()) {
      session.output.print(text_at(job, "id") + "\n");
    }
  }
  std::string sum = verb + " accepted: " + counted(number_at(*told, "accepted"), "job");
  if (refused > 0) sum += ", " + counted(refused, "job") + " refused";
  if (left > 0) sum += ", " + counted(left, "job") + " not asked; repeat the command";
  session.output.note(sum + "\n");
  return code;
}

/// Counts first and asks, then says how many it expects: what came or went meanwhile is not hit.
ExitCode act_on_many(const Session& session, const ActOnJob& command) {
  const std::string request_id = command.request_id.empty() ? random_id() : command.request_id;
  json::object members = members_of(command, request_id);
  members["verb"] = command.verb;
  members["filter"] = filter_of(command.selection);
  const Answer count = session.client.post("/v1/jobs:act", body_of(command, members));
  const std::optional<json::object> counted_jobs = parse_object(count.body);
  if (!count.is_good() || !counted_jobs) return refuse(session, count);
  const std::int64_t matched = number_at(*counted_jobs, "matched");
  if (matched == 0 && !session.json) {
    session.output.note("no such jobs\n");
    return ExitCode::done;
  }
  if (matched > 0 && !is_confirmed(session, command, matched)) return ExitCode::refused;
  members["expect"] = matched;
  const std::string body = body_of(command, members);
  const Answer answer = or_say([&] { return session.client.post("/v1/jobs:act", body); },
                               with_request_id(request_id));
  if (!answer.is_good()) return refuse(session, answer);
  return tell_many(session, command.verb, answer);
}

}  // namespace

ExitCode run(const Session& session, const ActOnJob& command) {
  if (!command.selection.empty()) return act_on_many(session, command);
  if (command.verb == "delete") return delete_one(session, command);
  return act_on_one(session, command);
}

}  // namespace stepd::stepctl
