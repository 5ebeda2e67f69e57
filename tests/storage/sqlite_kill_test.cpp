#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "tests/storage/backends.hpp"
#include "tests/storage/sqlite_file.hpp"
#include "tests/support/child_process.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;
using stepd::support::ChildProcess;
using stepd::support::TemporaryFolder;

namespace {

/// Small enough that checkpoints are killed too.
const SqliteOptions often_checkpointing{.wal_pages_max = 30, .prewrite_wal = false};

/// Job n is accepted by commit n; commit n also gives job n-1 its second row and job n-2 its last,
/// and removes job n-4.
void commit_for_ever(const std::filesystem::path& folder, std::int64_t first, int acknowledge) {
  SqliteStore store{folder, often_checkpointing};
  const auto epoch = store.acquire();
  for (std::int64_t number = first;; ++number) {
    NewJob made = keyed_job(number, {.key = std::to_string(number), .content = content('k')});
    made.claimed = true;
    const std::vector submits{made};
    std::vector<Change> changes;
    if (number > 1) {
      changes.push_back(blobs(number - 1, {{.bytes = std::string(3000, 'c')}}));
      changes.push_back(row(number - 1, 2));
    }
    if (number > 2) changes.push_back(row(number - 2, 3, settled(JobWord::succeeded)));
    if (number > 4) changes.push_back(removal(number - 4));
    static_cast<void>(store.commit(epoch, submits, changes));
    if (write(acknowledge, &number, sizeof number) != sizeof number) return;
    store.tidy(Lull::quiet);
  }
}

/// Reads acknowledgements until there are enough; the last, or 0.
std::int64_t read_acknowledgements(int from, int enough) {
  std::int64_t last = 0;
  std::int64_t number = 0;
  for (int count = 0; count < enough && read(from, &number, sizeof number) == sizeof number;
       ++count) {
    last = number;
  }
  return last;
}

/// Kills a child in the midst of its commits; the last commit it acknowledged.
std::int64_t commit_and_kill(const std::filesystem::path& folder, std::int64_t first, int enough) {
  std::array<int, 2> pipes{};
  REQUIRE(pipe(pipes.data()) == 0);
  ChildProcess child{[&] {
    close(pipes[0]);
    commit_for_ever(folder, first, pipes[1]);
    return 1;
  }};
  close(pipes[1]);
  const std::int64_t seen = read_acknowledgements(pipes[0], enough);
  child.kill_now();
  CHECK(child.wait() == -SIGKILL);
  const std::int64_t late = read_acknowledgements(pipes[0], 1'000'000);
  close(pipes[0]);
  return std::max(seen, late);
}

/// The last commit on record, after checking that the record is what that commit left.
std::int64_t check_record(const std::filesystem::path& folder) {
  SqliteStore store{folder, often_checkpointing};
  SqliteReader reader{folder};
  const auto lines = numbers_of(reader.page({}, {}, 100));
  REQUIRE_FALSE(lines.empty());
  const std::int64_t last = lines.front();
  CHECK(lines.size() == static_cast<std::size_t>(std::min<std::int64_t>(last, 4)));
  CHECK(reader.find(id_of(last))->head == queued());
  if (last > 1) {
    CHECK(reader.find(id_of(last - 1))->head == queued());
    CHECK(reader.find(id_of(last - 1))->rows.size() == 2);
    CHECK(reader.blobs(id_of(last - 1), 0).size() == 1);
  }
  if (last > 2) {
    CHECK(reader.find(id_of(last - 2))->head == settled(JobWord::succeeded));
    CHECK(reader.find(id_of(last - 2))->rows.size() == 3);
  }
  CHECK_FALSE(reader.find(id_of(last - 4)));
  CHECK(store.highest_id() == id_of(last));
  CHECK(integrity(folder) == "ok");
  CHECK(wrong_counts(folder) == 0);
  return last;
}

}  // namespace

TEST_CASE("D2: kill -9 while committing loses nothing acknowledged and tears nothing",
          "[storage]") {
  const TemporaryFolder folder;
  std::mt19937 chance{20'250'101};
  std::int64_t next = 1;

  for (int kills = 0; kills < 25; ++kills) {
    const int enough = std::uniform_int_distribution{1, 12}(chance);
    const std::int64_t acknowledged = commit_and_kill(folder.path(), next, enough);

    REQUIRE(acknowledged >= next);
    const std::int64_t recorded = check_record(folder.path());
    REQUIRE(recorded >= acknowledged);
    REQUIRE(recorded <= acknowledged + 1);
    next = recorded + 1;
  }
}
