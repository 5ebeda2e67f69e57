#include "host/plugin/module_folder.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

#include "host/plugin/file_descriptor.hpp"

namespace stepd::plugin {
namespace {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view bytes) {
  Digest digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
      length != digest.size()) {
    throw std::runtime_error("OpenSSL does not offer SHA-256");
  }
  return digest;
}

std::string hexadecimal(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

engine::ModuleHash hash_of(const Digest& digest) {
  engine::ModuleHash hash;
  for (std::size_t index = 0; index < sizeof hash.value; ++index) {
    hash.value = (hash.value << 8U) | digest[index];
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

Module ModuleFolder::keep(std::string_view bytes) const {
  const Digest digest = sha256(bytes);
  const std::string name = hexadecimal(digest);
  Module module{folder_ / (name + ".so"), hash_of(digest)};
  if (holds(module.file, bytes)) return module;

  const auto unfinished = folder_ / (name + ".unfinished");
  std::filesystem::remove(unfinished);
  write_through(unfinished, bytes);
  std::filesystem::rename(unfinished, module.file);
  return module;
}

void ModuleFolder::remove_all_but(const std::set<std::filesystem::path>& kept) const {
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (!kept.contains(entry.path())) std::filesystem::remove(entry.path());
  }
}

}  // namespace stepd::plugin
