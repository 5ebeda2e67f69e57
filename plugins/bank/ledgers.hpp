#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "plugins/bank/ledger.hpp"

namespace bank {

/// Letters, digits, `_` and `.`, at most 64 and no dot in front: a name is also a file's.
[[nodiscard]] bool is_bank_name(std::string_view name);

/// The ledgers of one folder, one file a bank, opened when first asked for and kept open. The names
/// must have been judged by is_bank_name. Any thread.
class Ledgers {
 public:
  explicit Ledgers(std::filesystem::path folder);

  /// Null when there is no such bank.
  [[nodiscard]] Ledger* find(const std::string& bank);
  [[nodiscard]] Ledger& make(const std::string& bank);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  [[nodiscard]] Ledger& opened(const std::string& bank);
  [[nodiscard]] std::filesystem::path file(const std::string& bank) const;

  const std::filesystem::path folder_;
  std::mutex mutex_;  // guards what is below
  std::map<std::string, std::unique_ptr<Ledger>> open_;
};

}  // namespace bank
