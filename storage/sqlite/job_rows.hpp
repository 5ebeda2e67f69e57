#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/sqlite/child_rows.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/event_exchange.hpp"
#include "storage/sqlite/open_priorities.hpp"
#include "storage/sqlite/unfiled_rows.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// Reads whole jobs on one connection; the caller's transaction makes it one moment's view.
class JobRows {
 public:
  JobRows(Database& database, JournalEnds& ends);

  [[nodiscard]] std::optional<LoadedJob> load(JobId id);
  /// Unsettled jobs that are due, earliest turn first, but for those that `passes_over` names.
  [[nodiscard]] std::vector<LoadedJob> due(TimePoint now, std::size_t limit,
                                           const std::function<bool(JobId)>& passes_over);
  [[nodiscard]] std::vector<engine::StoredRow> journal(JobId id, std::uint64_t after,
                                                       std::size_t limit);

 private:
  struct Place {
    TimePoint turn;
    JobId id;
  };
  void append_due(std::int64_t priority, TimePoint now, std::size_t limit,
                  const std::function<bool(JobId)>& passes_over, std::vector<Place>& places);
  /// As it stands in its own row, and who started it.
  struct Found {
    LoadedJob job;
    std::string last_rows;
    std::optional<JobId> parent;
    engine::StepIndex parent_step = 0;
  };
  [[nodiscard]] static Found job_in(const Rows& found);
  [[nodiscard]] LoadedJob complete(Found found);
  void append_later(JobId id, std::uint64_t after, std::size_t limit,
                    std::vector<engine::StoredRow>& rows);
  void append_end(JobId id, bool settled, std::string_view last_rows, std::uint64_t after,
                  std::vector<engine::StoredRow>& rows);

  JournalEnds& ends_;

  Statement job_;
  Statement due_;
  OpenPriorities priorities_;
  Statement own_rows_;
  Statement later_rows_;
  Statement also_needed_;
  GivenEvents given_;
  ChildLines children_;
};

}  // namespace stepd::storage::sqlite
