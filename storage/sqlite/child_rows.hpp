#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "storage/sqlite/database.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// Which jobs a step has started, how many of them have settled, and how; within a transaction of
/// the caller's (W3).
class ChildRows {
 public:
  explicit ChildRows(Database& database);

  /// False: the step has a child of this name already.
  [[nodiscard]] bool add(const engine::ParentLink& parent, JobId child);
  /// A child has settled. What there is to tell its parent, which is due then; likewise below.
  /// `as_of_row` is the caller's to fill in.
  [[nodiscard]] std::optional<engine::ChildCounts> settle(const engine::ParentLink& parent,
                                                          const engine::ChildOutcome& outcome,
                                                          TimePoint now);
  /// From here on this is what the parent wants to hear; what it is true of already it hears now.
  [[nodiscard]] std::optional<engine::ChildCounts> watch(JobId parent,
                                                         const engine::ChildGate& gate,
                                                         TimePoint now);
  /// The parent has turned back: its children are to do so too, and those that wait are due.
  void cancel(JobId parent, engine::StepIndex step, TimePoint now);
  /// True: the parent has turned back already, and the child, which did not know, is due.
  [[nodiscard]] bool heed(JobId child, const engine::ParentLink& parent, TimePoint now);
  /// The parent is removed. More children than an ordinary batch would change go by `sweep`.
  void forget(JobId parent);
  /// Removes up to so many children of parents that are gone; how many it has removed.
  std::size_t sweep(std::size_t limit);

 private:
  [[nodiscard]] std::optional<engine::ChildCounts> news(JobId parent, engine::StepIndex step,
                                                        TimePoint now);

  Database& database_;
  Statement add_child_;
  Statement count_spawned_;
  Statement settle_child_;
  Statement count_settled_;
  Statement set_gate_;
  Statement counts_;
  Statement wake_;
  Statement mark_cancelled_;
  Statement wake_children_;
  Statement wake_if_cancelled_;
  Statement note_large_;
  Statement delete_children_;
  Statement delete_counts_;
  Statement noted_;
  Statement delete_some_;
  Statement unnote_;
};

/// What is known of children on one connection.
class ChildLines {
 public:
  explicit ChildLines(Database& database);

  /// Of the job's steps that have children; `as_of_row` is not filled in.
  [[nodiscard]] std::vector<engine::ChildCounts> counts(JobId parent);
  /// The parent of this job has turned back.
  [[nodiscard]] bool is_cancelled(JobId parent, engine::StepIndex step);
  [[nodiscard]] std::optional<ChildLine> find(JobId parent, const ChildPlace& place);
  [[nodiscard]] std::vector<ChildLine> page(JobId parent, const std::optional<ChildPlace>& after,
                                            std::size_t limit);
  /// In the order in which they settled.
  [[nodiscard]] std::vector<ChildLine> settled(JobId parent, engine::StepIndex step,
                                               std::uint32_t after, std::size_t limit);

 private:
  Statement counts_;
  Statement cancelled_;
  Statement find_;
  Statement page_;
  Statement settled_;
};

}  // namespace stepd::storage::sqlite
