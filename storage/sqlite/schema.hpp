#pragma once

#include <span>

#include "storage/sqlite/database.hpp"

/// How the file came to look as it does, step by step.
namespace stepd::storage::sqlite {

/// One step from the version before to `version`. Once released it never changes.
struct Migration {
  int version = 0;
  const char* sql = nullptr;
};

/// All of them, by version, without gaps from 1.
[[nodiscard]] std::span<const Migration> migrations();

/// Throws when the file is no SQLite database, another program's, or written by a newer stepd. It
/// only reads, so that a file of somebody else's stays as it is.
void require_ours(Database& database, std::span<const Migration> known);

/// Brings the file to the newest version in one transaction.
void migrate(Database& database, std::span<const Migration> known);

/// Switches to a write-ahead log; throws where the file system cannot have one.
void use_wal(Database& database);

}  // namespace stepd::storage::sqlite
