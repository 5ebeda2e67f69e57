#pragma once

#include <optional>
#include <vector>

#include "storage/sqlite/database.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// Brings events and the waits for them together, within a transaction of the caller's: the oldest
/// wait on a key gets the event, the oldest event kept for a key goes to the wait (W2).
class EventExchange {
 public:
  explicit EventExchange(Database& database);

  [[nodiscard]] EventResult insert(const SentEvent& event);

  /// No event has been given to it.
  [[nodiscard]] bool is_waiting(JobId job, engine::StepIndex step);
  void end_wait(JobId job, engine::StepIndex step);
  void begin_wait(JobId job, const engine::EventWait& wait, TimePoint now);

  /// It stands in the journal of the job it was given to.
  void record(engine::EventNumber number);
  /// Nobody took it after all: it is kept, or given to another wait.
  void give_back(engine::EventNumber number, TimePoint now);
  /// The job leaves the host's memory: it is due while there are events for it.
  void make_due_if_given(JobId job, TimePoint now);

  void forget(JobId job);
  std::size_t expire(TimePoint before, std::size_t limit);

  /// What has been given since the last call.
  [[nodiscard]] std::vector<EventGiven> take_given();
  void undo() { given_.clear(); }

 private:
  struct Waiting {
    JobId job;
    engine::StepIndex step = 0;
    std::uint64_t call = 0;
  };
  [[nodiscard]] std::optional<EventLine> find(const std::string& tenant, const std::string& id);
  [[nodiscard]] std::optional<Waiting> oldest_wait(std::string_view tenant, std::string_view key,
                                                   std::optional<std::int64_t> job);
  void give(const Waiting& to, engine::TakenEvent event, TimePoint now);

  Database& database_;
  std::vector<EventGiven> given_;

  Statement insert_;
  Statement find_;
  Statement addressee_;
  Statement oldest_wait_;
  Statement oldest_wait_of_job_;
  Statement oldest_event_;
  Statement give_;
  Statement wake_;
  Statement wake_if_given_;
  Statement find_wait_;
  Statement insert_wait_;
  Statement delete_wait_;
  Statement delete_waits_;
  Statement record_;
  Statement give_back_;
  Statement expire_;
};

/// Events that came for the job and do not stand in its journal yet.
class GivenEvents {
 public:
  explicit GivenEvents(Database& database);
  [[nodiscard]] std::vector<engine::GivenEvent> of(JobId job);

 private:
  Statement given_;
};

/// Lists of events.
class EventLines {
 public:
  explicit EventLines(Database& database);
  [[nodiscard]] std::vector<EventLine> page(const EventFilter& filter,
                                            std::optional<engine::EventNumber> before,
                                            std::size_t limit);

 private:
  Statement all_;
  Statement of_key_;
};

}  // namespace stepd::storage::sqlite
