#pragma once

#include <optional>
#include <set>
#include <vector>

#include "storage/sqlite/database.hpp"
#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// Finds the jobs of a list, by the way that reads least for its filter. Where no index fits (a
/// name, a tenant, words that many jobs have) it goes through the jobs from the newest on.
class JobLines {
 public:
  explicit JobLines(Database& database);

  [[nodiscard]] std::vector<JobLine> page(const JobFilter& filter, std::optional<JobId> before,
                                          std::size_t limit);
  [[nodiscard]] std::vector<Count> counts();
  [[nodiscard]] std::uint64_t unsettled_with_attention();
  [[nodiscard]] std::optional<JobId> oldest_unsettled();

 private:
  [[nodiscard]] bool are_few(const std::set<engine::JobWord>& words);

  Statement newest_;
  Statement by_key_;
  Statement by_attention_;
  Statement by_word_;
  Statement open_;
  Statement counts_;
  Statement attention_;
  Statement oldest_;
};

}  // namespace stepd::storage::sqlite
