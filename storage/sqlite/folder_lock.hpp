#pragma once

#include <filesystem>

namespace stepd::storage::sqlite {

/// The exclusive right to a state folder, for as long as this object and its process live. A second
/// one throws a StoreError that names the holder's process id.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace stepd::storage::sqlite
