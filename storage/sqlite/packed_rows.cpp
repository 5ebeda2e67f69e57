#include "storage/sqlite/packed_rows.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

#include "storage/sqlite/job_columns.hpp"

namespace stepd::storage::sqlite {
namespace {

constexpr std::size_t number_bytes = 8;
constexpr std::size_t numbers = 4;

void append_number(std::string& into, std::uint64_t number) {
  std::array<char, number_bytes> bytes{};
  for (char& byte : bytes) {
    byte = static_cast<char>(number & 0xffU);
    number >>= 8U;
  }
  into.append(bytes.data(), bytes.size());
}

std::uint64_t number_at(std::string_view bytes, std::size_t place) {
  std::uint64_t number = 0;
  for (std::size_t byte = number_bytes; byte-- > 0;) {
    number = number << 8U | static_cast<unsigned char>(bytes[place * number_bytes + byte]);
  }
  return number;
}

[[noreturn]] void refuse_torn() {
  throw StoreError{
      StoreError::Kind::damaged,
      "journal rows packed in stepd.db end in the middle of one: stop stepd, keep a copy "
      "of the file, and put back a backup"};
}

}  // namespace

void pack(const PackedRow& row, std::string& into) {
  append_number(into, static_cast<std::uint64_t>(row.job.value));
  append_number(into, row.number);
  append_number(into, static_cast<std::uint64_t>(column(row.at)));
  append_number(into, row.entries.size());
  into += row.entries;
}

std::optional<PackedRow> PackedRows::next() {
  if (rest_.empty()) return std::nullopt;
  if (rest_.size() < numbers * number_bytes) refuse_torn();
  PackedRow row{.job = {static_cast<std::int64_t>(number_at(rest_, 0))},
                .number = number_at(rest_, 1),
                .at = time_of(static_cast<std::int64_t>(number_at(rest_, 2)))};
  const std::uint64_t size = number_at(rest_, 3);
  rest_.remove_prefix(numbers * number_bytes);
  if (rest_.size() < size) refuse_torn();
  row.entries = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return row;
}

std::uint64_t last_in(std::string_view value) {
  std::uint64_t last = 0;
  PackedRows packed{value};
  while (const auto row = packed.next()) last = row->number;
  return last;
}

void unpack(std::string_view value, JobId job, std::uint64_t after,
            std::vector<engine::StoredRow>& rows) {
  PackedRows packed{value};
  while (const auto row = packed.next()) {
    if (row->job != job || row->number <= after) continue;
    rows.push_back({row->number, row->at, std::string(row->entries)});
  }
}

}  // namespace stepd::storage::sqlite
