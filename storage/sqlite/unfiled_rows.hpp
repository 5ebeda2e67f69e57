#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "storage/sqlite/database.hpp"
#include "storage/sqlite/packed_rows.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

inline constexpr std::string_view select_unfiled = "SELECT rows FROM unfiled ORDER BY number";

/// Where the end of a journal may be found beside its own place. On its connection SQL may ask
/// `has_unfiled_rows(job)`.
class JournalEnds {
 public:
  explicit JournalEnds(Database& database);
  virtual ~JournalEnds() = default;
  JournalEnds(const JournalEnds&) = delete;
  JournalEnds& operator=(const JournalEnds&) = delete;
  /// Appends the rows of the unsettled job that come after this one.
  virtual void append(JobId job, std::uint64_t after, std::vector<engine::StoredRow>& rows) = 0;
  /// Rows of it may be in the table `journal`: false spares a look.
  [[nodiscard]] virtual bool may_be_filed(JobId) const { return true; }

 private:
  [[nodiscard]] virtual bool has(JobId job) = 0;
};

/// Journal rows that are not in their own place yet: those that a commit adds lie together in one
/// row of `unfiled`, which is a fifth of the work, until each has been filed. Who writes knows them
/// without looking. It follows the transaction: `keep` once that is committed, else `undo`.
class UnfiledRows final : public JournalEnds {
 public:
  explicit UnfiledRows(Database& database);

  void add(const PackedRow& row);
  /// All there are of the job, packed: the caller files them.
  [[nodiscard]] std::string take(JobId job);
  /// Jobs whose rows have lain here for long, or are too much; no more than one commit can bear.
  [[nodiscard]] std::vector<JobId> overdue() const;
  [[nodiscard]] std::vector<JobId> all() const;
  [[nodiscard]] std::size_t bytes_of(JobId job) const;
  void append(JobId job, std::uint64_t after, std::vector<engine::StoredRow>& rows) override;
  void note_filed(JobId job) { highest_filed_ = std::max(highest_filed_, job); }
  [[nodiscard]] bool may_be_filed(JobId job) const override { return job <= highest_filed_; }

  /// The last thing before the commit.
  void write();
  void keep();
  void undo();

 private:
  struct OfJob {
    std::string packed;
    std::vector<std::uint64_t> commits;  // that added them, row by row
  };
  struct Commit {
    std::vector<JobId> jobs;
    std::size_t bytes = 0;
    std::size_t unfiled = 0;
  };
  /// One row added, or all of the job's taken.
  struct Done {
    JobId job;
    std::size_t bytes_before = 0;
    OfJob taken{};
  };
  [[nodiscard]] Commit& commit(std::uint64_t number) {
    return commits_[static_cast<std::size_t>(number - first_)];
  }
  [[nodiscard]] bool has(JobId job) override { return jobs_.contains(job.value); }
  [[nodiscard]] std::uint64_t first_needed() const;
  void put_back(Done& done);

  std::unordered_map<std::int64_t, OfJob> jobs_;
  std::deque<Commit> commits_;  // by number
  std::uint64_t first_;         // the number of the first of them
  std::size_t bytes_ = 0;       // in all of them
  std::string adding_;          // by the transaction under way, whose commit is the last then
  std::vector<Done> done_;      // in the transaction under way
  JobId highest_filed_{};       // not lowered when a transaction fails

  Statement insert_;
  Statement delete_;
};

/// The same, for those who only read.
class UnfiledLines final : public JournalEnds {
 public:
  explicit UnfiledLines(Database& database);
  void append(JobId job, std::uint64_t after, std::vector<engine::StoredRow>& rows) override;

  /// Another moment is looked at from here on.
  void forget() { jobs_.reset(); }

 private:
  [[nodiscard]] bool has(JobId job) override;

  std::optional<std::unordered_set<std::int64_t>> jobs_;  // once asked for
  Statement all_;
};

}  // namespace stepd::storage::sqlite
