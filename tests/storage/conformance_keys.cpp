#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;

namespace {

const SubmitKey order{.key = "order-42", .content = content('a')};

SubmitKey rerunning(SubmitKey key) {
  key.rerun_unsuccessful = true;
  return key;
}
NewJob of_tenant(NewJob made, const std::string& tenant) {
  made.tenant = tenant;
  return made;
}
SubmitResult duplicate_of(std::int64_t number, char filling = 'a') {
  return Duplicate{id_of(number), content(filling)};
}

}  // namespace

STORE_TEST_CASE("J3: a key that names a job already gives that job and its content") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {keyed_job(1, order)});

  const auto result =
      submit(store, epoch,
             {keyed_job(2, order), keyed_job(3, {.key = "order-42", .content = content('b')}),
              keyed_job(4, {.key = "order-43", .content = content('c')})});

  CHECK(result.submits == std::vector<SubmitResult>{duplicate_of(1), duplicate_of(1), Committed{}});
  CHECK_FALSE(backend.reader().find(id_of(2)));
  CHECK_FALSE(backend.reader().find(id_of(3)));
}

STORE_TEST_CASE("J3: of two submits with one key in one batch the second is a duplicate") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();

  const auto result = submit(store, epoch, {keyed_job(1, order), keyed_job(2, order)});

  CHECK(result.submits == std::vector<SubmitResult>{Committed{}, duplicate_of(1)});
  CHECK(numbers_of(backend.reader().page({}, {}, 10)) == std::vector<std::int64_t>{1});
}

STORE_TEST_CASE("J3: tenants share no keys") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();

  const auto result = submit(store, epoch,
                             {keyed_job(1, order), of_tenant(keyed_job(2, order), "north"),
                              of_tenant(keyed_job(3, order), "north")});

  CHECK(result.submits == std::vector<SubmitResult>{Committed{}, Committed{}, duplicate_of(2)});
}

STORE_TEST_CASE("jobs without a key are never duplicates") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();

  const auto result = submit(store, epoch, {job(1), job(2)});

  CHECK(result.submits == std::vector<SubmitResult>{Committed{}, Committed{}});
}

STORE_TEST_CASE("J3: rerun_unsuccessful takes the key over when the last run did not succeed") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const auto word =
      GENERATE(JobWord::compensated, JobWord::failed, JobWord::cancelled, JobWord::discarded);
  submit(store, epoch, {keyed_job(1, order)});
  change(store, epoch, {row(1, 2, settled(word))});

  CHECK(submit(store, epoch, {keyed_job(2, order)}).submits ==
        std::vector<SubmitResult>{duplicate_of(1)});
  CHECK(submit(store, epoch, {keyed_job(2, rerunning(order)), keyed_job(3, rerunning(order))})
            .submits == std::vector<SubmitResult>{Committed{}, duplicate_of(2)});
  CHECK(submit(store, epoch, {keyed_job(4, order)}).submits ==
        std::vector<SubmitResult>{duplicate_of(2)});
  CHECK(backend.reader().find(id_of(1))->key == "order-42");
}

STORE_TEST_CASE("J3: rerun_unsuccessful takes no key from a job that succeeded or goes on") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {keyed_job(1, order)});

  const auto rerun = [&] { return submit(store, epoch, {keyed_job(2, rerunning(order))}).submits; };
  CHECK(rerun() == std::vector<SubmitResult>{duplicate_of(1)});
  change(store, epoch, {row(1, 2, JobHead{.word = JobWord::parked})});
  CHECK(rerun() == std::vector<SubmitResult>{duplicate_of(1)});
  change(store, epoch, {row(1, 3, settled(JobWord::succeeded))});
  CHECK(rerun() == std::vector<SubmitResult>{duplicate_of(1)});
}

STORE_TEST_CASE("J3: rerun_unsuccessful with other content takes no key over") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {keyed_job(1, order)});
  change(store, epoch, {row(1, 2, settled(JobWord::failed))});
  const SubmitKey other{.key = order.key, .content = content('b')};

  CHECK(submit(store, epoch, {keyed_job(2, rerunning(other))}).submits ==
        std::vector<SubmitResult>{duplicate_of(1)});
}

STORE_TEST_CASE("J3: a key outlives its job and remembers how that ended") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const SubmitKey good{.key = "good", .content = content('g')};
  const SubmitKey bad{.key = "bad", .content = content('b')};
  submit(store, epoch, {keyed_job(1, good), keyed_job(2, bad)});
  change(store, epoch,
         {row(1, 2, settled(JobWord::succeeded)), row(2, 2, settled(JobWord::failed)), removal(1),
          removal(2)});
  REQUIRE_FALSE(backend.reader().find(id_of(1)));
  REQUIRE_FALSE(backend.reader().find(id_of(2)));

  CHECK(submit(store, epoch, {keyed_job(3, good), keyed_job(4, rerunning(good)), keyed_job(5, bad)})
            .submits == std::vector<SubmitResult>{duplicate_of(1, 'g'), duplicate_of(1, 'g'),
                                                  duplicate_of(2, 'b')});
  CHECK(submit(store, epoch, {keyed_job(6, rerunning(bad))}).submits ==
        std::vector<SubmitResult>{Committed{}});
}

STORE_TEST_CASE("the end of an older job leaves the key with the newer one") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {keyed_job(1, order)});
  change(store, epoch, {row(1, 2, settled(JobWord::failed))});
  submit(store, epoch, {keyed_job(2, rerunning(order))});

  change(store, epoch, {removal(1)});
  store.expire(epoch, {.keys_before = noon + 1h}, 10);

  CHECK(submit(store, epoch, {keyed_job(3, order), keyed_job(4, rerunning(order))}).submits ==
        std::vector<SubmitResult>{duplicate_of(2), duplicate_of(2)});
}
