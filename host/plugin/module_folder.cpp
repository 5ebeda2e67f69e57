#include "host/plugin/module_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "host/plugin/file_descriptor.hpp"
#include "host/plugin/hexadecimal.hpp"
#include "host/plugin/sha256.hpp"

namespace stepd::plugin {
namespace {

/// Its first eight bytes are enough to tell builds apart.
engine::ModuleHash hash_of(std::string_view digest) {
  engine::ModuleHash hash;
  for (const char byte : digest.substr(0, sizeof hash.value)) {
    hash.value = (hash.value << 8U) | static_cast<unsigned char>(byte);
  }
  return hash;
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw std::system_error(errno, std::generic_category(), path.string() + ": cannot " + what);
}

bool holds(const std::filesystem::path& path, std::string_view bytes) {
  std::error_code missing;
  if (std::filesystem::file_size(path, missing) != bytes.size() || missing) return false;
  std::ifstream file(path, std::ios::binary);
  return std::equal(bytes.begin(), bytes.end(), std::istreambuf_iterator<char>(file));
}

void write_through(const std::filesystem::path& path, std::string_view bytes) {
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0500));
  if (!file.is_open()) fail(path, "be created");
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, "be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.number()) != 0) fail(path, "be brought to disk");
}

}  // namespace

ModuleFolder::ModuleFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  if (::chmod(folder_.c_str(), 0700) != 0) fail(folder_, "be made private");
}

Module ModuleFolder::module_of(std::string_view bytes) const {
  const std::string digest = sha256(bytes);
  std::string digits = hexadecimal(digest);
  return {folder_ / (digits + ".so"), hash_of(digest), std::move(digits)};
}

void ModuleFolder::keep(const Module& module, std::string_view bytes) const {
  if (!holds(module.file, bytes)) write_whole(module.file, bytes);
}

std::vector<std::filesystem::path> ModuleFolder::files() const {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void ModuleFolder::remove_all_but(const std::set<std::filesystem::path>& kept) const {
  for (const auto& file : files()) {
    if (!kept.contains(file)) std::filesystem::remove(file);
  }
}

void write_whole(const std::filesystem::path& file, std::string_view bytes) {
  auto unfinished = file;
  unfinished.replace_extension(".unfinished");
  std::filesystem::remove(unfinished);
  write_through(unfinished, bytes);
  std::filesystem::rename(unfinished, file);
}

}  // namespace stepd::plugin
