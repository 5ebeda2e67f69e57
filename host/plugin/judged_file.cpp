#include "host/plugin/judged_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

namespace stepd::plugin {
namespace {

constexpr int links_max = 40;  // as the system has it

FileFault unreadable(int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return {FileFault::Kind::missing, "cannot be read: " + std::generic_category().message(error),
            "put it there, or remove the link that names it"};
  }
  return {FileFault::Kind::other, "cannot be read: " + std::generic_category().message(error),
          error == ELOOP ? "remove the links that lead in a circle"
                         : "let the user that stepd runs as read it"};
}

std::optional<std::string> others_own(const struct stat& status) {
  const uid_t self = ::geteuid();
  if (status.st_uid == 0 || status.st_uid == self) return std::nullopt;
  return "belongs to user " + std::to_string(status.st_uid) + ", who is neither root nor user " +
         std::to_string(self) + ", as whom stepd runs";
}

/// Who may write to it runs code as this process's user. The group of that user is taken for
/// itself: many systems give each user one of its own, and let it write.
std::optional<std::string> written_by_others(const struct stat& status) {
  if (auto fact = others_own(status)) return fact;
  if ((status.st_mode & S_IWOTH) != 0) return "may be written to by everybody";
  if ((status.st_mode & S_IWGRP) != 0 && status.st_gid != ::getegid() && status.st_gid != 0) {
    return "may be written to by group " + std::to_string(status.st_gid);
  }
  return std::nullopt;
}

FileFault exposed(std::string fact, std::string_view what) {
  return {FileFault::Kind::other, std::move(fact),
          "let nobody but root and stepd's user write to " + std::string(what) +
              ": chown it to that user or root, or chmod go-w"};
}

std::optional<FileFault> exposed_folder(const FileDescriptor& folder) {
  struct stat around {};
  if (::fstat(folder.number(), &around) != 0) return unreadable(errno);
  // In a sticky folder only its owner takes another one's file away.
  const auto fact =
      (around.st_mode & S_ISVTX) != 0 ? others_own(around) : written_by_others(around);
  if (!fact) return std::nullopt;
  return exposed("lies in a folder that " + *fact, "the folder");
}

std::optional<FileFault> wrong_kind(const struct stat& status) {
  if (S_ISDIR(status.st_mode)) {
    return FileFault{FileFault::Kind::folder, "is a folder, not a file", "rename it"};
  }
  if (!S_ISREG(status.st_mode)) {
    return FileFault{FileFault::Kind::other, "is not a regular file", "remove it"};
  }
  return std::nullopt;
}

/// Where a link leads to, as seen from the folder it lies in.
std::variant<std::filesystem::path, FileFault> target_of(const FileDescriptor& folder,
                                                         const std::filesystem::path& link) {
  std::array<char, PATH_MAX> text{};
  const ssize_t length =
      ::readlinkat(folder.number(), link.filename().c_str(), text.data(), text.size());
  if (length < 0) return unreadable(errno);
  // An absolute target takes the place of all before it.
  return link.parent_path() / std::string(text.data(), static_cast<std::size_t>(length));
}

bool is_unchanged(const struct stat& before, const struct stat& after) {
  const auto same = [](const timespec& left, const timespec& right) {
    return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
  };
  return before.st_size == after.st_size && same(before.st_mtim, after.st_mtim) &&
         same(before.st_ctim, after.st_ctim);
}

struct Step {
  const FileDescriptor& folder;
  const std::filesystem::path& path;  // its last part is looked up in the folder
};

std::variant<JudgedFile, FileFault> open_here(const Step& at, Writers writers,
                                              std::uint64_t bytes_max) {
  JudgedFile opened;
  opened.file = FileDescriptor(::openat(at.folder.number(), at.path.filename().c_str(),
                                        O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW));
  if (!opened.file.is_open() || ::fstat(opened.file.number(), &opened.status) != 0) {
    return unreadable(errno);
  }
  // It may be another one than a moment ago.
  if (auto fault = wrong_kind(opened.status)) return std::move(*fault);
  if (static_cast<std::uint64_t>(opened.status.st_size) > bytes_max) {
    return FileFault{FileFault::Kind::other,
                     "has " + std::to_string(opened.status.st_size) + " bytes and may have " +
                         std::to_string(bytes_max),
                     "make it smaller"};
  }
  if (writers == Writers::anybody) return opened;
  if (auto fact = written_by_others(opened.status)) return exposed(std::move(*fact), "it");
  if (auto fault = exposed_folder(at.folder)) return std::move(*fault);
  return opened;
}

}  // namespace

std::variant<JudgedFile, FileFault> open_judged(const std::filesystem::path& path, Writers writers,
                                                std::uint64_t bytes_max) {
  std::filesystem::path at = path;
  for (int links = 0; links <= links_max; ++links) {
    if (!at.has_filename()) at /= ".";
    const auto parent = at.parent_path().empty() ? std::filesystem::path(".") : at.parent_path();
    const FileDescriptor folder(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat seen {};
    if (!folder.is_open() ||
        ::fstatat(folder.number(), at.filename().c_str(), &seen, AT_SYMLINK_NOFOLLOW) != 0) {
      return unreadable(errno);
    }
    if (!S_ISLNK(seen.st_mode)) {
      if (auto fault = wrong_kind(seen)) return std::move(*fault);
      return open_here({folder, at}, writers, bytes_max);
    }
    if (writers == Writers::host_only) {
      if (auto fact = others_own(seen)) {
        return exposed("is reached by the link " + at.string() + ", which " + *fact, "the link");
      }
      if (auto fault = exposed_folder(folder)) return std::move(*fault);
    }
    auto target = target_of(folder, at);
    if (auto* fault = std::get_if<FileFault>(&target)) return std::move(*fault);
    at = std::get<std::filesystem::path>(std::move(target));
  }
  return unreadable(ELOOP);
}

std::variant<std::string, FileFault> read_whole(const JudgedFile& judged) {
  std::string bytes;
  try {
    bytes.resize(static_cast<std::size_t>(judged.status.st_size));
  } catch (const std::bad_alloc&) {
    return FileFault{
        FileFault::Kind::other,
        "has " + std::to_string(judged.status.st_size) + " bytes, for which there is no memory",
        "make it smaller, or free memory and touch it"};
  }
  std::size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t more = ::read(judged.file.number(), bytes.data() + length, bytes.size() - length);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return unreadable(errno);
    if (more == 0) break;
    length += static_cast<std::size_t>(more);
  }
  struct stat after {};
  if (::fstat(judged.file.number(), &after) != 0) return unreadable(errno);
  if (length < bytes.size() || !is_unchanged(judged.status, after)) {
    return FileFault{
        FileFault::Kind::other, "changed while it was read",
        "copy it under a name that does not end in .so and rename it when it is whole"};
  }
  return bytes;
}

std::variant<std::string, FileFault> read_judged(const std::filesystem::path& path, Writers writers,
                                                 std::uint64_t bytes_max) {
  auto opened = open_judged(path, writers, bytes_max);
  if (auto* fault = std::get_if<FileFault>(&opened)) return std::move(*fault);
  return read_whole(std::get<JudgedFile>(opened));
}

}  // namespace stepd::plugin
