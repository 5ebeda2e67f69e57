#include "tests/support/faulty_store.hpp"

#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;
using stepd::support::FaultyStore;
using stepd::support::HostDied;

TEST_CASE("a planted fault strikes at its commit and keeps or loses as it says", "[storage]") {
  MemoryStore record;
  FaultyStore store{record};
  const auto epoch = store.acquire();
  store.plant(2, FaultyStore::Fault::fails);
  store.plant(3, FaultyStore::Fault::kept_but_unknown, StoreError::Kind::broken);
  store.plant(4, FaultyStore::Fault::dies_before);
  store.plant(5, FaultyStore::Fault::dies_after);
  const auto commit = [&](std::int64_t number) {
    const std::vector submits{job(number)};
    return store.commit(epoch, submits, {});
  };

  CHECK(commit(1).submits.size() == 1);
  CHECK(failure_of([&] { return commit(2); }) == StoreError::Kind::full);
  CHECK(failure_of([&] { return commit(3); }) == StoreError::Kind::broken);
  CHECK_THROWS_AS(commit(4), HostDied);
  CHECK_THROWS_AS(commit(5), HostDied);
  CHECK(commit(6).submits.size() == 1);

  CHECK(numbers_of(record.page({}, {}, 10)) == std::vector<std::int64_t>{6, 5, 3, 1});
  CHECK(store.commits() == 6);
}

TEST_CASE("a batch with a refused job is refused until the job is taken again", "[storage]") {
  MemoryStore record;
  FaultyStore store{record};
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1), job(2)});
  store.refuse(id_of(2));
  const std::vector both{row(1, 2), row(2, 2)};

  CHECK(failure_of([&] { return store.commit(epoch, {}, both); }) == StoreError::Kind::refused);
  CHECK(record.find(id_of(1))->rows.size() == 1);
  CHECK(change(store, epoch, {row(1, 2)}).changes == std::vector{committed});
  store.take_again(id_of(2));
  CHECK(change(store, epoch, {row(2, 2)}).changes == std::vector{committed});
}
