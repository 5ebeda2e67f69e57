#pragma once

#include <filesystem>
#include <string>

#include "storage/store.hpp"

namespace stepd::storage::sqlite {

/// What SQLite said of an operation that failed.
struct Failure {
  int code = 0;          // extended result code
  int system_error = 0;  // errno, where the system was asked
  std::string message;
};

/// What it means to the caller, in words that name the file and the remedy.
[[nodiscard]] StoreError judge(const Failure& failure, const std::filesystem::path& file);

}  // namespace stepd::storage::sqlite
