#pragma once

#include <stepd/plugin.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <stepd/outcome.hpp>
#include <stepd/testing/crash_point.hpp>
#include <stepd/testing/ending.hpp>
#include <stepd/testing/record.hpp>
#include <stepd/text.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stepd::testing {

/// The host's side of one call, in memory: answers what the step asks from the record, and dies at
/// the crash point if there is one. Any thread of the step's may ask.
class RehearsedCall final : public stepd_context {
 public:
  struct Stage {
    const stepd_step& step;
    const Surroundings& surroundings;
    Record& record;
    Observed& observed;
    std::optional<CrashPoint> crash;
    CrashBy crash_by = CrashBy::unwinding;
  };

  RehearsedCall(const stepd_host_calls& table, const Stage& stage, Phase phase,
                std::string_view arguments)
      : stepd_context{&table},
        stage_(stage),
        phase_(phase),
        arguments_(arguments),
        key_(key_of(phase)),
        execute_key_(key_of(Phase::execute)),
        type_(text_of(stage.step.type)),
        started_(stage.record.now) {
    describe();
  }
  RehearsedCall(const RehearsedCall&) = delete;
  RehearsedCall& operator=(const RehearsedCall&) = delete;

  /// Runs the step's callback and says how it ended.
  [[nodiscard]] Ending run(stepd_outcome (*callback)(void*, stepd_context*)) {
    const auto answer = callback(stage_.step.self, this);
    if (over_) return Ending{.outcome = Outcome::killed};
    ending_.outcome = outcome_of(answer);
    if (ending_.outcome != Outcome::succeeded) ending_.output.reset();
    if (ending_.outcome != Outcome::suspended) {
      ending_.suspended_until.reset();
      ending_.waits_for.clear();
      ending_.waits_for_children.reset();
    }
    const bool goes_on =
        ending_.outcome == Outcome::succeeded || ending_.outcome == Outcome::suspended;
    if (goes_on) keep_with_answer();
    return std::move(ending_);
  }

 private:
  friend class RehearsedHost;

  [[nodiscard]] std::string key_of(Phase phase) const {
    const auto& around = stage_.surroundings;
    return around.job_id + "/" + around.step_id + "/" +
           std::to_string(static_cast<std::int32_t>(phase));
  }

  void describe() {
    const auto& around = stage_.surroundings;
    facts_.struct_size = sizeof facts_;
    facts_.phase = static_cast<std::int32_t>(phase_);
    facts_.tenant = borrowed(around.tenant);
    facts_.job_id = borrowed(around.job_id);
    facts_.job_name = borrowed(around.job_name);
    facts_.step_id = borrowed(around.step_id);
    facts_.step_type = borrowed(type_);
    facts_.step_version =
        around.recorded_version != 0 ? around.recorded_version : stage_.step.version;
    facts_.attempt = stage_.record.of(phase_).attempts + 1;
    facts_.attempts_max = around.attempts_max;
    facts_.outcome_unknown = stage_.record.outcome_unknown ? 1 : 0;
    facts_.call = stage_.record.calls + 1;
    facts_.fencing_token = around.fencing_token;
    facts_.deadline_unix_ms = around.deadline ? around.deadline->time_since_epoch().count() : 0;
    facts_.idempotency_key = borrowed(key_);
    facts_.execute_key = borrowed(execute_key_);
  }

  [[nodiscard]] Outcome outcome_of(stepd_outcome answer) {
    const bool probing = phase_ == Phase::probe;
    if (answer == STEPD_SUCCEEDED && output_refused_) return Outcome::bad_answer;
    const bool has_wait =
        ending_.suspended_until || ending_.takes_event || ending_.waits_for_children;
    if (answer == STEPD_SUSPENDED && !has_wait) return Outcome::bad_answer;
    if (answer == STEPD_NO_EFFECT && !probing) return Outcome::bad_answer;
    if (answer < STEPD_SUCCEEDED || answer > STEPD_NO_EFFECT) return Outcome::bad_answer;
    return static_cast<Outcome>(answer);
  }

  /// One host call: counted, and the place where a crash happens.
  template <class Work>
  auto asked(std::string name, decltype(std::declval<Work>()()) when_over, Work work) {
    const std::lock_guard lock(mutex_);
    if (over_) return go_on_dead(when_over);
    stage_.observed.host_calls.push_back(std::move(name));
    if (dies(When::before)) return die(when_over);
    auto answer = work();
    if (dies(When::after)) return die(when_over);
    return answer;
  }

  [[nodiscard]] bool dies(When when) const {
    return stage_.crash && stage_.crash->when == when &&
           stage_.crash->host_call == stage_.observed.host_calls.size();
  }

  template <class Answer>
  Answer die(Answer when_over) {
    over_ = true;
    if (stage_.crash_by == CrashBy::unwinding) throw detail::CallOver{};
    return when_over;
  }

  /// A destructor may still ask something while the step unwinds; it is answered. A step that asks
  /// in its ordinary course has swallowed the crash.
  template <class Answer>
  Answer go_on_dead(Answer when_over) {
    if (stage_.crash_by == CrashBy::fencing || std::uncaught_exceptions() > 0) return when_over;
    stage_.observed.went_on_when_dead = true;
    throw detail::CallOver{};
  }

  [[nodiscard]] stepd_str lend(std::string_view text) { return borrowed(lent_.emplace_back(text)); }

  [[nodiscard]] bool stopped() const { return stop_time() && stage_.record.now >= *stop_time(); }
  /// When the call is asked to stop: by the test, or because it is timed out.
  [[nodiscard]] std::optional<Time> stop_time() const {
    std::optional<Time> time;
    if (stage_.surroundings.stop_after) time = started_ + *stage_.surroundings.stop_after;
    if (timeout().count() > 0) {
      time = std::min(time.value_or(Time::max()), started_ + timeout());
    }
    return time;
  }
  [[nodiscard]] std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(phase_ == Phase::compensate ? stage_.step.compensate_timeout_ms
                                                                 : stage_.step.timeout_ms);
  }

  [[nodiscard]] stepd_status lend_if(const std::optional<std::string>& text, stepd_str* to) {
    if (!text) return STEPD_NONE;
    *to = lend(*text);
    return STEPD_OK;
  }
  template <class Map>
  [[nodiscard]] stepd_status lend_found(const Map& map, stepd_str key, stepd_str* to) {
    const auto found = map.find(text_of(key));
    return lend_if(found == map.end() ? std::nullopt : std::optional(found->second), to);
  }
  [[nodiscard]] PhaseRecord* phase_record(std::int32_t phase) {
    const bool own = phase == static_cast<std::int32_t>(phase_);
    if (!own && phase != STEPD_PHASE_EXECUTE) return nullptr;
    return &stage_.record.of(static_cast<Phase>(phase));
  }

  [[nodiscard]] stepd_status save_memo(stepd_str key, stepd_str bytes) {
    if (bytes.len > stage_.surroundings.text_max) return STEPD_TOO_BIG;
    const auto [at, is_first] =
        stage_.record.of(phase_).memos.emplace(text_of(key), text_of(bytes));
    return is_first ? STEPD_OK : STEPD_NONE;
  }
  [[nodiscard]] stepd_status save_checkpoint(stepd_str bytes) {
    if (bytes.len > stage_.surroundings.text_max) return STEPD_TOO_BIG;
    stage_.record.of(phase_).checkpoint = text_of(bytes);
    return STEPD_OK;
  }
  [[nodiscard]] stepd_status take_output(stepd_str json) {
    boost::system::error_code error;
    boost::json::parse_options options;
    options.max_depth = 100;  // as a host's
    static_cast<void>(boost::json::parse(text_of(json), error, {}, options));
    output_refused_ = error.failed() || json.len > stage_.surroundings.text_max;
    if (error) return STEPD_INVALID;
    if (output_refused_) return STEPD_TOO_BIG;
    ending_.output = text_of(json);
    return STEPD_OK;
  }
  [[nodiscard]] stepd_status take_error(const stepd_error& error) {
    ending_.code = text_of(error.code);
    ending_.message = text_of(error.message);
    ending_.details = text_of(error.details_json);
    ending_.retry_after.reset();
    if (error.retry_after_ms >= 0) {
      ending_.retry_after = std::chrono::milliseconds(error.retry_after_ms);
    }
    return STEPD_OK;
  }

  [[nodiscard]] stepd_status sleep(std::chrono::milliseconds span) {
    const auto wake = stage_.record.now + std::max(span, std::chrono::milliseconds(0));
    const auto stop = stop_time();
    if (stop && *stop <= wake) {
      stage_.record.now = std::max(stage_.record.now, *stop);
      return STEPD_STOPPED;
    }
    stage_.record.now = wake;
    return STEPD_OK;
  }
  [[nodiscard]] std::int64_t time_left() const {
    auto end = Time::max();
    if (timeout().count() > 0) end = started_ + timeout();
    if (stage_.surroundings.deadline) end = std::min(end, *stage_.surroundings.deadline);
    if (end == Time::max()) return std::numeric_limits<std::int64_t>::max();
    return std::max<std::int64_t>(0, (end - stage_.record.now).count());
  }

  // What the host would be asked to wait for, the earliest of all that were asked.
  [[nodiscard]] stepd_status suspend(Time until) {
    ending_.suspended_until = std::min(ending_.suspended_until.value_or(until), until);
    return STEPD_OK;
  }

  void keep_with_answer() {
    for (StartedJob& job : spawned_) stage_.record.children.push_back(std::move(job));
    for (StartedJob& job : stage_.record.children) {
      if (is_to_undo(job)) job.undo = "asked";
    }
    if (checkpoint_) stage_.record.of(phase_).checkpoint = *checkpoint_;
  }
  [[nodiscard]] static StartedJob* named(std::vector<StartedJob>& jobs, stepd_str key) {
    const auto found = std::find_if(
        jobs.begin(), jobs.end(), [key](const StartedJob& job) { return job.key == text_of(key); });
    return found == jobs.end() ? nullptr : &*found;
  }
  [[nodiscard]] stepd_status spawn(stepd_str key, stepd_str job) {
    if (phase_ != Phase::execute) return STEPD_INVALID;
    if (named(stage_.record.children, key) == nullptr && named(spawned_, key) == nullptr) {
      spawned_.push_back({.key = std::string(text_of(key)), .job = std::string(text_of(job))});
    }
    return STEPD_OK;
  }
  [[nodiscard]] bool children_open() const {
    const auto& jobs = stage_.record.children;
    return !spawned_.empty() || !to_undo_.empty() ||
           std::any_of(jobs.begin(), jobs.end(),
                       [](const StartedJob& job) { return job.is_open(); });
  }
  [[nodiscard]] bool is_to_undo(const StartedJob& job) const {
    return std::find(to_undo_.begin(), to_undo_.end(), job.key) != to_undo_.end();
  }
  [[nodiscard]] stepd_status undo_child(stepd_str key, stepd_str* refusal) {
    const StartedJob* job = named(stage_.record.children, key);
    if (phase_ != Phase::compensate) {
      *refusal = lend("only compensate undoes jobs");
      return STEPD_INVALID;
    }
    if (job == nullptr || job->state != "succeeded" || !job->can_be_undone) return STEPD_NONE;
    if (job->undo.empty() && !job->undo_refusal.empty()) {
      *refusal = lend(job->undo_refusal);
      return STEPD_INVALID;
    }
    if (job->undo.empty() && !is_to_undo(*job)) to_undo_.push_back(job->key);
    return STEPD_OK;
  }
  [[nodiscard]] stepd_status child_undo(stepd_str key, stepd_str* json) {
    const StartedJob* job = named(stage_.record.children, key);
    if (job == nullptr || job->undo.empty()) return STEPD_NONE;
    boost::json::object text{{"key", job->key},   {"job", "undo-of-" + job->key},
                             {"number", 0},       {"state", nullptr},
                             {"output", nullptr}, {"error", nullptr}};
    if (job->undo != "asked") text["state"] = job->undo;
    if (job->undo != "asked" && job->undo != "compensated") {
      text["error"] = {{"code", "undo_failed"}, {"message", "it has left something"}};
    }
    *json = lend(boost::json::serialize(text));
    return STEPD_OK;
  }
  [[nodiscard]] static std::string told(const StartedJob& job) {
    boost::json::object text{{"key", job.key},       {"job", "job-of-" + job.key},
                             {"number", job.number}, {"state", nullptr},
                             {"output", nullptr},    {"error", nullptr}};
    if (job.number == 0) return boost::json::serialize(text);
    text["state"] = job.state;
    text["output"] = boost::json::parse(job.output);
    if (job.state != "succeeded") {
      text["error"] = {{"code", job.error_code}, {"message", job.error_message}};
    }
    return boost::json::serialize(text);
  }
  [[nodiscard]] std::string told_after(std::uint32_t after) const {
    constexpr std::size_t told_max = 100;
    std::vector<const StartedJob*> settled;
    for (const StartedJob& job : stage_.record.children) {
      if (job.number > after) settled.push_back(&job);
    }
    std::sort(settled.begin(), settled.end(),
              [](const auto* a, const auto* b) { return a->number < b->number; });
    std::string text = "[";
    for (std::size_t at = 0; at < std::min(settled.size(), told_max); ++at) {
      text += (at == 0 ? "" : ",") + told(*settled[at]);
    }
    return text + "]";
  }

  [[nodiscard]] stepd_status suspend_keyed(stepd_str key, bool takes_event, std::int64_t span_ms) {
    ending_.waits_for = text_of(key);
    ending_.takes_event = takes_event;
    if (span_ms < 0) return STEPD_OK;
    return suspend(stage_.record.now + std::chrono::milliseconds(span_ms));
  }
  [[nodiscard]] stepd_status wait_result(stepd_str key, std::uint32_t index, stepd_str* json) {
    for (const EndedWait& wait : stage_.record.of(phase_).ended_waits) {
      if (wait.key != text_of(key) || index-- != 0) continue;
      if (!wait.event) return STEPD_TIMED_OUT;
      *json = lend(*wait.event);
      return STEPD_OK;
    }
    return STEPD_NONE;
  }
  [[nodiscard]] stepd_status send_event(stepd_str id, stepd_str key, stepd_str data) {
    for (const SentEvent& sent : stage_.observed.sent) {
      if (sent.id != text_of(id)) continue;
      const bool same = sent.key == text_of(key) && sent.data == text_of(data);
      return same ? STEPD_OK : STEPD_NONE;
    }
    stage_.observed.sent.push_back(
        {std::string(text_of(id)), std::string(text_of(key)), std::string(text_of(data))});
    return STEPD_OK;
  }

  Stage stage_;
  Phase phase_;
  std::string arguments_;
  std::string key_;
  std::string execute_key_;
  std::string type_;
  Time started_;
  stepd_call facts_{};
  Ending ending_;
  bool output_refused_ = false;
  std::vector<StartedJob> spawned_;
  std::vector<std::string> to_undo_;
  std::optional<std::string> checkpoint_;

  std::mutex mutex_;  // guards everything a host call touches
  bool over_ = false;
  std::deque<std::string> lent_;
};

}  // namespace stepd::testing
