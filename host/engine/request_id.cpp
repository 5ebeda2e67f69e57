#include "host/engine/request_id.hpp"

#include <string>

#include "host/engine/names.hpp"

namespace stepd::engine {
namespace {

std::string step_of(const JobState& job, const AskedVerb& asked) {
  return asked.step ? job.definition->steps[*asked.step].id : std::string();
}

/// The same verb about the same step.
bool is_alike(const JobState& job, const AskedVerb& before, const Verb& verb) {
  return before.verb == name_of(verb.kind) && step_of(job, before) == verb.step;
}

}  // namespace

bool may_be_one(const ContentHash& before, const ContentHash& now) {
  return before.bytes.empty() || now.bytes.empty() || before == now;
}

bool is_repeat(const JobState& job, const AskedVerb& before, const Verb& verb) {
  return is_alike(job, before, verb) && before.reason == verb.reason &&
         may_be_one(before.content, verb.content);
}

Refused request_taken(const JobState& job, const AskedVerb& before, const Verb& verb) {
  std::string message = "the request id \"" + verb.request_id + "\" was used for " + before.verb;
  if (before.step) message += " of step \"" + step_of(job, before) + "\"";
  message += " before";
  if (is_alike(job, before, verb)) {
    message += before.reason == verb.reason ? ", with other content" : ", with another reason";
  }
  return {Refused::Why::request_taken, message + ": give each request its own"};
}

}  // namespace stepd::engine
