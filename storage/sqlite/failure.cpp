#include "storage/sqlite/failure.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <system_error>

namespace stepd::storage::sqlite {
namespace {

using Kind = StoreError::Kind;

bool is_no_room(int system_error) {
  return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
}

Kind kind_of(const Failure& failure) {
  // After a failed sync nobody knows what is on disk, whatever the reason was.
  if (failure.code == SQLITE_IOERR_FSYNC || failure.code == SQLITE_IOERR_DIR_FSYNC) {
    return Kind::broken;
  }
  switch (failure.code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:  // held from outside: as with room, the same works once that is over
    case SQLITE_LOCKED:
      return Kind::full;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return is_no_room(failure.system_error) ? Kind::full : Kind::broken;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return Kind::damaged;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
      return Kind::refused;
    default:
      return Kind::broken;
  }
}

const char* remedy(const Failure& failure, Kind kind) {
  switch (failure.code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds the file: end it (see: fuser -v FILE)";
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return "the file is damaged: stop stepd, keep a copy of it, and put back a backup or what "
             "`sqlite3 FILE .recover` saves";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      if (kind == Kind::broken) return "stepd must be able to write the file and its folder";
      break;
    default:
      break;
  }
  switch (kind) {
    case Kind::full:
      return "make room there, or raise the limit on file size; stepd then goes on by itself";
    case Kind::refused:
      return "nothing of it was kept";
    case Kind::fenced:
    case Kind::broken:
    case Kind::damaged:
      break;
  }
  return "the disk or its file system has failed: look there, then start stepd again";
}

}  // namespace

StoreError judge(const Failure& failure, const std::filesystem::path& file) {
  const Kind kind = kind_of(failure);
  std::string message = file.string() + ": " + failure.message;
  const int primary = failure.code & 0xff;
  if (failure.system_error != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
    message += " (" + std::generic_category().message(failure.system_error) + ")";
  }
  return {kind, message + "; " + remedy(failure, kind)};
}

}  // namespace stepd::storage::sqlite
