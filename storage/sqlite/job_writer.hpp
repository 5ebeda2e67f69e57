#pragma once

#include <array>
#include <optional>

#include "storage/sqlite/child_rows.hpp"
#include "storage/sqlite/claimed_jobs.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/event_exchange.hpp"
#include "storage/sqlite/job_columns.hpp"
#include "storage/sqlite/journal_writer.hpp"
#include "storage/sqlite/needed_types.hpp"
#include "storage/sqlite/open_priorities.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// Writes jobs within a transaction of the caller's, who ends it with `keep` or `undo`.
class JobWriter {
 public:
  explicit JobWriter(Database& database);

  [[nodiscard]] SubmitResult insert(const NewJob& job);
  [[nodiscard]] ChangeResult apply(const Change& change);
  [[nodiscard]] EventResult insert(const SentEvent& event) { return events_.insert(event); }
  /// What the changes so far have set going beside themselves.
  void tell(BatchResult& result);
  void shorten_waits(TimePoint now, engine::Duration by);
  std::size_t offer(const std::string& type, TimePoint now, std::size_t limit) {
    return types_.offer(type, now, limit);
  }
  std::size_t expire(const Expiry& expiry, std::size_t limit);

  /// The last thing written before the commit.
  void write_rest();
  void keep();
  void undo();

  [[nodiscard]] ClaimedJobs& claimed() { return claimed_; }
  [[nodiscard]] JournalWriter& journal() { return journal_; }

 private:
  [[nodiscard]] std::optional<Duplicate> holder(const std::string& tenant,
                                                const engine::SubmitKey& key);
  [[nodiscard]] std::optional<Standing> standing(JobId id);
  [[nodiscard]] bool is_overtaken(const Change& change);
  void write_waits(const Change& change);
  void write_children(const Change& change, const Standing& after);
  [[nodiscard]] std::optional<Underivable> objection(const engine::Derivation& derivation);
  [[nodiscard]] std::optional<Underivable> undone(JobId origin);
  void insert_derivation(JobId made, const engine::Derivation& from);
  [[nodiscard]] bool is_there(JobId id);
  [[nodiscard]] std::optional<JobId> referring(JobId job);
  void write_record(const Change& change, const Standing& before);
  void write_head(JobId id, const engine::JobHead& head, bool stood_out);
  void write_settled_head(JobId id, const engine::JobHead& head, const std::string& last_rows);
  void write_blob(JobId id, const engine::StepBlob& blob);
  void remove(JobId id, engine::JobWord shown, TimePoint at);
  std::size_t expire_jobs(Statement& query, TimePoint before, std::size_t limit,
                          std::uint64_t rows_max);
  void count(engine::JobWord word, int jobs) {
    counts_[static_cast<std::size_t>(code_of(word))] += jobs;
  }

  Database& database_;
  ClaimedJobs claimed_;
  JournalWriter journal_;
  EventExchange events_;
  ChildRows children_;
  std::vector<ChildNews> child_news_;
  std::vector<ChildrenCancelled> cancelled_;
  std::array<std::int64_t, word_count> counts_{};  // since the transaction began

  Statement key_holder_;
  Statement insert_key_;
  Statement insert_job_;
  Statement standing_;
  Statement update_head_;
  Statement update_plain_head_;
  Statement settle_plain_head_;
  Statement replace_checkpoint_;
  Statement insert_memo_;
  Statement delete_job_;
  Statement delete_blobs_;
  Statement settle_key_;
  Statement raise_highest_removed_;
  Statement shorten_waits_;
  OpenPriorities priorities_;
  NeededTypes types_;
  Statement expired_succeeded_;
  Statement expired_unsuccessful_;
  Statement expire_keys_;
  Statement add_count_;
  Statement derived_by_request_;
  Statement undo_of_;
  Statement job_there_;
  Statement insert_derived_;
  Statement copy_compensation_blobs_;
  Statement referring_;
  Statement insert_kept_from_;
  Statement relying_on_;
  Statement delete_kept_from_;
  Statement delete_derived_;
};

}  // namespace stepd::storage::sqlite
