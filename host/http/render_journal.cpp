#include "host/engine/names.hpp"
#include "host/http/render.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

/// One entry; a member for every fact of it that a reader of journals may need.
class EntryText {
 public:
  EntryText(JsonWriter& json, const StepIds& steps) : json_(json), steps_(steps) {}

  void operator()(const engine::Submitted&) { type("submitted"); }

  void operator()(const engine::SnapshotCompleted& entry) {
    type("snapshot_completed");
    step(entry.step);
    json_.member("version", entry.snapshot.version);
  }

  void operator()(const engine::ArgumentsResolved& entry) {
    type("arguments_resolved");
    step(entry.step);
    json_.member("args", entry.args);
  }

  void operator()(const engine::CallStarted& entry) {
    type("call_started");
    step(entry.step);
    json_.member("phase", engine::name_of(entry.phase));
    json_.member("call", entry.call);
    json_.member("attempt", entry.attempt);
    json_.member("version", entry.version);
    json_.member("module", to_text(entry.module));
  }

  void operator()(const engine::CallEnded& entry) {
    type("call_ended");
    step(entry.step);
    json_.member("call", entry.call);
    json_.member("outcome", engine::name_of(entry.outcome));
    json_.member("output", entry.output);
    write_error(json_, "error", entry.error);
    usage(entry.used);
  }

  void operator()(const engine::StepMoved& entry) {
    type("step_moved");
    step(entry.step);
    json_.member("phase", engine::name_of(entry.phase));
    json_.member("state", engine::name_of(entry.to));
    json_.member("effect", engine::name_of(entry.effect));
    json_.member("attempts", entry.attempts);
    condition(entry.to);
  }

  void operator()(const engine::AttentionRaised& entry) {
    type("attention_raised");
    step(entry.step);
  }

  void operator()(const engine::TurnedBack& entry) {
    type("turned_back");
    cause(entry.cause);
  }

  void operator()(const engine::CancelNoted& entry) {
    type("cancel_noted");
    cause(entry.cause);
  }

  void operator()(const engine::DeadlinePassed&) { type("deadline_passed"); }
  void operator()(const engine::Paused&) { type("paused"); }
  void operator()(const engine::Resumed&) { type("resumed"); }

  void operator()(const engine::OperatorActed& entry) {
    type("operator_acted");
    json_.member("verb", entry.verb);
    json_.member("request_id", entry.request_id);
    json_.member_or_null("actor", entry.actor);
    json_.member_or_null("reason", entry.reason);
    if (entry.step) {
      step(*entry.step);
    } else {
      json_.member("step", nullptr);
    }
  }

  void operator()(const engine::ChildrenSpawned& entry) {
    type("children_spawned");
    step(entry.step);
    json_.member("count", entry.count);
  }

  void operator()(const engine::ChildrenSettled& entry) {
    type("children_settled");
    step(entry.step);
    json_.member("spawned", entry.spawned);
    json_.member("settled", entry.settled);
    json_.member("unsuccessful", entry.unsuccessful);
  }

  void operator()(const engine::WaitEnded& entry) {
    type("wait_ended");
    step(entry.step);
    json_.member("key", entry.as.key);
    json_.key("event");
    if (!entry.as.event) return json_.null();
    json_.begin_object();
    json_.member("id", entry.as.event->id);
    json_.member("data", entry.as.event->data);
    json_.member("at", to_text(entry.as.event->at));
    json_.end_object();
  }

  void operator()(const engine::PriorityChanged& entry) {
    type("priority_changed");
    json_.member("priority", entry.priority);
  }

  void operator()(const engine::BuildBound& entry) {
    type("build_bound");
    step(entry.step);
    json_.member_or_null(
        "module", entry.module == engine::ModuleHash{} ? std::string() : to_text(entry.module));
  }

  void operator()(const engine::Settled& entry) {
    type("settled");
    json_.member("state", engine::name_of(entry.state));
  }

 private:
  void type(std::string_view name) { json_.member("type", name); }

  void step(engine::StepIndex index) {
    json_.member_or_null("step", index < steps_.size() ? steps_[index] : std::string_view{});
  }

  void usage(const engine::Usage& used) {
    const auto span = [this](std::string_view name, const std::optional<engine::Duration>& value) {
      if (value) {
        json_.member(name, to_text(*value));
      } else {
        json_.member(name, nullptr);
      }
    };
    if (used == engine::Usage{}) return json_.member("used", nullptr);
    json_.key("used");
    json_.begin_object();
    span("waited", used.waited);
    span("ran", used.ran);
    span("cpu", used.cpu);
    if (used.memory_kib) {
      json_.member("memory_bytes", *used.memory_kib * 1024);
    } else {
      json_.member("memory_bytes", nullptr);
    }
    json_.end_object();
  }

  void cause(const engine::Cause& cause) {
    json_.member("cause", engine::name_of(cause.kind));
    if (cause.kind == engine::Cause::Kind::step_abandoned) {
      step(cause.step);
    } else {
      json_.member("step", nullptr);
    }
    write_error(json_, "error", cause.error);
  }

  /// `due`, `waits_for`, `reason` and `error`, null where the new state has none.
  void condition(const engine::StepCondition& to) {
    std::optional<engine::TimePoint> due;
    std::string_view waits_for;
    std::string_view reason;
    engine::Error error;
    if (const auto* retrying = std::get_if<engine::Retrying>(&to)) due = retrying->due.at;
    if (const auto* suspended = std::get_if<engine::Suspended>(&to)) {
      if (suspended->wait.due) due = suspended->wait.due->at;
      waits_for = suspended->wait.key;
    }
    if (const auto* stopping = std::get_if<engine::Stopping>(&to)) {
      reason = engine::name_of(stopping->cause);
    }
    if (const auto* parked = std::get_if<engine::Parked>(&to)) {
      reason = engine::name_of(parked->reason);
      error = parked->error;
    }
    if (const auto* abandoned = std::get_if<engine::Abandoned>(&to)) {
      reason = engine::name_of(abandoned->reason);
      error = abandoned->error;
    }
    write_time(json_, "due", due);
    json_.member_or_null("waits_for", waits_for);
    json_.member_or_null("reason", reason);
    write_error(json_, "error", error);
  }

  JsonWriter& json_;
  const StepIds& steps_;
};

}  // namespace

StepIds step_ids(const engine::JobDefinition& definition) {
  StepIds ids;
  ids.reserve(definition.steps.size());
  for (const engine::StepDefinition& step : definition.steps) ids.push_back(step.id);
  return ids;
}

void write_entries(JsonWriter& json, const std::vector<engine::Entry>& entries,
                   const StepIds& steps) {
  json.begin_array();
  for (const engine::Entry& entry : entries) {
    json.begin_object();
    std::visit(EntryText(json, steps), entry);
    json.end_object();
  }
  json.end_array();
}

}  // namespace stepd::http
