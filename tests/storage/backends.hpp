#pragma once

#include <memory>

#include "storage/memory/memory_store.hpp"
#include "storage/sqlite/sqlite_reader.hpp"
#include "storage/sqlite/sqlite_store.hpp"
#include "tests/storage/record_builders.hpp"
#include "tests/support/temporary_folder.hpp"

/// The backends under the conformance suite: each gives a writing side, a reading side, and a crash
/// after which both begin again from what was committed.
namespace stepd::storage::testing {

class InMemory {
 public:
  Store& store() { return *store_; }
  Reader& reader() { return *store_; }
  void restart() { store_ = std::make_unique<MemoryStore>(store_->snapshot()); }

 private:
  std::unique_ptr<MemoryStore> store_ = std::make_unique<MemoryStore>();
};

class InSqlite {
 public:
  InSqlite() { open(); }
  Store& store() { return *store_; }
  Reader& reader() { return *reader_; }
  void restart() {
    reader_.reset();
    store_.reset();
    open();
  }

 private:
  void open() {
    store_ = std::make_unique<SqliteStore>(folder_.path(), SqliteOptions{.prewrite_wal = false});
    reader_ = std::make_unique<SqliteReader>(folder_.path());
  }

  support::TemporaryFolder folder_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<SqliteReader> reader_;
};

}  // namespace stepd::storage::testing

/// Commits of a test that is about something else.
namespace stepd::storage::testing {

inline BatchResult submit(Store& store, Epoch epoch, std::vector<NewJob> jobs) {
  return store.commit(epoch, jobs, {});
}
inline BatchResult change(Store& store, Epoch epoch, std::vector<Change> changes) {
  return store.commit(epoch, {}, changes);
}
inline const ChangeResult committed{Committed{}};
inline const ChangeResult conflict{Conflict{}};

}  // namespace stepd::storage::testing

#define STORE_TEST_CASE(name)                                                \
  TEMPLATE_TEST_CASE(name, "[storage]", ::stepd::storage::testing::InMemory, \
                     ::stepd::storage::testing::InSqlite)
