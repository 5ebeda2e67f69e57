#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;

namespace {

std::size_t expire_all(Store& store, Epoch epoch, const Expiry& expiry, std::size_t limit) {
  std::size_t total = 0;
  while (const std::size_t removed = store.expire(epoch, expiry, limit)) total += removed;
  return total;
}

const Expiry everything{
    .succeeded_before = noon + 1h, .unsuccessful_before = noon + 1h, .keys_before = noon + 1h};

}  // namespace

STORE_TEST_CASE("a removed job is gone with all that belongs to it but its key") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {keyed_job(1, {.key = "k", .content = content('a')}), job(2)});
  change(store, epoch,
         {row(1, 2), blobs(1, {{.bytes = "half way"}}), row(1, 3, settled(JobWord::failed))});

  const auto result = change(store, epoch, {removal(1), row(1, 4), removal(1)});

  CHECK(result.changes == std::vector{committed, conflict, conflict});
  CHECK_FALSE(backend.reader().find(id_of(1)));
  CHECK(backend.reader().journal(id_of(1), 0, 10).empty());
  CHECK(backend.reader().blobs(id_of(1), 0).empty());
  CHECK(backend.reader().counts() == std::vector<Count>{{JobWord::queued, 1}});
  CHECK(submit(store, epoch, {keyed_job(3, {.key = "k", .content = content('a')})}).submits ==
        std::vector<SubmitResult>{Duplicate{id_of(1), content('a')}});
}

STORE_TEST_CASE("a removed job is not claimed any more and its id is free of claims") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});

  change(store, epoch, {removal(1)});

  CHECK(store.claim(epoch, noon, 10).jobs.empty());
  CHECK_FALSE(store.load(epoch, id_of(1)));
}

STORE_TEST_CASE("D5: expiry removes what settled before and nothing that is not settled") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {job(1, settled(JobWord::succeeded, noon - 1us)), job(2, settled(JobWord::succeeded)),
          job(3, settled(JobWord::failed, noon - 2h)),
          job(4, settled(JobWord::compensated, noon - 1us)),
          job(5, settled(JobWord::cancelled, noon - 3h)), job(6, queued(noon - 24h)),
          job(7, waiting(std::nullopt)), job(8, settled(JobWord::discarded, noon - 2h))});
  change(store, epoch,
         {row(3, 2, settled(JobWord::failed, noon - 2h)), blobs(3, {{.bytes = "x"}})});

  const Expiry expiry{
      .succeeded_before = noon, .unsuccessful_before = noon - 1h, .keys_before = {}};
  CHECK(expire_all(store, epoch, expiry, 100) == 4);

  CHECK(numbers_of(backend.reader().page({}, {}, 10)) == std::vector<std::int64_t>{7, 6, 4, 2});
  CHECK(backend.reader().journal(id_of(3), 0, 10).empty());
  CHECK(backend.reader().blobs(id_of(3), 0).empty());
  CHECK(backend.reader().counts() == std::vector<Count>{{JobWord::queued, 1},
                                                        {JobWord::waiting, 1},
                                                        {JobWord::succeeded, 1},
                                                        {JobWord::compensated, 1}});
}

STORE_TEST_CASE("D5: one expiry removes no more than its limit") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  for (std::int64_t number = 1; number <= 7; ++number) {
    const JobWord word = number % 2 == 0 ? JobWord::succeeded : JobWord::failed;
    submit(store, epoch, {job(number, settled(word))});
  }

  CHECK(store.expire(epoch, everything, 0) == 0);
  CHECK(store.expire(epoch, everything, 4) == 4);
  CHECK(backend.reader().page({}, {}, 10).size() == 3);
  CHECK(store.expire(epoch, everything, 4) == 3);
  CHECK(store.expire(epoch, everything, 4) == 0);
}

STORE_TEST_CASE("J3: a key expires once its job is gone and settled long enough ago") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const SubmitKey kept{.key = "kept", .content = content('a')};
  const SubmitKey old{.key = "old", .content = content('b')};
  const SubmitKey recent{.key = "recent", .content = content('c')};
  submit(store, epoch, {keyed_job(1, kept), keyed_job(2, old), keyed_job(3, recent)});
  change(store, epoch,
         {row(1, 2, settled(JobWord::succeeded, noon - 2h)),
          row(2, 2, settled(JobWord::succeeded, noon - 2h)),
          row(3, 2, settled(JobWord::succeeded, noon)), removal(2), removal(3)});

  CHECK(expire_all(store, epoch, {.keys_before = noon - 1h}, 100) == 1);

  CHECK(
      submit(store, epoch, {keyed_job(4, kept), keyed_job(5, old), keyed_job(6, recent)}).submits ==
      std::vector<SubmitResult>{Duplicate{id_of(1), content('a')}, Committed{},
                                Duplicate{id_of(3), content('c')}});
}

STORE_TEST_CASE("expired jobs and keys go in bounded batches until nothing is left") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  for (std::int64_t number = 1; number <= 9; ++number) {
    NewJob old = keyed_job(number, {.key = "k" + std::to_string(number), .content = content('a')});
    old.head = settled(JobWord::succeeded);
    submit(store, epoch, {old});
  }

  CHECK(expire_all(store, epoch, everything, 4) == 18);

  CHECK(backend.reader().page({}, {}, 10).empty());
  CHECK(backend.reader().counts().empty());
  CHECK(submit(store, epoch, {keyed_job(10, {.key = "k1", .content = content('z')})}).submits ==
        std::vector<SubmitResult>{Committed{}});
}

STORE_TEST_CASE("the highest id is of all jobs ever recorded") {
  TestType backend;
  auto epoch = backend.store().acquire();
  CHECK(backend.store().highest_id() == JobId{});
  submit(backend.store(), epoch, {job(5), job(3), job(4, settled(JobWord::failed))});
  CHECK(backend.store().highest_id() == id_of(5));

  change(backend.store(), epoch, {removal(5)});
  backend.store().expire(epoch, everything, 10);

  CHECK(backend.store().highest_id() == id_of(5));
  backend.restart();
  CHECK(backend.store().highest_id() == id_of(5));
}

STORE_TEST_CASE("tidying changes nothing that can be seen and ends") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1)});
  const auto before = backend.reader().find(id_of(1));

  int rounds = 0;
  while (store.tidy(Lull::quiet) && rounds < 1000) ++rounds;

  CHECK(rounds < 1000);
  CHECK(backend.reader().find(id_of(1)) == before);
  CHECK(change(store, epoch, {row(1, 2)}).changes == std::vector{committed});
}
