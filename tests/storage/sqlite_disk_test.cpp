#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>

#include "tests/storage/backends.hpp"
#include "tests/storage/sqlite_file.hpp"
#include "tests/support/child_process.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;
using stepd::support::ChildProcess;
using stepd::support::TemporaryFolder;

namespace {

std::atomic<bool> syncs_fail = false;
std::atomic<int> syncs = 0;

int sync_file(long number, int file) {
  ++syncs;
  if (!syncs_fail) return static_cast<int>(syscall(number, file));
  errno = EIO;
  return -1;
}

}  // namespace

// These stand before the C library's, so that a test can see SQLite sync and let it fail.
extern "C" int fsync(int file) { return sync_file(SYS_fsync, file); }
extern "C" int fdatasync(int file) { return sync_file(SYS_fdatasync, file); }

namespace {

NewJob large_job(std::int64_t number) {
  NewJob made = claimed_job(number);
  made.definition = std::string(20'000, 'd');
  return made;
}

/// Submits until the store has no room; the number of jobs it took, or how it failed otherwise.
struct Filled {
  std::int64_t jobs = 0;
  std::optional<StoreError::Kind> failure;
  std::string message;
};
Filled fill_up(Store& store, Epoch epoch) {
  Filled filled;
  while (filled.jobs < 5000) {
    const std::vector submits{large_job(filled.jobs + 1)};
    try {
      static_cast<void>(store.commit(epoch, submits, {}));
      ++filled.jobs;
    } catch (const StoreError& error) {
      filled.failure = error.kind;
      filled.message = error.what();
      return filled;
    }
  }
  return filled;
}

bool all_there(Reader& reader, std::int64_t jobs) {
  for (std::int64_t number = 1; number <= jobs; ++number) {
    const auto found = reader.find(id_of(number));
    if (!found || found->definition.size() != 20'000) return false;
  }
  return !reader.find(id_of(jobs + 1));
}

/// The whole story of a disk that fills up and gets room again; what went wrong, or nothing.
template <typename MakeRoom>
std::string fill_and_resume(const std::filesystem::path& folder, const MakeRoom& make_room) {
  SqliteStore store{folder, quick_start};
  SqliteReader reader{folder};
  const auto epoch = store.acquire();
  const Filled filled = fill_up(store, epoch);
  if (filled.failure != StoreError::Kind::full) return "failed otherwise: " + filled.message;
  if (filled.jobs < 3) return "took only " + std::to_string(filled.jobs) + " jobs";
  if (filled.message.find("make room") == std::string::npos) return "no remedy: " + filled.message;
  if (!all_there(reader, filled.jobs)) return "the record is not what was acknowledged";

  const std::vector next{large_job(filled.jobs + 1)};
  if (failure_of([&] { return store.commit(epoch, next, {}); }) != StoreError::Kind::full) {
    return "the second refusal is another one";
  }
  make_room();

  if (store.commit(epoch, next, {}).submits != std::vector<SubmitResult>{Committed{}}) {
    return "with room again the job is not taken";
  }
  if (!all_there(reader, filled.jobs + 1)) return "after the resumption jobs are missing";
  if (!store.claim(epoch, noon, 5000).jobs.empty()) return "claims were lost";
  store.tidy(Lull::quiet);
  if (wrong_counts(folder) != 0) return "the counts are wrong";
  return integrity(folder) == "ok" ? "" : integrity(folder);
}

/// A limit on the size of any file of this process.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() { lift(); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  void lift() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

/// Whether this process, a child made for it, now has a file system of its own at the folder.
bool mount_small_disk(const std::filesystem::path& folder, unsigned long flags) {
  if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return false;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return mount("tmpfs", folder.c_str(), "tmpfs", flags, "size=3m") == 0;
}

constexpr int cannot_mount = 77;

int report(const std::string& trouble) {
  if (!trouble.empty()) std::fprintf(stderr, "child: %s\n", trouble.c_str());
  return trouble.empty() ? 0 : 1;
}

}  // namespace

TEST_CASE("D4: a file that may not grow is no room and the store goes on when it may",
          "[storage]") {
  const TemporaryFolder folder;
  FileSizeLimit limit{400'000};

  CHECK(fill_and_resume(folder.path(), [&] { limit.lift(); }) == "");
}

TEST_CASE("D4: a full disk is no room and the store goes on when there is some", "[storage]") {
  const TemporaryFolder folder;
  const auto& path = folder.path();
  ChildProcess child{[&] {
    if (!mount_small_disk(path, 0)) return cannot_mount;
    const auto ballast = path / "ballast";
    std::ofstream{ballast} << std::string(1'900'000, 'x');
    return report(fill_and_resume(path, [&] { std::filesystem::remove(ballast); }));
  }};

  const int result = child.wait();

  if (result == cannot_mount) {
    WARN("no file system can be mounted here; the file size limit alone was tried");
  } else {
    CHECK(result == 0);
  }
}

TEST_CASE("a full disk keeps the store from nothing but writing when it is opened", "[storage]") {
  const TemporaryFolder folder;
  static_cast<void>(SqliteStore{folder.path(), quick_start}.acquire());
  FileSizeLimit limit{150'000};

  SqliteStore store{folder.path(), {.wal_pages_max = 4000, .prewrite_wal = true}};

  const auto epoch = store.acquire();
  CHECK(fill_up(store, epoch).failure == StoreError::Kind::full);
  CHECK(store.claim(epoch, noon, 1).jobs.empty());
}

TEST_CASE("a folder that cannot be written is refused by name", "[storage]") {
  const TemporaryFolder folder;
  const auto& path = folder.path();
  ChildProcess child{[&] {
    if (geteuid() != 0) {
      std::filesystem::permissions(
          path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    } else if (!mount_small_disk(path, MS_RDONLY)) {
      return cannot_mount;
    }
    const std::string message = message_of([&] { return SqliteStore{path}.highest_id(); });
    const bool told = message.find(path.string() + " cannot be written") != std::string::npos &&
                      message.find("--state-dir") != std::string::npos;
    return report(told ? "" : "told: " + message);
  }};

  const int result = child.wait();

  if (result == cannot_mount) {
    WARN("root writes everywhere and nothing can be mounted read-only here");
  } else {
    CHECK(result == 0);
  }
}

TEST_CASE("J2: every commit is synced before it returns", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();

  for (std::int64_t number = 1; number <= 5; ++number) {
    const int before = syncs;
    submit(store, epoch, {job(number)});
    CHECK(syncs > before);
  }
}

TEST_CASE("D4: after a failed sync nothing more is acknowledged", "[storage]") {
  const TemporaryFolder folder;
  {
    SqliteStore store{folder.path(), quick_start};
    const auto epoch = store.acquire();
    submit(store, epoch, {job(1)});
    const std::vector submits{job(2)};
    const auto broken = std::optional{StoreError::Kind::broken};

    syncs_fail = true;
    CHECK(failure_of([&] { return store.commit(epoch, submits, {}); }) == broken);
    syncs_fail = false;

    CHECK(failure_of([&] { return store.commit(epoch, submits, {}); }) == broken);
    CHECK(failure_of([&] { return store.claim(epoch, noon, 1); }) == broken);
    CHECK(failure_of([&] { return store.load(epoch, id_of(1)); }) == broken);
    CHECK(failure_of([&] { return store.acquire(); }) == broken);
    CHECK(failure_of([&] { return store.tidy(Lull::quiet); }) == broken);
  }

  SqliteStore store{folder.path(), quick_start};
  SqliteReader reader{folder.path()};
  static_cast<void>(store.acquire());
  CHECK(reader.find(id_of(1)));
  CHECK(integrity(folder.path()) == "ok");
  CHECK(wrong_counts(folder.path()) == 0);
}
