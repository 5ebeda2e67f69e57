#include "tests/storage/sqlite_file.hpp"

#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "host/engine/names.hpp"
#include "storage/sqlite/schema.hpp"
#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;
using sqlite::Database;
using sqlite::Migration;
using stepd::support::TemporaryFolder;

namespace {

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{stream}, {}};
}
void write_file(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary | std::ios::trunc} << bytes;
}
bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}
std::string opening(const TemporaryFolder& folder) {
  return message_of([&] { return SqliteStore{folder.path(), quick_start}.highest_id(); });
}

/// A file with some hundred jobs that fill many pages.
void fill(const TemporaryFolder& folder) {
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  for (std::int64_t number = 1; number <= 300; ++number) {
    NewJob made = job(number);
    made.definition = std::string(900, static_cast<char>('a' + number % 20));
    submit(store, epoch, {made});
  }
}

}  // namespace

TEST_CASE("a new file is stepd's and has the newest schema", "[storage]") {
  const TemporaryFolder folder;
  fill(folder);

  Database database{sqlite_file(folder.path()), Database::Access::read};

  CHECK(database.number("PRAGMA application_id") == 0x73746570);
  CHECK(database.number("PRAGMA user_version") == sqlite::migrations().back().version);
  CHECK(database.text("PRAGMA journal_mode") == "wal");
  CHECK(integrity(folder.path()) == "ok");
  CHECK(wrong_counts(folder.path()) == 0);
}

TEST_CASE("the words in a file are the words of the engine", "[storage]") {
  const TemporaryFolder folder;
  const SqliteStore store{folder.path(), quick_start};
  Database database{sqlite_file(folder.path()), Database::Access::read};
  sqlite::Statement words{database, "SELECT code, name FROM word ORDER BY code"};

  std::size_t count = 0;
  sqlite::Rows found = words.query();
  while (found.next()) {
    CHECK(found.integer(0) == static_cast<std::int64_t>(count));
    CHECK(found.bytes(1) ==
          stepd::engine::name_of(static_cast<JobWord>(static_cast<std::uint8_t>(count))));
    ++count;
  }

  CHECK(count == 12);
}

TEST_CASE("migrations are numbered from 1 without gaps", "[storage]") {
  int expected = 0;
  for (const Migration& migration : sqlite::migrations()) CHECK(migration.version == ++expected);
  CHECK(expected > 0);
}

TEST_CASE("a file of schema version 1 is read with its jobs", "[storage]") {
  const TemporaryFolder folder;
  {
    Database database{sqlite_file(folder.path()), Database::Access::write};
    sqlite::migrate(database, sqlite::migrations().first(1));
    database.run(R"sql(
      INSERT INTO job (id, word, due, wait, needs, attention, settled_at, tenant, name, key,
        accepted_at, first_row, definition)
      VALUES (7, 1, 5, 0, '', 0, NULL, 'default', 'transfer', 'k', 3, x'01', x'0203');
      UPDATE word SET jobs = 1 WHERE code = 2;
      INSERT INTO journal (job, row, at, entries) VALUES (7, 2, 4, x'04');
      INSERT INTO job_key (key, tenant, job, content) VALUES ('k', 'default', 7, zeroblob(32));
      INSERT INTO step_blob (job, step, phase, kind, key, bytes) VALUES (7, 0, 2, 1, 'm', x'05');
      UPDATE host SET epoch = 41;)sql");
  }

  SqliteStore store{folder.path(), quick_start};
  SqliteReader reader{folder.path()};

  CHECK(store.acquire().value == 42);
  const auto at = [](std::int64_t value) { return TimePoint{stepd::engine::Duration{value}}; };
  CHECK(reader.find({7}) == LoadedJob{.id = {7},
                                      .tenant = "default",
                                      .name = "transfer",
                                      .key = "k",
                                      .head = queued(at(5)),
                                      .definition = "\x02\x03",
                                      .rows = {{1, at(3), "\x01"}, {2, at(4), "\x04"}}});
  CHECK(
      reader.blobs({7}, 0) ==
      std::vector<StepBlob>{
          {.kind = StepBlob::Kind::memo, .phase = Phase::compensate, .key = "m", .bytes = "\x05"}});
  CHECK(reader.counts() == std::vector<Count>{{JobWord::running, 1}});
}

TEST_CASE("O1: a file of schema version 2 tells which request made a job of another", "[storage]") {
  const TemporaryFolder folder;
  {
    Database database{sqlite_file(folder.path()), Database::Access::write};
    sqlite::migrate(database, sqlite::migrations().first(2));
    database.run(R"sql(
      INSERT INTO job (id, word, due, wait, needs, attention, settled_at, tenant, name, key,
        accepted_at, first_row, definition)
      VALUES (7, 7, NULL, 0, '', 0, 5, 'default', 'transfer', NULL, 3, x'01', x'02'),
        (8, 7, NULL, 0, '', 0, 5, 'default', 'transfer', NULL, 3, x'01', x'02');
      INSERT INTO derived_job (origin, request_id, kind, job) VALUES (7, 'r', 0, 8);)sql");
  }

  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  SqliteReader reader{folder.path()};

  const auto lines = reader.page({.not_made_by = "r"}, std::nullopt, 10);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].id.value == 7);
  NewJob again = job(9, settled(JobWord::succeeded));
  again.derivation =
      stepd::engine::Derivation{.origin = {7}, .request_id = "r", .content = content('x')};
  const auto result = store.commit(epoch, {&again, 1}, {});
  CHECK(std::get<Underivable>(result.submits.at(0)) == Underivable{.job = {8}});
}

TEST_CASE("a later migration finds the data of the versions before", "[storage]") {
  const TemporaryFolder folder;
  Database database{folder.path() / "file.db", Database::Access::write};
  const std::array first{Migration{1, "CREATE TABLE a (x); INSERT INTO a VALUES (6);"}};
  const std::array both{first[0], Migration{2, "CREATE TABLE b AS SELECT x + 1 AS y FROM a;"}};

  sqlite::migrate(database, first);
  sqlite::migrate(database, both);
  sqlite::migrate(database, both);

  CHECK(database.number("SELECT sum(y) FROM b") == 7);
  CHECK(database.number("PRAGMA user_version") == 2);
}

TEST_CASE("a migration that fails leaves the file at the version before", "[storage]") {
  const TemporaryFolder folder;
  Database database{folder.path() / "file.db", Database::Access::write};
  const std::array first{Migration{1, "CREATE TABLE a (x)"}};
  const std::array broken{first[0], Migration{2, "CREATE TABLE b (x)"},
                          Migration{3, "CREATE TABLE c (x); INSERT INTO nowhere VALUES (1);"}};
  sqlite::migrate(database, first);

  CHECK(failure_of([&] {
    sqlite::migrate(database, broken);
    return 0;
  }));

  CHECK(database.number("PRAGMA user_version") == 1);
  CHECK(database.number("SELECT count(*) FROM sqlite_schema") == 1);
}

TEST_CASE("a newer schema is refused with both versions and the remedy", "[storage]") {
  const TemporaryFolder folder;
  fill(folder);
  const int newest = sqlite::migrations().back().version;
  {
    Database database{sqlite_file(folder.path()), Database::Access::write};
    database.run("PRAGMA user_version = 977");
  }

  const std::string message = opening(folder);

  CHECK(says(message, "schema version 977"));
  CHECK(says(message, "up to " + std::to_string(newest)));
  CHECK(says(message, "start the newer stepd"));
  Database database{sqlite_file(folder.path()), Database::Access::read};
  CHECK(database.number("PRAGMA user_version") == 977);
}

TEST_CASE("another program's database is refused and stays as it is", "[storage]") {
  const TemporaryFolder folder;
  {
    Database database{sqlite_file(folder.path()), Database::Access::write};
    database.run("CREATE TABLE photograph (x)");
  }
  const std::string before = bytes_of(sqlite_file(folder.path()));

  CHECK(says(opening(folder), "another program's database"));

  CHECK((bytes_of(sqlite_file(folder.path())) == before));
}

TEST_CASE("a file that is no database is refused by name", "[storage]") {
  const TemporaryFolder folder;
  const std::string text(5000, 'x');
  write_file(sqlite_file(folder.path()), text);

  const std::string message = opening(folder);

  CHECK(says(message, sqlite_file(folder.path()).string()));
  CHECK(says(message, "not a database"));
  CHECK(says(message, "backup"));
  CHECK((bytes_of(sqlite_file(folder.path())) == text));
}

TEST_CASE("a truncated file is refused when it is opened", "[storage]") {
  const TemporaryFolder folder;
  fill(folder);
  const auto file = sqlite_file(folder.path());
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4096);

  const std::string message = opening(folder);

  CHECK(says(message, "damaged"));
  CHECK(says(message, file.string()));
}

TEST_CASE("damage found while running is told and nothing is acknowledged after it", "[storage]") {
  const TemporaryFolder folder;
  fill(folder);
  const auto file = sqlite_file(folder.path());
  std::string bytes = bytes_of(file);
  const std::size_t pages = bytes.size() / 4096;
  bytes.replace(pages / 3 * 4096, pages / 2 * 4096, pages / 2 * 4096, '\x5a');
  write_file(file, bytes);
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();

  std::string told;
  for (std::int64_t number = 1; number <= 300 && told.empty(); ++number) {
    told = message_of([&] { return store.load(epoch, id_of(number)); });
  }

  CHECK(says(told, "damaged"));
  const std::vector submits{job(1000)};
  CHECK(message_of([&] { return store.commit(epoch, submits, {}); }) == told);
  CHECK(failure_of([&] { return store.claim(epoch, noon, 1); }) == StoreError::Kind::broken);
}

TEST_CASE("a second daemon on one state folder is refused and told who holds it", "[storage]") {
  const TemporaryFolder folder;
  {
    SqliteStore first{folder.path(), quick_start};
    const auto epoch = first.acquire();

    const std::string message = opening(folder);

    CHECK(says(message, "in use by process " + std::to_string(getpid())));
    CHECK(says(message, folder.path().string()));
    CHECK(submit(first, epoch, {job(1)}).submits.size() == 1);
  }
  CHECK(opening(folder).empty());
}

TEST_CASE("a missing state folder is made for its owner alone", "[storage]") {
  const TemporaryFolder folder;
  const auto state = folder.path() / "state" / "stepd";

  const SqliteStore store{state, quick_start};

  CHECK(std::filesystem::status(state).permissions() == std::filesystem::perms::owner_all);
}

TEST_CASE("a state folder that cannot be made is told by name", "[storage]") {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "in the way");
  const auto state = folder.path() / "file" / "stepd";

  const std::string message = message_of([&] { return SqliteStore{state}.highest_id(); });

  CHECK(says(message, state.string()));
  CHECK(says(message, "--state-dir"));
}

TEST_CASE("where no write-ahead log is possible the file is refused", "[storage]") {
  Database database{":memory:", Database::Access::write};

  const std::string message = message_of([&] {
    sqlite::use_wal(database);
    return 0;
  });

  CHECK(says(message, "write-ahead log"));
  CHECK(says(message, "--state-dir"));
}

TEST_CASE("a program that holds the file from outside is told of and then forgotten", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  const std::vector submits{job(1)};
  {
    Database outside{sqlite_file(folder.path()), Database::Access::write};
    outside.run("BEGIN IMMEDIATE");

    try {
      static_cast<void>(store.commit(epoch, submits, {}));
      FAIL("the commit went through");
    } catch (const StoreError& error) {
      CHECK(error.kind == StoreError::Kind::full);
      CHECK(says(error.what(), "another program holds the file"));
    }
    outside.run("ROLLBACK");
  }

  CHECK(store.commit(epoch, submits, {}).submits == std::vector<SubmitResult>{Committed{}});
}

TEST_CASE("tidying moves what was committed into the file", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  const auto size = [&] { return std::filesystem::file_size(sqlite_file(folder.path())); };
  store.tidy(Lull::quiet);
  const auto before = size();
  NewJob large = job(1);
  large.definition = std::string(100'000, 'd');
  submit(store, epoch, {large});
  CHECK(size() == before);

  CHECK_FALSE(store.tidy(Lull::quiet));

  CHECK(size() > before + 90'000);
}

TEST_CASE("in a moment's lull only what has piled up is moved", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), {.wal_pages_max = 80, .prewrite_wal = false}};
  const auto epoch = store.acquire();
  store.tidy(Lull::quiet);
  const auto size = [&] { return std::filesystem::file_size(sqlite_file(folder.path())); };
  NewJob large = job(1);
  large.definition = std::string(8 * 4096, 'd');

  std::int64_t number = 1;
  for (int round = 1; round <= 3; ++round) {
    INFO(round);
    const auto before = size();
    large.id = id_of(++number);
    submit(store, epoch, {large});
    store.tidy(Lull::moment);
    CHECK(size() == before);
    for (int more = 0; more < 3; ++more) {
      large.id = id_of(++number);
      submit(store, epoch, {large});
    }
    store.tidy(Lull::moment);
    CHECK(size() > before + std::uintmax_t{3} * 8 * 4096);
  }
}

TEST_CASE("the write-ahead log stays bounded without tidying", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), {.wal_pages_max = 40, .prewrite_wal = false}};
  const auto epoch = store.acquire();
  NewJob large = job(1);
  large.definition = std::string(20'000, 'd');

  for (std::int64_t number = 1; number <= 200; ++number) {
    large.id = id_of(number);
    submit(store, epoch, {large});
  }

  const auto wal = std::filesystem::file_size(sqlite_file(folder.path()).string() + "-wal");
  CHECK(wal < 100 * 4096);
  CHECK(store.claim(epoch, noon, 1000).jobs.size() == 200);
}

TEST_CASE("a write-ahead log written beforehand does not grow up to its limit", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), {.wal_pages_max = 200, .prewrite_wal = true}};
  const auto wal = [&] {
    return std::filesystem::file_size(sqlite_file(folder.path()).string() + "-wal");
  };
  const auto epoch = store.acquire();
  const auto before = wal();
  CHECK(before >= 200 * 4096);

  for (std::int64_t number = 1; number <= 20; ++number) submit(store, epoch, {job(number)});

  CHECK(wal() == before);
}

TEST_CASE("a list is right also when more jobs have its word than are worth sorting", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  SqliteReader reader{folder.path()};
  const auto epoch = store.acquire();
  std::vector<NewJob> many;
  for (std::int64_t number = 1; number <= 10'001; ++number) {
    many.push_back(job(number, settled(JobWord::failed)));
  }
  submit(store, epoch, many);
  submit(store, epoch, {job(20'000), job(30'000, waiting(noon)), job(40'000)});
  const auto page = [&](std::vector<JobWord> words, std::optional<JobId> before) {
    return numbers_of(reader.page({.words = std::move(words)}, before, 3));
  };
  using Numbers = std::vector<std::int64_t>;

  CHECK(page({JobWord::failed}, {}) == Numbers{10'001, 10'000, 9'999});
  CHECK(page({JobWord::failed}, id_of(3)) == Numbers{2, 1});
  CHECK(page({JobWord::failed, JobWord::queued}, {}) == Numbers{40'000, 20'000, 10'001});
  CHECK(page({JobWord::waiting, JobWord::queued}, {}) == Numbers{40'000, 30'000, 20'000});
  CHECK(page({JobWord::waiting}, {}) == Numbers{30'000});
}

TEST_CASE("D5: one expiry removes fewer jobs when they have many rows", "[storage]") {
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  for (std::int64_t number = 1; number <= 3; ++number) {
    std::vector<Change> changes;
    for (std::uint64_t next = 2; next <= 1500; ++next) changes.push_back(row(number, next));
    changes.push_back(row(number, 1501, settled(JobWord::succeeded)));
    const std::vector submits{claimed_job(number)};
    static_cast<void>(store.commit(epoch, submits, changes));
  }
  const Expiry expiry{.succeeded_before = noon + 1h};

  CHECK(store.expire(epoch, expiry, 10) == 2);
  CHECK(store.expire(epoch, expiry, 10) == 1);
  CHECK(store.expire(epoch, expiry, 10) == 0);
}

TEST_CASE("D5: what is kept of many children goes bit by bit after their parent", "[storage]") {
  constexpr std::int64_t children = 1000;
  const TemporaryFolder folder;
  SqliteStore store{folder.path(), quick_start};
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  Change spawns = row(1, 2);
  spawns.gates = {{.step = 0, .beyond = {}}};
  std::vector<Change> settles;
  for (std::int64_t number = 2; number < 2 + children; ++number) {
    const stepd::engine::ParentLink link{id_of(1), 0, std::to_string(number)};
    NewJob child = claimed_job(number);
    child.parent = link;
    spawns.children.push_back(child);
    Change settle = row(number, 2, settled(JobWord::succeeded));
    settle.parent = link;
    settle.outcome = stepd::engine::ChildOutcome{};
    settles.push_back(settle);
  }
  static_cast<void>(change(store, epoch, {spawns}));
  static_cast<void>(change(store, epoch, settles));
  static_cast<void>(change(store, epoch, {row(1, 3, settled(JobWord::succeeded))}));
  const auto kept = [&folder] {
    Database file{sqlite_file(folder.path()), Database::Access::read};
    return file.number("SELECT (SELECT count(*) FROM child) + (SELECT count(*) FROM brood)");
  };

  static_cast<void>(change(store, epoch, {removal(1)}));
  CHECK(kept() == children);
  CHECK(store.expire(epoch, {}, 400) == 400);
  CHECK(kept() == children - 400);

  while (store.expire(epoch, {}, 400) != 0) {
  }
  CHECK(kept() == 0);
  CHECK(store.expire(epoch, {}, 400) == 0);
}
