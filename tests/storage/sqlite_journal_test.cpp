#include <catch2/catch.hpp>
#include <random>

#include "storage/sqlite/packed_rows.hpp"
#include "tests/storage/backends.hpp"
#include "tests/storage/sqlite_file.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;
using sqlite::Database;
using stepd::support::TemporaryFolder;

namespace {

std::int64_t number_in(const TemporaryFolder& folder, const std::string& sql) {
  return Database{sqlite_file(folder.path()), Database::Access::read}.number(sql);
}
std::int64_t unfiled_commits(const TemporaryFolder& folder) {
  return number_in(folder, "SELECT count(*) FROM unfiled");
}
std::int64_t filed_rows(const TemporaryFolder& folder) {
  return number_in(folder, "SELECT count(*) FROM journal");
}

/// The same batches to a store in memory and to one in a file, whose records must stay the same.
class Twins {
 public:
  explicit Twins(std::uint32_t seed) : dice_(seed) { restart(); }

  void turn() {
    const std::size_t before = jobs_.size();
    std::vector<NewJob> submits;
    std::vector<Change> changes;
    const int most = one_in(10) ? 100 : 4;  // sometimes as under load
    for (int item = 0; item < most; ++item) {
      if (jobs_.size() < jobs_max && one_in(3)) {
        jobs_.push_back({});
        submits.push_back(one_in(2) ? claimed_job(last()) : job(last()));
      } else if (!jobs_.empty()) {
        changes.push_back(next_of(any_job()));
      }
    }
    // Cannot be kept, and nothing else of the batch is then.
    if (one_in(12) && before > 7) {
      changes.push_back({.job = id_of(7)});
      changes.back().head = JobHead{.word = JobWord::failed};
    }
    const auto told = [&](Store& store, Epoch epoch) -> std::optional<BatchResult> {
      try {
        return store.commit(epoch, submits, changes);
      } catch (const StoreError&) {
        return std::nullopt;
      }
    };
    const auto expected = told(memory_, memory_epoch_);
    const auto found = told(*file_, file_epoch_);
    REQUIRE(found.has_value() == expected.has_value());
    if (!found) {
      ++refused;
      return forget_turn(before);
    }
    REQUIRE(found->submits == expected->submits);
    for (std::size_t item = 0; item < changes.size(); ++item) {
      CAPTURE(item, changes[item].job.value, changes[item].row, changes[item].dropped_rows.size());
      REQUIRE(found->changes[item].index() == expected->changes[item].index());
    }
  }

  void claim() {
    const auto found = file_->claim(file_epoch_, noon, 3).jobs;
    REQUIRE(found == memory_.claim(memory_epoch_, noon, 3).jobs);
  }
  void load() {
    if (jobs_.empty()) return;
    const JobId id = id_of(any_job());
    REQUIRE(file_->load(file_epoch_, id) == memory_.load(memory_epoch_, id));
  }
  void restart() {
    file_.reset();
    file_ = std::make_unique<SqliteStore>(folder_.path(), quick_start);
    acquire();
  }
  void acquire() {
    file_epoch_ = file_->acquire();
    memory_epoch_ = memory_.acquire();
  }

  void compare() {
    SqliteReader reader{folder_.path()};
    for (std::int64_t number = 1; number <= last(); ++number) {
      const auto expected = memory_.find(id_of(number));
      CAPTURE(number);
      const auto found = reader.find(id_of(number));
      REQUIRE(found.has_value() == expected.has_value());
      if (found) CHECK(numbers_of(found->rows) == numbers_of(expected->rows));
      REQUIRE(found == expected);
      const auto after = static_cast<std::uint64_t>(roll(5));
      REQUIRE(reader.journal(id_of(number), after, 3) == memory_.journal(id_of(number), after, 3));
    }
    REQUIRE(reader.page({}, std::nullopt, 100) == memory_.page({}, std::nullopt, 100));
    REQUIRE(reader.counts() == memory_.counts());
  }
  [[nodiscard]] std::int64_t unfiled() const { return unfiled_commits(folder_); }

  int refused = 0;

 private:
  struct Known {
    std::uint64_t rows = 1;
    bool settled = false;
  };
  static constexpr std::size_t jobs_max = 60;

  [[nodiscard]] std::int64_t last() const { return static_cast<std::int64_t>(jobs_.size()); }
  int roll(int sides) { return std::uniform_int_distribution<int>{0, sides - 1}(dice_); }
  bool one_in(int sides) { return roll(sides) == 0; }
  /// Some jobs are at work often and some hardly ever.
  std::int64_t any_job() { return 1 + std::min(roll(static_cast<int>(last())), roll(60)); }

  Change next_of(std::int64_t number) {
    Known& known = jobs_[static_cast<std::size_t>(number - 1)];
    if (known.settled && one_in(4)) return removal(number);
    if (number % 7 == 0) return row(number, ++known.rows);  // stays in memory for ever
    if (!known.settled && one_in(15)) {                     // without a row
      Change aside = released({.job = id_of(number)});
      aside.head = waiting(noon);
      return aside;
    }
    Change next = row(number, ++known.rows);
    if (one_in(30)) next.entries = std::string(3000, 'x');
    if (one_in(15) && known.rows > 4) next.dropped_rows = {2 + static_cast<std::uint64_t>(roll(2))};
    if (known.settled) return next;
    if (one_in(8)) {
      next.head = settled(one_in(2) ? JobWord::succeeded : JobWord::failed);
      if (one_in(5)) next.head->attention = true;
      known.settled = true;
    } else if (one_in(6)) {
      next.head = waiting(noon);
      next = released(std::move(next));
    } else if (one_in(15)) {
      next.head = JobHead{.word = JobWord::compensating, .due = noon};
    }
    return next;
  }
  void forget_turn(std::size_t jobs) {
    jobs_.resize(jobs);
    for (std::size_t index = 0; index < jobs; ++index) {
      const auto kept = memory_.find(id_of(static_cast<std::int64_t>(index) + 1));
      if (kept) jobs_[index] = {kept->rows.back().number, kept->head.settled_at.has_value()};
    }
  }

  std::mt19937 dice_;
  TemporaryFolder folder_;
  MemoryStore memory_;
  std::unique_ptr<SqliteStore> file_;
  Epoch memory_epoch_;
  Epoch file_epoch_;
  std::vector<Known> jobs_;
};

}  // namespace

TEST_CASE("D1 D2: rows that wait to be filed are read as if they were", "[storage]") {
  const auto seed = static_cast<std::uint32_t>(GENERATE(range(1, 13)));
  CAPTURE(seed);
  Twins twins{seed};
  std::mt19937 dice{seed};
  std::int64_t most_unfiled = 0;
  for (int turn = 0; turn < 250; ++turn) {
    twins.turn();
    const auto event = dice() % 200;
    if (event < 24) twins.claim();
    if (event < 50) twins.load();
    if (event == 50) twins.restart();
    if (event == 51) twins.acquire();
    if (turn % 6 == 0) twins.compare();
    most_unfiled = std::max(most_unfiled, twins.unfiled());
  }
  twins.compare();
  CHECK(most_unfiled > 5);  // else nothing has been tried
  CHECK(twins.refused > 3);
}

TEST_CASE("a short job leaves nothing but its own row", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  SqliteReader reader{folder.path()};
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2)});
  for (const std::uint64_t number : {2, 3, 4}) {
    change(store, epoch, {row(1, number), row(2, number)});
  }
  CHECK(unfiled_commits(folder) == 3);

  change(store, epoch, {row(1, 5, settled(JobWord::succeeded))});
  CHECK(unfiled_commits(folder) == 3);  // the other's are in them, too
  change(store, epoch, {row(2, 5, settled(JobWord::succeeded))});

  CHECK(unfiled_commits(folder) == 0);
  CHECK(filed_rows(folder) == 0);
  CHECK(numbers_of(reader.journal(id_of(1), 0, 10)) == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("rows are filed when their job is set aside or has stayed long and when a host begins",
          "[storage]") {
  const TemporaryFolder folder;
  auto store = std::make_unique<SqliteStore>(folder.path(), quick_start);
  const auto epoch = store->acquire();
  submit(*store, epoch, {claimed_job(1), claimed_job(2), claimed_job(3)});
  change(*store, epoch, {row(1, 2), row(2, 2)});

  change(*store, epoch, {released(row(1, 3, waiting(noon)))});
  CHECK(filed_rows(folder) == 2);
  for (std::uint64_t number = 2; number < 100; ++number) change(*store, epoch, {row(3, number)});
  CHECK(unfiled_commits(folder) < 70);
  CHECK(numbers_of(SqliteReader{folder.path()}.find(id_of(2))->rows) ==
        std::vector<std::uint64_t>{1, 2});

  const bool crash = GENERATE(false, true);
  if (crash) {
    store.reset();
    store = std::make_unique<SqliteStore>(folder.path(), quick_start);
    CHECK(numbers_of(SqliteReader{folder.path()}.find(id_of(2))->rows) ==
          std::vector<std::uint64_t>{1, 2});
  }
  static_cast<void>(store->acquire());
  CHECK(unfiled_commits(folder) == 0);
  CHECK(filed_rows(folder) == 2 + 1 + 98);
  CHECK(integrity(folder.path()) == "ok");
}

TEST_CASE("a settled or removed job gets nothing of what lay unfiled at a crash", "[storage]") {
  const TemporaryFolder folder;
  auto store = std::make_unique<SqliteStore>(folder.path(), quick_start);
  const auto epoch = store->acquire();
  submit(*store, epoch, {claimed_job(1), claimed_job(2), claimed_job(3)});
  change(*store, epoch, {row(1, 2), row(2, 2), row(3, 2)});
  change(*store, epoch,
         {row(1, 3, settled(JobWord::succeeded)), row(2, 3, settled(JobWord::succeeded))});
  change(*store, epoch, {removal(1)});
  REQUIRE(unfiled_commits(folder) == 1);

  store.reset();
  store = std::make_unique<SqliteStore>(folder.path(), quick_start);
  static_cast<void>(store->acquire());

  CHECK(number_in(folder, "SELECT group_concat(job - " + std::to_string(id_of(0).value) +
                              ") FROM journal") == 3000);
}

TEST_CASE("a job removed in the midst of its work leaves no row", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {row(1, 2)});

  change(store, epoch, {removal(1)});
  static_cast<void>(store.acquire());

  CHECK(unfiled_commits(folder) == 0);
  CHECK(filed_rows(folder) == 0);
}

TEST_CASE("large rows are not left unfiled without bound", "[storage]") {
  constexpr std::int64_t jobs = 600;
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  std::vector<NewJob> submits;
  for (std::int64_t number = 1; number <= jobs; ++number) submits.push_back(claimed_job(number));
  submit(store, epoch, submits);
  for (std::uint64_t turn = 2; turn < 22; ++turn) {
    std::vector<Change> changes;
    for (std::int64_t number = 1; number <= jobs; ++number) {
      changes.push_back(row(number, turn));
      changes.back().entries = std::string(1000, 'x');
    }
    change(store, epoch, changes);
  }

  CHECK(number_in(folder, "SELECT sum(length(rows)) FROM unfiled") < 6'000'000);
  CHECK(SqliteReader{folder.path()}.find(id_of(jobs))->rows.size() == 21);
}

TEST_CASE("packed rows that end in the middle of one are damage", "[storage]") {
  std::string value;
  sqlite::pack({.job = id_of(1), .number = 7, .at = noon, .entries = "entries"}, value);
  const std::string whole = value;

  std::vector<stepd::engine::StoredRow> rows;
  sqlite::unpack(whole, id_of(1), 6, rows);
  CHECK(rows == std::vector<stepd::engine::StoredRow>{{7, noon, "entries"}});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    CHECK(failure_of([&] {
            sqlite::unpack(std::string_view(whole).substr(0, size), id_of(1), 0, rows);
            return 0;
          }) == StoreError::Kind::damaged);
  }
}
