#pragma once

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <stepd/call_facts.hpp>
#include <stepd/child.hpp>
#include <stepd/host_table.hpp>
#include <stepd/json_reader.hpp>
#include <stepd/json_writer.hpp>
#include <stepd/nothing.hpp>
#include <stepd/outcome.hpp>
#include <stepd/text.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace stepd {

/// An event that a wait was given. Every later call of the phase sees the same.
template <class T>
struct Event {
  std::string id;
  T data{};
  std::chrono::sys_time<std::chrono::milliseconds> at{};  // when it arrived
};

/// One call of one step, as its code sees it. Lives until the step returns; until then its
/// functions may be called from any thread. A function whose work the host refuses throws what the
/// step should answer, so the way on is to let it pass.
class Context {
 public:
  explicit Context(stepd_context& call) : call_(&call), facts_(call.host->call(&call)) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Who is calling: job, step, attempt, keys.
  [[nodiscard]] CallFacts facts() const noexcept { return CallFacts(*facts_); }
  [[nodiscard]] std::string_view job_id() const noexcept { return facts().job_id(); }
  [[nodiscard]] std::string_view step_id() const noexcept { return facts().step_id(); }
  [[nodiscard]] std::uint32_t attempt() const noexcept { return facts().attempt(); }
  [[nodiscard]] bool outcome_unknown() const noexcept { return facts().outcome_unknown(); }
  /// The same for every call of this phase of this step: hand it to whoever does the work.
  [[nodiscard]] std::string_view idempotency_key() const noexcept {
    return facts().idempotency_key();
  }
  /// The idempotency key of the execute phase: in compensate, the name of what is to be undone.
  [[nodiscard]] std::string_view execute_key() const noexcept { return facts().execute_key(); }

  /// The output of a step before this one; nothing when it has none (it was skipped).
  template <class T>
  [[nodiscard]] std::optional<T> output_of(std::string_view step_id) const {
    stepd_str text{};
    const auto status = detail::ask(*call_, &stepd_host_calls::output_of, borrowed(step_id), &text);
    if (!detail::granted(status, "an earlier output")) return std::nullopt;
    return read<T>(text, detail::rules_of_earlier_output);
  }

  /// What this phase of the step saved last. In probe and compensate, ask for Phase::execute to
  /// see what execute saved.
  template <class T>
  [[nodiscard]] std::optional<T> checkpoint() const {
    return checkpoint<T>(facts().phase());
  }
  template <class T>
  [[nodiscard]] std::optional<T> checkpoint(Phase phase) const {
    stepd_str text{};
    const auto status = detail::ask(*call_, &stepd_host_calls::checkpoint_load,
                                    static_cast<std::int32_t>(phase), &text);
    if (!detail::granted(status, "a checkpoint")) return std::nullopt;
    return read<T>(text, detail::rules_of_own_record);
  }
  /// On disk once this returns. Replaces the one before.
  template <class T>
  void save_checkpoint(const T& value) {
    const auto text = detail::json_text_of(value);
    detail::granted(detail::ask(*call_, &stepd_host_calls::checkpoint_save, borrowed(text)),
                    "the checkpoint");
  }

  /// Calls `make` once and answers what it made then, in this call and in every later one. The
  /// first recorded value wins. A crash between `make` and the record repeats `make`: an effect
  /// inside it must bear that (give it the idempotency key).
  template <class Make>
  auto remember(std::string_view key, Make&& make) -> Valued<std::invoke_result_t<Make>> {
    using Value = Valued<std::invoke_result_t<Make>>;
    if (auto known = remembered<Value>(key)) return *std::move(known);
    Value value{};
    if constexpr (std::is_void_v<std::invoke_result_t<Make>>) {
      std::forward<Make>(make)();
    } else {
      value = std::forward<Make>(make)();
    }
    const auto text = detail::json_text_of(value);
    const auto status =
        detail::ask(*call_, &stepd_host_calls::memo_save, borrowed(key), borrowed(text));
    if (detail::granted(status, "a memo")) return value;
    auto first = remembered<Value>(key);
    return first ? *std::move(first) : std::move(value);
  }
  /// What this phase remembered under the key; in probe and compensate, Phase::execute may be
  /// asked.
  template <class T>
  [[nodiscard]] std::optional<T> remembered(std::string_view key) const {
    return remembered<T>(key, facts().phase());
  }
  template <class T>
  [[nodiscard]] std::optional<T> remembered(std::string_view key, Phase phase) const {
    stepd_str text{};
    const auto status = detail::ask(*call_, &stepd_host_calls::memo_load,
                                    static_cast<std::int32_t>(phase), borrowed(key), &text);
    if (!detail::granted(status, "a memo")) return std::nullopt;
    return read<T>(text, detail::rules_of_own_record);
  }

  /// A value of the plugin's configuration.
  template <class T>
  [[nodiscard]] std::optional<T> configuration(std::string_view key) const {
    stepd_str text{};
    const auto status = detail::ask(*call_, &stepd_host_calls::config, borrowed(key), &text);
    if (!detail::granted(status, "a configuration value")) return std::nullopt;
    if constexpr (std::is_same_v<T, std::string>) return std::string(text_of(text));
    return configured<T>(text);
  }

  /// Not finished, and nothing is wrong: call the step again, from its beginning, when the time has
  /// come; the wait survives restarts and holds no thread. Neither returns; what the step is to
  /// know then, it saves first.
  template <class Span>
  [[noreturn]] void suspend_until(std::chrono::sys_time<Span> time) {
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(time);
    detail::granted(detail::ask(*call_, &stepd_host_calls::suspend_until,
                                std::int64_t{whole.time_since_epoch().count()}),
                    "a suspension");
    throw detail::Suspended{};
  }
  template <class Number, class Period>
  [[noreturn]] void suspend_for(std::chrono::duration<Number, Period> span) {
    detail::granted(detail::ask(*call_, &stepd_host_calls::suspend_for, whole_milliseconds(span)),
                    "a suspension");
    throw detail::Suspended{};
  }

  /// The event with this key that goes to this wait, or nothing when the time is up before one
  /// comes. Until then the step is suspended: this does not return, and the step is called again
  /// from its beginning, where the same waits in the same order answer at once. An event that came
  /// before anybody waited for it is kept for its retention (7 days by default) and found.
  template <class T = boost::json::value, class Number, class Period>
  [[nodiscard]] std::optional<Event<T>> wait_for(std::string_view key,
                                                 std::chrono::duration<Number, Period> timeout) {
    return wait<T>(key, whole_milliseconds(timeout));
  }
  /// The same, for as long as it takes.
  template <class T = boost::json::value>
  [[nodiscard]] Event<T> wait_for(std::string_view key) {
    if (auto event = wait<T>(key, without_timeout)) return *std::move(event);
    throw Failed{
        "wait_order_changed",
        "this wait for " + std::string(key) +
            " ended because its time was up, and it has none: waits for one key keep their "
            "order from one call, and one build, to the next"};
  }
  /// Returns once the time is over, in a later call; the wait holds no thread and survives restarts
  /// (`sleep` holds the thread). Sleeps of one name are told apart by their order.
  template <class Number, class Period>
  void sleep_durably(std::string_view name, std::chrono::duration<Number, Period> span) {
    stepd_str unused{};
    if (ended(name, &unused) != STEPD_NONE) return;
    detail::granted(detail::ask(*call_, &stepd_host_calls::suspend_named, borrowed(name),
                                whole_milliseconds(span)),
                    "a durable sleep");
    throw detail::Suspended{};
  }
  /// Sends an event to whoever waits for the key; on disk once this returns. The id makes it one
  /// event however often the step is called; without one it is the step's and the key's.
  template <class T>
  void send_event(std::string_view key, const T& data, std::string_view id = {}) {
    const auto text = detail::json_text_of(data);
    const std::string own = std::string(idempotency_key()) + "/" + std::string(key);
    const auto status = detail::ask(*call_, &stepd_host_calls::send_event,
                                    borrowed(id.empty() ? own : id), borrowed(key), borrowed(text));
    // Of the step's own the first one counts, whatever it would say now.
    if (detail::granted(status, "an event") || id.empty()) return;
    throw Failed{"event_id_taken", "the id of the event for " + std::string(key) +
                                       " names an event of other content: give each its own id"};
  }

  /// Starts a job, as a job file describes one but without a `key`: `key` is this step's own name
  /// for it, and the second job of a name is the first. It starts together with a success or a
  /// suspension of this call; a call that ends otherwise has started none. Throws Failed when the
  /// host would not accept the job.
  void spawn(std::string_view key, const boost::json::value& job) {
    const auto text = boost::json::serialize(job);
    stepd_str refusal{};
    const auto status =
        detail::ask(*call_, &stepd_host_calls::spawn, borrowed(key), borrowed(text), &refusal);
    if (status == STEPD_INVALID && refusal.len != 0) {
      throw Failed{"job_refused", "the job " + std::string(key) +
                                      " is not accepted: " + std::string(text_of(refusal))};
    }
    detail::granted(status, "a job of its own");
  }
  /// Suspends until every job that the step has started has settled; returns in a later call, or at
  /// once when all have. The job does not settle before they have either.
  void wait_for_children() {
    const auto open = detail::host_function(*call_->host, &stepd_host_calls::children_open);
    if (open == nullptr) detail::throw_host_refusal(STEPD_UNSUPPORTED, "jobs of its own");
    if (open(call_) == 0) return;
    detail::granted(detail::ask(*call_, &stepd_host_calls::suspend_for_children),
                    "a wait for its jobs");
    throw detail::Suspended{};
  }
  /// Suspends until more of them than the `seen` highest number have settled.
  [[noreturn]] void suspend_for_another_child(std::uint32_t seen) {
    detail::granted(detail::ask(*call_, &stepd_host_calls::suspend_for_another_child, seen),
                    "a wait for one of its jobs");
    throw detail::Suspended{};
  }
  /// One of them; nothing when there is none of the name, or not on disk yet.
  template <class T = boost::json::value>
  [[nodiscard]] std::optional<Child<T>> child(std::string_view key) const {
    stepd_str text{};
    const auto status = detail::ask(*call_, &stepd_host_calls::child_result, borrowed(key), &text);
    if (!detail::granted(status, "one of its jobs")) return std::nullopt;
    return detail::child_in<T>(read<boost::json::value>(text, detail::rules_of_own_record));
  }
  /// Up to 100 of those that have settled, in that order, from the one after number `after` on.
  template <class T = boost::json::value>
  [[nodiscard]] std::vector<Child<T>> settled_children(std::uint32_t after) const {
    stepd_str text{};
    detail::granted(detail::ask(*call_, &stepd_host_calls::settled_children, after, &text),
                    "its jobs");
    const auto list = read<boost::json::value>(text, detail::rules_of_own_record);
    std::vector<Child<T>> children;
    for (const auto& child : list.as_array()) children.push_back(detail::child_in<T>(child));
    return children;
  }
  /// In compensate: undoes the job of this name that execute has started, in a job of its own,
  /// which starts together with a success or a suspension of this call. wait_for_children waits for
  /// it, and the step's job does not settle before it. False: the job did not succeed, or nothing
  /// that it did can be undone. Throws Failed when it cannot be undone.
  bool undo_child(std::string_view key) {
    const UndoRequest asked = ask_to_undo(key);
    if (!asked.refused) return detail::granted(asked.status, "an undo of one of its jobs");
    throw Failed{"undo_refused",
                 "the job " + std::string(key) + " is not undone: " + *asked.refused};
  }
  /// The same for each of them that succeeded; of more than one call starts (1000), the rest in the
  /// calls after the next waits. When some cannot be undone it goes on with the others, waits for
  /// those, and throws Failed as require_children_undone does.
  void undo_children() {
    bool is_one_refused = false;
    each_succeeded_child([&](const Child<boost::json::value>& child) {
      const UndoRequest asked = ask_to_undo(child.key);
      if (asked.status == STEPD_TOO_BIG) return false;
      is_one_refused = is_one_refused || asked.refused;
      if (!asked.refused) detail::granted(asked.status, "an undo of one of its jobs");
      return true;
    });
    if (!is_one_refused) return;
    // An undo starts with a suspension, never with a failure.
    wait_for_children();
    require_children_undone();
  }
  /// How the undo of one of them stands, whoever asked for it; nothing when nobody has, or it is
  /// not on disk yet.
  [[nodiscard]] std::optional<Child<boost::json::value>> child_undo(std::string_view key) const {
    stepd_str text{};
    const auto status = detail::ask(*call_, &stepd_host_calls::child_undo, borrowed(key), &text);
    if (!detail::granted(status, "the undo of one of its jobs")) return std::nullopt;
    return detail::child_in<boost::json::value>(
        read<boost::json::value>(text, detail::rules_of_own_record));
  }
  /// For a compensation that is nothing without them: throws Failed, naming each, when the undo of
  /// some has left something or was not made, and Retry while one goes on that was not asked for
  /// here.
  void require_children_undone() {
    detail::UndoShortfall shortfall;
    each_succeeded_child([this, &shortfall](const Child<boost::json::value>& child) {
      if (const auto undo = child_undo(child.key)) {
        shortfall.add(child, *undo);
        return true;
      }
      const UndoRequest asked = ask_to_undo(child.key);
      if (asked.refused) {
        shortfall.add(child, *asked.refused);
      } else if (asked.status == STEPD_TOO_BIG ||
                 detail::granted(asked.status, "an undo of one of its jobs")) {
        shortfall.add_not_made(child);
      }
      return true;
    });
    shortfall.throw_if_any(job_id(), step_id());
  }
  /// As save_checkpoint, but together with a success or a suspension of this call, or not at all:
  /// with what it spawns it is one.
  template <class T>
  void checkpoint_with_answer(const T& value) {
    const auto text = detail::json_text_of(value);
    detail::granted(detail::ask(*call_, &stepd_host_calls::checkpoint_with_answer, borrowed(text)),
                    "the checkpoint");
  }

  /// The host's clock: what suspend_until is measured by.
  [[nodiscard]] std::chrono::sys_time<std::chrono::milliseconds> now() const {
    const auto function = detail::host_function(*call_->host, &stepd_host_calls::now_unix_ms);
    if (function == nullptr) detail::throw_host_refusal(STEPD_UNSUPPORTED, "clock");
    return std::chrono::sys_time<std::chrono::milliseconds>(
        std::chrono::milliseconds(function(call_)));
  }
  /// Until this call's time-out or the job's deadline, whichever is first; nothing: neither.
  [[nodiscard]] std::optional<std::chrono::milliseconds> time_left() const {
    const auto left = call_->host->time_left_ms(call_);
    if (left == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return std::chrono::milliseconds(left);
  }
  /// Waits in this thread; throws Cancelled as soon as the call is asked to stop.
  template <class Number, class Period>
  void sleep(std::chrono::duration<Number, Period> span) {
    detail::granted(detail::ask(*call_, &stepd_host_calls::sleep_ms, whole_milliseconds(span)),
                    "a sleep");
  }

  /// What a std::stop_token would be asked. There is none: the host is asked, and calls nobody.
  [[nodiscard]] bool stop_requested() const { return call_->host->stop_requested(call_) != 0; }
  void throw_if_stop_requested() const {
    if (stop_requested()) throw Cancelled{};
  }
  /// Becomes readable when the call is asked to stop, for use in poll(); -1: the host has none.
  [[nodiscard]] int stop_fd() const { return call_->host->stop_fd(call_); }

  /// Still alive: defers the heartbeat time-out.
  void heartbeat() {
    detail::granted(detail::ask(*call_, &stepd_host_calls::heartbeat), "a heartbeat");
  }
  /// How much is done, from 0 to 1; a sign of life too.
  void progress(double fraction, std::string_view note = {}) {
    const auto permille = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) * 1000.0 : 0.0;
    detail::granted(detail::ask(*call_, &stepd_host_calls::progress,
                                static_cast<std::uint32_t>(std::lround(permille)), borrowed(note)),
                    "progress");
  }

  /// The event first, then fields: `context.info("transfer sent", {{"cents", 2500}})`.
  void debug(std::string_view message, const boost::json::object& fields = {}) {
    log(STEPD_LOG_DEBUG, message, fields);
  }
  void info(std::string_view message, const boost::json::object& fields = {}) {
    log(STEPD_LOG_INFO, message, fields);
  }
  void warning(std::string_view message, const boost::json::object& fields = {}) {
    log(STEPD_LOG_WARNING, message, fields);
  }
  void error(std::string_view message, const boost::json::object& fields = {}) {
    log(STEPD_LOG_ERROR, message, fields);
  }

  /// The C interface below, for what this class does not offer.
  [[nodiscard]] stepd_context& abi() const noexcept { return *call_; }

 private:
  static constexpr std::int64_t without_timeout = -1;

  /// How the next wait for the key ended.
  [[nodiscard]] stepd_status ended(std::string_view key, stepd_str* event) {
    const std::uint32_t index = waits_[std::string(key)]++;
    const auto status =
        detail::ask(*call_, &stepd_host_calls::wait_result, borrowed(key), index, event);
    detail::granted(status, "how a wait ended");
    return status;
  }

  template <class T>
  [[nodiscard]] std::optional<Event<T>> wait(std::string_view key, std::int64_t timeout_ms) {
    stepd_str text{};
    const auto status = ended(key, &text);
    if (status == STEPD_TIMED_OUT) return std::nullopt;
    if (status == STEPD_OK) return event_in<T>(text);
    detail::granted(
        detail::ask(*call_, &stepd_host_calls::suspend_for_event, borrowed(key), timeout_ms),
        "a wait for an event");
    throw detail::Suspended{};
  }

  struct UndoRequest {
    stepd_status status = STEPD_OK;
    std::optional<std::string> refused{};  // why the job cannot be undone
  };
  [[nodiscard]] UndoRequest ask_to_undo(std::string_view key) {
    stepd_str refusal{};
    const auto status = detail::ask(*call_, &stepd_host_calls::undo_child, borrowed(key), &refusal);
    if (status != STEPD_INVALID || refusal.len == 0) return {status};
    return {status, std::string(text_of(refusal))};
  }

  /// Of those that execute has started, until the visit answers false.
  template <class Visit>
  void each_succeeded_child(Visit visit) {
    std::uint32_t told = 0;
    while (true) {
      const auto children = settled_children<boost::json::value>(told);
      if (children.empty()) return;
      for (const auto& child : children) {
        if (child.succeeded() && !visit(child)) return;
        told = child.number;
      }
    }
  }

  template <class T>
  [[nodiscard]] static Event<T> event_in(stepd_str text) {
    const auto whole = read<boost::json::value>(text, detail::rules_of_own_record);
    const boost::json::object& members = whole.as_object();
    Event<T> event;
    event.id = std::string(std::string_view(members.at("id").as_string()));
    event.at += std::chrono::milliseconds(members.at("at_unix_ms").to_number<std::int64_t>());
    detail::JsonReader(detail::rules_of_earlier_output).read(members.at("data"), event.data, {});
    return event;
  }

  template <class T>
  [[nodiscard]] static T read(stepd_str text, const detail::ReadRules& rules) {
    return detail::JsonReader(rules).from_text<T>(text_of(text));
  }

  template <class T>
  [[nodiscard]] static T configured(stepd_str text) {
    // Strings come bare, so text that is no JSON of the wanted type may be one.
    if constexpr (detail::DescribedEnum<T> || detail::is_duration<T>) {
      T value{};
      const boost::json::value bare(text_of(text));
      detail::JsonReader(detail::rules_of_configuration).read(bare, value, {});
      return value;
    } else {
      return read<T>(text, detail::rules_of_configuration);
    }
  }

  template <class Number, class Period>
  [[nodiscard]] static std::int64_t whole_milliseconds(std::chrono::duration<Number, Period> span) {
    return std::chrono::ceil<std::chrono::milliseconds>(span).count();
  }

  void log(std::int32_t level, std::string_view message, const boost::json::object& fields) {
    const auto text = fields.empty() ? std::string() : boost::json::serialize(fields);
    call_->host->log(call_, level, borrowed(message), borrowed(text));
  }

  stepd_context* call_;
  const stepd_call* facts_;
  std::map<std::string, std::uint32_t, std::less<>> waits_;  // of this call so far, by key
};

}  // namespace stepd
