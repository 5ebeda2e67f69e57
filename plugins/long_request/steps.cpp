#include "plugins/long_request/steps.hpp"

#include <Poco/URI.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/system/error_code.hpp>
#include <cstdlib>
#include <filesystem>

namespace long_request {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] bool is_success(const Answer& answer) { return answer.status / 100 == 2; }

[[nodiscard]] bool may_work_later(int status) {
  return status / 100 == 5 || status == 408 || status == 425 || status == 429;
}

[[nodiscard]] std::string told(const Message& message, const Answer& answer) {
  return message.method + " " + message.url + " was answered " + std::to_string(answer.status) +
         " " + answer.reason;
}

[[noreturn]] void throw_unsuccessful(const Message& message, const Answer& answer) {
  const auto code = "http_" + std::to_string(answer.status);
  if (may_work_later(answer.status)) throw stepd::Retry{code, told(message, answer)};
  if (answer.status / 100 == 4) throw stepd::Refused{code, told(message, answer)};
  throw stepd::Failed{code, told(message, answer)};
}

/// A path below an address; the name may hold anything.
[[nodiscard]] std::string below(const std::string& url, const std::string& name) {
  std::string encoded;
  Poco::URI::encode(name, "/?#&+;:@=$,", encoded);
  return url + (url.ends_with('/') ? "" : "/") + encoded;
}

/// The whole answer may come another time: a connection can end in the middle of one.
[[noreturn]] void throw_unreadable(const Message& message, const std::string& what) {
  throw stepd::Retry{"bad_answer", "the answer to " + message.method + " " + message.url + " " +
                                       what + ": ask the partner"};
}

[[nodiscard]] boost::json::object object_in(const Message& message, const Answer& answer) {
  boost::system::error_code error;
  const auto value = boost::json::parse(answer.body, error);
  if (error || !value.is_object()) throw_unreadable(message, "is no JSON object");
  return value.get_object();
}

[[nodiscard]] std::string text_in(const boost::json::object& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

[[nodiscard]] boost::json::value json_of(const Envelope& envelope) {
  return {{"message_id", envelope.message_id},
          {"correlation_id", envelope.correlation_id},
          {"created_at", envelope.created_at},
          {"sender", envelope.sender},
          {"payload", envelope.payload}};
}

[[nodiscard]] boost::json::value json_of(const Decision& decision) {
  return {{"correlation_id", decision.correlation_id},
          {"request_id", decision.request_id},
          {"verdict", boost::describe::enum_to_string(decision.verdict, "")},
          {"reference", decision.reference},
          {"units", decision.units}};
}

/// The action codes of an answer to an authorisation request (ASC X12 278, HCR01).
[[nodiscard]] std::optional<Verdict> verdict_of(std::string_view action) {
  constexpr std::array<std::pair<std::string_view, Verdict>, 4> actions{
      {{"A1", Verdict::approved},
       {"A2", Verdict::partly_approved},
       {"A3", Verdict::denied},
       {"A6", Verdict::changed}}};
  for (const auto& [code, verdict] : actions) {
    if (code == action) return verdict;
  }
  return std::nullopt;
}

[[nodiscard]] Decision translated(const Result& result) {
  const auto* const answer = result.answer.if_object();
  const auto action = answer == nullptr ? std::string{} : text_in(*answer, "action");
  const auto verdict = verdict_of(action);
  if (!verdict) {
    throw stepd::Refused{"unknown_action", "/result/answer/action: \"" + action +
                                               "\" is none of A1, A2, A3 and A6: teach the "
                                               "plugin what the partner means by it"};
  }
  const auto* const units = answer->if_contains("units");
  return {result.correlation_id, result.request_id, *verdict, text_in(*answer, "reference"),
          units != nullptr && units->is_int64() ? units->get_int64() : 0};
}

[[nodiscard]] std::filesystem::path usual_database() {
  constexpr auto name = "stepd-long-request/requests.sqlite";
  if (const char* folder = std::getenv("XDG_DATA_HOME"); folder != nullptr && *folder == '/') {
    return std::filesystem::path{folder} / name;
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return std::filesystem::path{home} / ".local/share" / name;
  }
  throw stepd::Refused{"no_database",
                       "long_request does not know where its database lies: configure "
                       "\"database\", or set HOME"};
}

}  // namespace

Envelope wrap(stepd::Context& context, const Request& request) {
  const auto created_at = context.remember("created_at", [&] { return timestamp(context.now()); });
  return {std::string{context.idempotency_key()}, std::string{context.job_id()}, created_at,
          request.sender, request.payload};
}

Acknowledgement Submit::execute(stepd::Context& context, const Submission& submission) {
  const auto& envelope = submission.envelope;
  return context.remember("acknowledgement", [&] {
    const Message message{"POST", submission.url, envelope.correlation_id,
                          boost::json::serialize(json_of(envelope))};
    const auto answer = (*partner_)->exchange(context, message);
    if (!is_success(answer)) throw_unsuccessful(message, answer);
    const auto object = object_in(message, answer);
    Acknowledgement acknowledgement{text_in(object, "correlation_id"),
                                    text_in(object, "request_id")};
    if (acknowledgement.request_id.empty()) throw_unreadable(message, "has no request_id");
    if (acknowledgement.correlation_id != envelope.correlation_id) {
      throw_unreadable(message, "acknowledges \"" + acknowledgement.correlation_id + "\" and not " +
                                    envelope.correlation_id);
    }
    return acknowledgement;
  });
}

void Submit::compensate(stepd::Context& context, const Submission& submission,
                        const std::optional<Acknowledgement>&) {
  // By our own name for it: the partner's may never have arrived.
  const auto& correlation_id = submission.envelope.correlation_id;
  const Message message{"DELETE", below(submission.url, correlation_id), correlation_id};
  const auto answer = (*partner_)->exchange(context, message);
  const bool unknown_there = answer.status == 404 || answer.status == 410;
  if (is_success(answer) || unknown_there) return;
  throw stepd::Retry{"http_" + std::to_string(answer.status), told(message, answer)};
}

Result Poll::execute(stepd::Context& context, const Query& query) {
  const auto& [correlation_id, request_id] = query.acknowledgement;
  const auto since = context.remember(
      "pending_since", [&] { return std::chrono::milliseconds{context.now().time_since_epoch()}; });
  const auto left = since + query.pending_for - context.now().time_since_epoch();
  const auto refuse_at_the_end = [&] {
    if (left.count() > 0) return;
    throw stepd::Refused{"pending_ended", "request " + request_id +
                                              " has no result, and its pending time is over: "
                                              "ask the partner, or allow more (pending_for)"};
  };
  const Message message{"GET", below(query.url, request_id), correlation_id};
  try {
    const auto answer = (*partner_)->exchange(context, message);
    if (answer.status == 200) return {correlation_id, request_id, object_in(message, answer)};
    if (answer.status != 202) throw_unsuccessful(message, answer);
  } catch (const stepd::Retry&) {
    refuse_at_the_end();
    throw;
  }
  refuse_at_the_end();
  context.suspend_for(std::min(query.every, left));
}

Decision Store::execute(stepd::Context& context, const Storing& storing) {
  return Records{(*partner_)->database()}.store(context, translated(storing.result));
}

void Store::compensate(stepd::Context& context, const Storing&, const std::optional<Decision>&) {
  Records{(*partner_)->database()}.take_back(context);
}

void Notify::execute(stepd::Context& context, const Notice& notice) {
  const Message message{"POST", notice.url, notice.decision.correlation_id,
                        boost::json::serialize(json_of(notice.decision))};
  try {
    const auto answer = (*partner_)->exchange(context, message);
    if (is_success(answer)) return;
    throw stepd::Retry{"http_" + std::to_string(answer.status), told(message, answer)};
  } catch (const stepd::Refused& refused) {  // of the address: what is decided stays decided
    throw stepd::Retry{refused.code, refused.message};
  }
}

void describe(stepd::Plugin& plugin, const SharedPartner& partner) {
  plugin.on_init<Settings>([partner](const Settings& settings) {
    const auto database = std::filesystem::absolute(
        settings.database.empty() ? usual_database() : std::filesystem::path{settings.database});
    if (settings.timeout.count() <= 0) {
      throw stepd::Refused{"bad_configuration", "timeout must be above zero"};
    }
    // What the operator names must work; the usual one is made with the first request.
    if (!settings.database.empty()) static_cast<void>(Records{database});
    partner->emplace(database, settings.timeout);
  });
  plugin.step<wrap>("long_request.wrap")
      .title("Wrap a request in an envelope")
      .description("Message id, correlation id (the job's), time and sender around the payload.");
  plugin.saga<Submit>("long_request.submit", partner)
      .title("Submit a request to a partner")
      .description(
          "POSTs the envelope and takes the acknowledgement; once that is recorded, nothing is "
          "sent again. Undone, the request is withdrawn.")
      .format(&Submission::url, "http-url")
      .timeout(1min)
      .compensate_timeout(1min);
  plugin.step<Poll>("long_request.poll", partner)
      .title("Ask for the result until it is there")
      .description("202 means not yet: the step is suspended and charged nothing.")
      .format(&Query::url, "http-url")
      .default_value(&Query::every, 5s)
      .default_value(&Query::pending_for, 24h)
      .timeout(1min);
  plugin.saga<Store>("long_request.store", partner)
      .title("Translate a result and store it")
      .timeout(1min);
  plugin.step<Notify>("long_request.notify", partner)
      .title("Tell somebody the decision")
      .description("Tried again until it is taken.")
      .format(&Notice::url, "http-url")
      .timeout(1min);
}

}  // namespace long_request
