#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/engine/job_machine.hpp"
#include "host/engine/job_timers.hpp"
#include "host/engine/origin.hpp"
#include "host/engine/row_trim.hpp"

namespace stepd::engine {

/// What a turn adds to one job, before it becomes a record.
struct Draft {
  Entries entries;
  std::vector<StepBlob> blobs;
  std::vector<EffectAction> effects;  // on the record
  std::vector<EventWait> waits;       // for events; these and the next three as in Change
  std::vector<StepIndex> ended_waits;
  std::vector<EventNumber> recorded_events;
  std::vector<EventNumber> returned_events;
  std::vector<NewJob> children;
  std::vector<StepIndex> cancelled_children;
  std::set<StepIndex> gates;  // of these steps it has changed what is wanted to be heard
  bool remove = false;

  /// There is nothing of the job's own to record.
  [[nodiscard]] bool empty() const {
    return entries.empty() && blobs.empty() && recorded_events.empty() && returned_events.empty();
  }
};

/// A job that is to be recorded: submitted, or made from another one.
struct Acceptance {
  Submission submission{};
  std::optional<Derivation> derivation{};
  Entries first_row{Submitted{}};
};

/// A job in memory, and what this turn has done to it so far.
class ActiveJob {
 public:
  explicit ActiveJob(JobState state) : state_(std::move(state)) {}

  [[nodiscard]] const JobState& state() const { return state_; }
  [[nodiscard]] Draft& draft() { return draft_; }
  [[nodiscard]] const Draft& draft() const { return draft_; }
  [[nodiscard]] RowTrim& trim() { return trim_; }

  /// Records entries: memory runs ahead of the disk from here on.
  void write(Entries entries, TimePoint now) {
    if (entries.empty()) return;
    if (draft_.entries.empty()) {
      draft_.entries.reserve(entries_usual);
      begin_row(state_, state_.rows + 1, std::max(now, state_.last_at));
    }
    for (Entry& entry : entries) {
      const auto* moved = std::get_if<StepMoved>(&entry);
      const bool waited = moved && waits_for_event(moved->step);
      if (moved && waits_for_children(moved->step)) draft_.gates.insert(moved->step);
      engine::apply(state_, entry);
      if (waited) end_wait(moved->step);
      if (moved && waits_for_event(moved->step)) begin_wait(moved->step);
      note_children(entry);
      draft_.entries.push_back(std::move(entry));
    }
  }

  /// What is wanted to be heard of children from now on. Whenever the head is written all of it is
  /// said again, for its due time takes the place of one that news of them may have brought.
  [[nodiscard]] std::vector<ChildGate> gates(bool with_head) const {
    if (draft_.gates.empty() && !with_head) return {};
    std::set<StepIndex> steps = draft_.gates;
    if (with_head) {
      for (const StepIndex step : state_.progress.active) {
        if (waits_for_children(step)) steps.insert(step);  // though it may have none
      }
    }
    const bool says_all_again = with_head && state_.progress.broods_open != 0;
    for (StepIndex step = 0; says_all_again && step < state_.steps.size(); ++step) {
      if (state_.steps[step].children.open) steps.insert(step);
    }
    std::vector<ChildGate> gates;
    for (const StepIndex step : steps) {
      ChildGate& gate = gates.emplace_back(ChildGate{step, {}});
      const auto* suspended = std::get_if<Suspended>(&state_.steps[step].condition);
      if (!suspended || !suspended->wait.children) continue;
      const ChildWait& wait = *suspended->wait.children;
      if (wait.until == ChildWait::Until::another_settled) gate.beyond = wait.seen;
    }
    return gates;
  }

  /// Ends the turn for this job.
  [[nodiscard]] Draft take_draft() {
    if (!draft_.entries.empty()) {
      // The trim wants a row; the entries come back out of it, so nothing is copied.
      JournalRow row{state_.rows, state_.last_at, std::move(draft_.entries)};
      trim_.note(state_, row);
      draft_.entries = std::move(row.entries);
    }
    return std::exchange(draft_, {});
  }

  /// A step is waiting for a slot already.
  [[nodiscard]] bool is_queued(StepIndex step) const { return queued_.contains(step); }
  void queue(StepIndex step) { queued_.insert(step); }
  void unqueue(StepIndex step) { queued_.erase(step); }
  void unqueue_all() { queued_ = {}; }
  [[nodiscard]] bool has_queued() const { return !queued_.empty(); }

  /// Brings the timers in line with the state; waits that stay keep their steady time.
  void reset_timers(Now now, bool clock_jumped) {
    std::vector<Timer> timers;
    const auto keep_or_set = [&](std::optional<StepIndex> step, const Due& due) {
      for (const Timer& timer : timers_) {
        if (timer.step != step || timer.due != due) continue;
        const bool stale = (clock_jumped || timer.look_at <= now.steady) && !timer.is_over(now);
        // A span that has begun does not begin anew.
        timers.push_back(stale ? Timer::set(step, due, now, timer.look_at) : timer);
        return;
      }
      timers.push_back(Timer::set(step, due, now));
    };
    for (const StepIndex step : state_.progress.active) {
      const StepCondition& condition = state_.steps[step].condition;
      if (const auto* retrying = std::get_if<Retrying>(&condition)) {
        keep_or_set(step, retrying->due);
      } else if (const auto* suspended = std::get_if<Suspended>(&condition)) {
        if (suspended->wait.due) keep_or_set(step, *suspended->wait.due);
      }
    }
    const auto& deadline = state_.definition->deadline;
    if (deadline && !state_.backward && !state_.deadline_passed && !state_.settled) {
      keep_or_set(std::nullopt, {state_.accepted_at + *deadline, *deadline});
    }
    timers_ = std::move(timers);
    if (const auto aside = std::exchange(set_aside_, std::nullopt)) end_span(*aside, now);
  }

  /// The record says since when it waits: the span goes on from there.
  void was_set_aside(const JobHead& head) {
    if (head.due && head.wait > Duration::zero()) set_aside_ = Due{*head.due, head.wait};
  }

  /// The length of the wait that ends first; zero: it is none, or it ends by the wall clock alone.
  [[nodiscard]] Duration span() const {
    const auto first = std::ranges::min_element(timers_, {}, &Timer::at);
    return first == timers_.end() ? Duration::zero() : first->due.span;
  }

  [[nodiscard]] TimePassed over(Now now) const {
    TimePassed passed;
    for (const Timer& timer : timers_) {
      if (!timer.is_over(now)) continue;
      if (timer.step) {
        passed.steps.push_back(*timer.step);
      } else {
        passed.deadline = true;
      }
    }
    return passed;
  }

  [[nodiscard]] std::optional<SteadyPoint> look_at() const {
    std::optional<SteadyPoint> earliest;
    for (const Timer& timer : timers_) {
      if (!earliest || timer.look_at < *earliest) earliest = timer.look_at;
    }
    return earliest;
  }
  [[nodiscard]] std::optional<TimePoint> due() const {
    std::optional<TimePoint> earliest;
    for (const Timer& timer : timers_) {
      if (!earliest || timer.at < *earliest) earliest = timer.at;
    }
    return earliest;
  }

  // The engine's own notes on the job.
  std::optional<SteadyPoint> timer_set;  // as JobTimers has it
  BatchId first_batch = 0;               // the batch it was accepted in; 0: it was loaded
  std::uint32_t batches_open = 0;        // not yet on disk
  bool touched = false;                  // in this turn
  bool leaving = false;                  // leaves memory once its last batch is on disk
  bool says_more_later = false;          // its head waits until its batches are on disk
  JobHead head_on_record{};
  std::optional<Acceptance> acceptance{};  // of this turn
  // Asked before with the same request id; answered once that one's record is on disk.
  std::vector<VerbRequested> repeated{};

 private:
  void note_children(const Entry& entry) {
    if (const auto* spawned = std::get_if<ChildrenSpawned>(&entry)) {
      draft_.gates.insert(spawned->step);
    } else if (const auto* settled = std::get_if<ChildrenSettled>(&entry)) {
      draft_.gates.insert(settled->step);
    } else if (const auto* moved = std::get_if<StepMoved>(&entry)) {
      const auto* suspended = std::get_if<Suspended>(&moved->to);
      if (suspended && suspended->wait.children) draft_.gates.insert(moved->step);
    } else if (std::holds_alternative<TurnedBack>(entry) && state_.progress.broods_open != 0) {
      for (StepIndex step = 0; step < state_.steps.size(); ++step) {
        if (state_.steps[step].children.open) draft_.cancelled_children.push_back(step);
      }
    }
  }

  [[nodiscard]] bool waits_for_children(StepIndex step) const {
    const auto* suspended = std::get_if<Suspended>(&state_.steps[step].condition);
    return suspended && suspended->wait.children;
  }
  [[nodiscard]] bool waits_for_event(StepIndex step) const {
    const auto* suspended = std::get_if<Suspended>(&state_.steps[step].condition);
    return suspended && suspended->wait.takes_event;
  }
  void begin_wait(StepIndex step) {
    const StepState& state = state_.steps[step];
    draft_.waits.push_back({step, state.last_call, std::get<Suspended>(state.condition).wait.key});
  }
  /// What an event has ended is off the store's list already.
  void end_wait(StepIndex step) {
    if (!draft_.entries.empty()) {
      const auto* ended = std::get_if<WaitEnded>(&draft_.entries.back());
      if (ended && ended->step == step && ended->as.event) return;
    }
    const bool began_now = std::erase_if(draft_.waits, [step](const EventWait& wait) {
                             return wait.step == step;
                           }) != 0;
    if (!began_now) draft_.ended_waits.push_back(step);
  }

  /// Of the waits of that length, the one that ends first ends when the record says.
  void end_span(const Due& recorded, Now now) {
    Timer* first = nullptr;
    for (Timer& timer : timers_) {
      if (timer.due.span != recorded.span || timer.due.at < recorded.at) continue;
      if (!first || timer.due.at < first->due.at) first = &timer;
    }
    if (!first) return;
    const SteadyPoint end = now.steady + std::max(Duration::zero(), recorded.at - now.wall);
    *first = Timer::set(first->step, first->due, now, end);
  }

  // From the end of one call to the start of the next.
  static constexpr std::size_t entries_usual = 6;

  JobState state_;
  Draft draft_{};
  RowTrim trim_{};
  IndexSet queued_{};
  std::vector<Timer> timers_{};
  std::optional<Due> set_aside_{};  // as it was loaded, until the timers are set
};

}  // namespace stepd::engine
