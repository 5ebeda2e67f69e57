#include "plugins/bank/ledgers.hpp"

#include <algorithm>
#include <utility>

namespace bank {

bool is_bank_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), fits);
}

Ledgers::Ledgers(std::filesystem::path folder) : folder_{std::move(folder)} {}

Ledger* Ledgers::find(const std::string& bank) {
  const std::scoped_lock lock{mutex_};
  if (!open_.contains(bank) && !std::filesystem::exists(file(bank))) return nullptr;
  return &opened(bank);
}

Ledger& Ledgers::make(const std::string& bank) {
  const std::scoped_lock lock{mutex_};
  std::filesystem::create_directories(folder_);
  return opened(bank);
}

Ledger& Ledgers::opened(const std::string& bank) {
  auto& ledger = open_[bank];
  if (!ledger) ledger = std::make_unique<Ledger>(file(bank), bank);
  return *ledger;
}

std::filesystem::path Ledgers::file(const std::string& bank) const {
  return folder_ / (bank + ".sqlite");
}

}  // namespace bank
