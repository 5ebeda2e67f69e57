#include "host/engine/names.hpp"
#include "host/http/json_body.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/render.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

engine::SentEvent event_in(const JsonBody& body, const Scope& scope, const std::string& tenant) {
  body.allow({"id", "key", "data", "job"});
  engine::SentEvent event{.tenant = tenant,
                          .id = body.name("id"),
                          .key = body.needed_name("key"),
                          .data = body.json("data", scope.settings.limits.output_bytes_max)};
  if (event.id.empty()) event.id = fresh_id();
  if (event.data.empty()) event.data = engine::JsonText("null");
  const std::string job = body.name("job");
  if (job.empty()) return event;
  event.job = engine::parse_job_id(job);
  if (!event.job) invalid("wrong_value", "/job", "is \"" + job + "\", no job id");
  return event;
}

/// What the sender is told that did not get its event on record.
class Refusing {
 public:
  explicit Refusing(const engine::SentEvent& event) : event_(event) {}

  void operator()(const runtime::EventAccepted&) const {}
  void operator()(const runtime::EventIdTaken&) const {
    refuse(409, "event_id_taken",
           "the id \"" + event_.id +
               "\" names an event with another key, job or data already; give each event its own "
               "id (see: stepctl event list)");
  }
  void operator()(const runtime::NoAddressee& missed) const {
    const std::string job = "job " + engine::to_text(event_.job.value_or(engine::JobId{}));
    if (missed.settled) {
      refuse(409, "job_settled", job + " has settled and waits for no event any more");
    }
    refuse(404, "no_such_job",
           "there is no " + job + "; leave \"job\" out to send to whoever waits for the key");
  }
  void operator()(const runtime::SenderOver&) const {
    refuse(500, "refused", "the event was lost");
  }
  void operator()(const runtime::NotStored& answer) const {
    refuse(507, "not_stored", answer.message);
  }
  void operator()(const runtime::StoreUnsure& answer) const {
    refuse(503, "unsure", answer.message);
  }

 private:
  const engine::SentEvent& event_;
};

void write_job(JsonWriter& json, std::string_view name, const std::optional<engine::JobId>& job) {
  json.member_or_null(name, job ? engine::to_text(*job) : std::string{});
}

void write_event(JsonWriter& json, const storage::EventLine& line) {
  json.begin_object();
  json.member("number", line.number.value);
  json.member("id", line.id);
  json.member("key", line.key);
  write_job(json, "job", line.job);
  json.member("data", line.data);
  json.member("at", to_text(line.at));
  write_job(json, "given_to", line.given_to);
  json.end_object();
}

}  // namespace

Answer send_event(const Scope& scope, Request& request) {
  const engine::SentEvent event = event_in(json_body_of(scope, request), scope, request.tenant);
  const runtime::EventAnswer answer = scope.host.send(event);
  std::visit(Refusing(event), answer);
  const auto& accepted = std::get<runtime::EventAccepted>(answer);
  Reply reply{.status = accepted.repeated ? 200 : 201};
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("id", event.id);
  json.member("key", event.key);
  write_job(json, "given_to", accepted.given_to);
  json.member("repeated", accepted.repeated);
  json.end_object();
  return reply;
}

Answer list_events(const Scope& scope, Request& request) {
  const std::size_t limit = limit_of(request.query, 50);
  const storage::EventFilter filter{.tenant = request.tenant,
                                    .key = request.query.one("key").value_or(""),
                                    .kept_only = request.query.truth("kept").value_or(false)};
  std::optional<engine::EventNumber> before;
  if (const auto number = request.query.number("before")) before = engine::EventNumber{*number};
  request.query.done();
  auto lines = scope.host.reader().events(filter, before, limit + 1);
  const bool more = cut_to(limit, lines);
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.key("events");
  json.begin_array();
  for (const storage::EventLine& line : lines) write_event(json, line);
  json.end_array();
  json.key("next");
  more ? json.integer(lines.back().number.value) : json.null();
  json.end_object();
  return reply;
}

}  // namespace stepd::http
