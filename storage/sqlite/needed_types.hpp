#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "storage/sqlite/database.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// The step types that jobs wait for (J8), within a transaction of the caller's. The first stands
/// in the job's own row, which the caller writes; the others here.
class NeededTypes {
 public:
  explicit NeededTypes(Database& database);

  /// In place of those that stand here for the job.
  void write(JobId job, const std::vector<std::string>& types);
  /// As Store::offer, of one type.
  std::size_t offer(const std::string& type, TimePoint now, std::size_t limit);

 private:
  Statement clear_;
  Statement insert_;
  Statement offer_;
};

}  // namespace stepd::storage::sqlite
