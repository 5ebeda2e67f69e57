#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.hpp"

namespace stepd::storage::sqlite {

struct PackedRow {
  JobId job;
  std::uint64_t number = 0;
  TimePoint at{};
  std::string_view entries;
};

/// Journal rows packed into one value: of each its job, number, time and the length of its entries,
/// eight bytes each and the lowest first, then the entries.
void pack(const PackedRow& row, std::string& into);

/// Takes them out one by one, in the order in which they were packed; of as long a life as the
/// value.
class PackedRows {
 public:
  explicit PackedRows(std::string_view value) : rest_(value) {}
  /// Throws StoreError where the value ends in the middle of a row.
  [[nodiscard]] std::optional<PackedRow> next();

 private:
  std::string_view rest_;
};

/// The number of the last row; 0: there is none.
[[nodiscard]] std::uint64_t last_in(std::string_view value);

/// Appends those of the job that come after this one.
void unpack(std::string_view value, JobId job, std::uint64_t after,
            std::vector<engine::StoredRow>& rows);

}  // namespace stepd::storage::sqlite
