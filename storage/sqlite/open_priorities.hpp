#pragma once

#include <cstdint>
#include <vector>

#include "storage/sqlite/database.hpp"

namespace stepd::storage::sqlite {

/// The priorities that unsettled jobs have, the highest first: a few, each found with one look into
/// the index, however many jobs there are.
class OpenPriorities {
 public:
  explicit OpenPriorities(Database& database) : next_(database, select_next) {}

  [[nodiscard]] std::vector<std::int64_t> all() {
    std::vector<std::int64_t> priorities;
    for (std::int64_t last = above_all;;) {
      Rows found = next_.query(last);
      if (!found.next()) return priorities;
      last = found.integer(0);
      priorities.push_back(last);
    }
  }

 private:
  static constexpr std::int64_t above_all = 1000;
  static constexpr std::string_view select_next = R"sql(
SELECT priority FROM job INDEXED BY job_open
WHERE settled_at IS NULL AND priority < ? ORDER BY priority DESC LIMIT 1)sql";

  Statement next_;
};

}  // namespace stepd::storage::sqlite
