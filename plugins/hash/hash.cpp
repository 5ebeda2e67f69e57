#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stepd/distributed_task.hpp>
#include <stepd/plugin.hpp>
#include <string>
#include <system_error>
#include <vector>

namespace hash {

namespace fs = std::filesystem;

using Digest = std::array<unsigned char, 32>;

/// SHA-256 (FIPS 180-4), piece by piece.
class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) fail();
  }
  void add(const char* bytes, std::size_t size) {
    if (EVP_DigestUpdate(context_.get(), bytes, size) != 1) fail();
  }
  Digest digest() {
    Digest digest{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) fail();
    return digest;
  }

 private:
  [[noreturn]] static void fail() { throw std::runtime_error("OpenSSL offers no SHA-256"); }
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

std::string hexadecimal(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

Digest digest_from(std::string_view text) {
  Digest digest{};
  for (std::size_t at = 0; at < digest.size() && 2 * at + 1 < text.size(); ++at) {
    digest[at] =
        static_cast<unsigned char>(std::stoul(std::string(text.substr(2 * at, 2)), nullptr, 16));
  }
  return digest;
}

struct Path {
  std::string path;
};
BOOST_DESCRIBE_STRUCT(Path, (), (path))

struct FileHash {
  std::string sha256;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(FileHash, (), (sha256, bytes))

/// What is not there will not come by trying again; what cannot be read now may be readable later.
[[noreturn]] void cannot_read(const fs::path& path, std::error_code why) {
  const std::string fact = path.string() + ": " + why.message();
  const bool is_absent = why == std::errc::no_such_file_or_directory ||
                         why == std::errc::not_a_directory || why == std::errc::permission_denied;
  if (is_absent) throw stepd::Refused{"cannot_read", fact};
  throw stepd::Retry{"cannot_read", fact};
}

FileHash hash_of(stepd::Context& context, const fs::path& path) {
  std::error_code trouble;
  if (!fs::is_regular_file(path, trouble)) {
    cannot_read(path,
                trouble ? trouble : std::make_error_code(std::errc::no_such_file_or_directory));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) cannot_read(path, {errno, std::generic_category()});
  Sha256 sha256;
  FileHash hash;
  std::vector<char> piece(1U << 16U);
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto size = static_cast<std::size_t>(file.gcount());
    sha256.add(piece.data(), size);
    hash.bytes += size;
    context.throw_if_stop_requested();
  }
  if (file.bad()) cannot_read(path, {errno, std::generic_category()});
  hash.sha256 = hexadecimal(sha256.digest());
  return hash;
}

FileHash file(stepd::Context& context, const Path& args) { return hash_of(context, args.path); }

/// One folder, without those in it: they are named, for whoever walks the tree.
struct FolderHash {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::string digest;  // see Tree
  std::vector<std::string> folders;
};
BOOST_DESCRIBE_STRUCT(FolderHash, (), (files, bytes, digest, folders))

/// Digests of files come together in any order: each is hashed with its path, and all are added bit
/// by bit.
void add(Digest& sum, const Digest& other) {
  for (std::size_t at = 0; at < sum.size(); ++at) sum[at] = sum[at] ^ other[at];
}

FolderHash folder(stepd::Context& context, const Path& args) {
  FolderHash hash;
  Digest sum{};
  std::error_code trouble;
  for (fs::directory_iterator at(args.path, trouble), end; !trouble && at != end;
       at.increment(trouble)) {
    const fs::path path = at->path();
    std::error_code unknown;
    if (at->is_symlink(unknown)) continue;
    if (at->is_directory(unknown)) {
      hash.folders.push_back(path.string());
    } else if (at->is_regular_file(unknown)) {
      const FileHash one = hash_of(context, path);
      const std::string line = path.string() + '\n' + one.sha256;
      Sha256 named;
      named.add(line.data(), line.size());
      add(sum, named.digest());
      ++hash.files;
      hash.bytes += one.bytes;
    }
  }
  if (trouble) cannot_read(args.path, trouble);
  std::sort(hash.folders.begin(), hash.folders.end());
  hash.digest = hexadecimal(sum);
  return hash;
}

struct Failure {
  std::string path;
  std::string error;
};
BOOST_DESCRIBE_STRUCT(Failure, (), (path, error))

struct TreeHash {
  std::uint64_t folders = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::string digest = std::string(64, '0');
  std::vector<Failure> failed;  // the first hundred
};
BOOST_DESCRIBE_STRUCT(TreeHash, (), (folders, files, bytes, digest, failed))

struct TreeState {
  std::vector<std::string> found;  // folders, by the number of their subtask
  TreeHash sum;
};
BOOST_DESCRIBE_STRUCT(TreeState, (), (found, sum))

/// Walks a tree: each folder is a subtask, and those it finds become subtasks while it goes on.
class Tree : public stepd::DistributedTask<Tree, Path, TreeState, TreeHash> {
 public:
  static constexpr std::string_view subtask_type = "hash.folder";
  using SubtaskOutput = FolderHash;

  std::uint64_t subtask_count(const Path&, const TreeState& state) {
    return 1 + state.found.size();
  }
  Path subtask_input(const Path& root, const TreeState& state, std::uint64_t index) {
    return index == 0 ? root : Path{state.found.at(index - 1)};
  }
  void deliver_output(TreeState& state, std::uint64_t, const FolderHash& folder) {
    state.found.insert(state.found.end(), folder.folders.begin(), folder.folders.end());
    ++state.sum.folders;
    state.sum.files += folder.files;
    state.sum.bytes += folder.bytes;
    Digest sum = digest_from(state.sum.digest);
    add(sum, digest_from(folder.digest));
    state.sum.digest = hexadecimal(sum);
  }
  void subtask_failed(TreeState& state, std::uint64_t index, const stepd::SubtaskError& error) {
    constexpr std::size_t failures_told_max = 100;
    if (index == 0) throw stepd::Refused{error.code, error.message};  // nothing is hashed at all
    if (state.sum.failed.size() >= failures_told_max) return;
    state.sum.failed.push_back({state.found.at(index - 1), error.code + ": " + error.message});
  }
  TreeHash output(const Path&, const TreeState& state) { return state.sum; }
};

}  // namespace hash

STEPD_PLUGIN("hash", "1.0.0", plugin) {
  using namespace hash;
  plugin.step<file>("hash.file").title("Hash a file").description("SHA-256 of a regular file.");
  plugin.step<folder>("hash.folder")
      .title("Hash the files of a folder")
      .description("Without the folders in it, which it names. Symbolic links are passed over.");
  plugin.step<Tree>("hash.tree")
      .title("Hash a directory tree")
      .description(
          "Each folder is a subtask. One digest for all files with their paths, in "
          "whatever order their folders were read.");
}
