#include "storage/sqlite/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "storage/store.hpp"

namespace stepd::storage::sqlite {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw StoreError{StoreError::Kind::broken, message};
}

std::string reason(int error) { return std::generic_category().message(error); }

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return;
  std::filesystem::create_directories(folder, error);
  if (!error) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (!error) return;
  refuse("the state folder " + folder.string() + " cannot be made: " + error.message() +
         "; make it, or choose another (--state-dir)");
}

std::string holder(int file) {
  std::array<char, 32> text{};
  const ssize_t length = pread(file, text.data(), text.size() - 1, 0);
  if (length <= 0) return "another process";
  std::string pid{text.data(), static_cast<std::size_t>(length)};
  pid.erase(pid.find_last_not_of('\n') + 1);
  return "process " + pid;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
  make_folder(folder);
  const std::filesystem::path path = folder / "stepd.lock";
  // Closed on exec, or a child that outlives the daemon would keep the lock.
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) {
    refuse("the state folder " + folder.string() + " cannot be written: " + reason(errno) +
           "; make it writable for stepd, or choose another (--state-dir)");
  }
  if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    const std::string who = holder(file_);
    close(file_);
    if (error == EWOULDBLOCK) {
      refuse("the state folder " + folder.string() + " is in use by " + who +
             ": stop that stepd, or choose another folder (--state-dir)");
    }
    refuse(path.string() + " cannot be locked: " + reason(error) +
           "; choose a state folder on a local file system (--state-dir)");
  }
  // The number is for people; a full disk that cannot take it must not keep the daemon from
  // starting.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(file_, 0) == 0) (void)!pwrite(file_, pid.data(), pid.size(), 0);
}

FolderLock::~FolderLock() { close(file_); }

}  // namespace stepd::storage::sqlite
