#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;

using Numbers = std::vector<std::int64_t>;

STORE_TEST_CASE("a claim takes the jobs that are due and the earliest due first") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {job(1, queued(noon)), job(2, queued(noon - 2s)), job(3, queued(noon + 1us)),
          job(4, queued(noon - 2s)), job(5, waiting(std::nullopt)),
          job(6, settled(JobWord::discarded))});

  const Claim claim = store.claim(epoch, noon, 10);

  CHECK(numbers_of(claim.jobs) == Numbers{2, 4, 1});
  CHECK(claim.next_due == noon + 1us);
}

STORE_TEST_CASE("a claimed job comes with its whole record") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1)});
  change(store, epoch, {row(1, 2)});

  const Claim claim = store.claim(epoch, noon, 1);

  REQUIRE(claim.jobs.size() == 1);
  CHECK(claim.jobs[0] == backend.reader().find(id_of(1)));
  CHECK(claim.jobs[0].rows.size() == 2);
}

STORE_TEST_CASE("a claim takes no more than its limit and the next goes on from there") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {job(1), job(2), job(3), job(4), job(5), job(6, waiting(noon + 5s)),
          job(7, waiting(noon + 4s))});

  CHECK(store.claim(epoch, noon, 0).jobs.empty());
  const Claim first = store.claim(epoch, noon, 2);
  CHECK(numbers_of(first.jobs) == Numbers{1, 2});
  CHECK(first.next_due == noon + 4s);
  CHECK(numbers_of(store.claim(epoch, noon, 2).jobs) == Numbers{3, 4});
  CHECK(numbers_of(store.claim(epoch, noon, 2).jobs) == Numbers{5});
  CHECK(store.claim(epoch, noon, 2).jobs.empty());
}

STORE_TEST_CASE("the next due time is of a job this host is not already at work on") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1, waiting(noon + 1s)), job(2, waiting(noon + 2s))});

  CHECK(store.claim(epoch, noon, 5).next_due == noon + 2s);
  REQUIRE(store.load(epoch, id_of(2)));
  CHECK(store.claim(epoch, noon, 5).next_due == std::nullopt);
}

STORE_TEST_CASE("a job submitted as claimed is claimed") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), job(2)});

  CHECK(numbers_of(store.claim(epoch, noon, 10).jobs) == Numbers{2});
}

STORE_TEST_CASE("a job set aside is claimable again when its head says so") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2), claimed_job(3)});

  change(store, epoch, {released(row(1, 2, waiting(noon + 1s))), released(row(2, 2)), row(3, 2)});

  CHECK(numbers_of(store.claim(epoch, noon, 10).jobs) == Numbers{2});
  CHECK(numbers_of(store.claim(epoch, noon + 1s, 10).jobs) == Numbers{1});
}

STORE_TEST_CASE("a job released without a row is claimable again") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  Change release = released(blobs(1, {}));
  release.head = waiting(noon - 1s);

  REQUIRE(change(store, epoch, {release}).changes == std::vector{committed});

  CHECK(numbers_of(store.claim(epoch, noon, 10).jobs) == Numbers{1});
}

STORE_TEST_CASE("a release that conflicts releases nothing") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});

  REQUIRE(change(store, epoch, {released(row(1, 7))}).changes == std::vector{conflict});

  CHECK(store.claim(epoch, noon, 10).jobs.empty());
}

STORE_TEST_CASE("J5: a settled job is never claimed") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), job(2)});
  change(store, epoch,
         {row(1, 2, settled(JobWord::succeeded)), row(2, 2, settled(JobWord::failed))});

  CHECK(store.claim(epoch, noon + 24h, 10).jobs.empty());
  const auto loaded = store.load(epoch, id_of(1));
  REQUIRE(loaded);
  CHECK(loaded->head == settled(JobWord::succeeded));
  CHECK(store.claim(epoch, noon + 24h, 10).next_due == std::nullopt);
}

STORE_TEST_CASE("a new epoch makes every claimed job free") {
  TestType backend;
  Store& store = backend.store();
  const auto first = store.acquire();
  submit(store, first, {claimed_job(1), job(2)});
  REQUIRE(numbers_of(store.claim(first, noon, 10).jobs) == Numbers{2});

  const auto second = store.acquire();

  CHECK(numbers_of(store.claim(second, noon, 10).jobs) == Numbers{1, 2});
}

STORE_TEST_CASE("a restarted host finds the jobs it was at work on") {
  TestType backend;
  auto epoch = backend.store().acquire();
  submit(backend.store(), epoch, {claimed_job(1)});
  change(backend.store(), epoch, {row(1, 2)});

  backend.restart();

  epoch = backend.store().acquire();
  const Claim claim = backend.store().claim(epoch, noon, 10);
  REQUIRE(numbers_of(claim.jobs) == Numbers{1});
  CHECK(claim.jobs[0].rows.size() == 2);
}

STORE_TEST_CASE("load gives a job claimed or not and claims it") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1), job(2, waiting(noon + 1h)), claimed_job(3)});

  CHECK_FALSE(store.load(epoch, id_of(9)));
  for (const std::int64_t number : {1, 2, 3}) {
    const auto loaded = store.load(epoch, id_of(number));
    REQUIRE(loaded);
    CHECK(loaded == backend.reader().find(id_of(number)));
  }
  CHECK(store.claim(epoch, noon + 1h, 10).jobs.empty());
}

STORE_TEST_CASE("a change of an unclaimed job does not claim it") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1)});

  change(store, epoch, {row(1, 2, waiting(noon + 1s))});

  CHECK(store.claim(epoch, noon, 10).next_due == noon + 1s);
  CHECK(numbers_of(store.claim(epoch, noon + 1s, 10).jobs) == Numbers{1});
}

STORE_TEST_CASE("J8: jobs that wait for a step type become due when it is offered") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  JobHead with_deadline = waiting_for_type("bank.audit");
  with_deadline.due = noon + 1h;
  JobHead overdue = waiting_for_type("bank.audit");
  overdue.due = noon - 1h;
  submit(store, epoch,
         {job(1, waiting_for_type("bank.audit")), job(2, waiting_for_type("bank.other")),
          job(3, with_deadline), job(4, queued(noon + 1h)), job(5, overdue)});

  CHECK(store.offer(epoch, {"bank.audit", "bank.unheard_of"}, noon, 10) == 3);

  const Claim claim = store.claim(epoch, noon, 10);
  CHECK(numbers_of(claim.jobs) == Numbers{5, 1, 3});
  CHECK(claim.jobs[1].head == JobHead{.word = JobWord::waiting, .due = noon});
  CHECK(store.offer(epoch, {"bank.audit"}, noon, 10) == 0);
  CHECK(store.offer(epoch, {}, noon, 10) == 0);
}

STORE_TEST_CASE("J8: a job that waits for several step types becomes due with each of them") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  JobHead several = waiting_for_type("a");
  several.also_needs = {"b", "c"};
  JobHead fewer = waiting_for_type("a");
  fewer.also_needs = {"c"};
  submit(store, epoch, {job(1, several), job(2, several), claimed_job(3, several)});
  Change reworded = row(3, 2, fewer);
  reworded.release = true;
  change(store, epoch, {reworded});

  CHECK(backend.reader().find(id_of(3))->head == fewer);
  CHECK(store.offer(epoch, {"b"}, noon, 1) == 1);
  CHECK(store.offer(epoch, {"b"}, noon, 10) == 1);
  const Claim claim = store.claim(epoch, noon, 10);
  CHECK(numbers_of(claim.jobs) == std::vector<std::int64_t>{1, 2});
  CHECK(claim.jobs[0].head == JobHead{.word = JobWord::waiting, .due = noon});
  CHECK(store.offer(epoch, {"c"}, noon, 10) == 1);
  CHECK(store.offer(epoch, {"a", "b", "c"}, noon, 10) == 0);
}

STORE_TEST_CASE("an offer finds no more than its limit and asking again finds the rest") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {job(1, waiting_for_type("a")), job(2, waiting_for_type("b")),
          job(3, waiting_for_type("a")), job(4, waiting_for_type("b"))});

  CHECK(store.offer(epoch, {"a", "b"}, noon, 0) == 0);
  CHECK(store.offer(epoch, {"a", "b"}, noon, 3) == 3);
  CHECK(store.offer(epoch, {"a", "b"}, noon, 3) == 1);
  CHECK(store.offer(epoch, {"a", "b"}, noon, 3) == 0);
  CHECK(store.claim(epoch, noon, 10).jobs.size() == 4);
}

STORE_TEST_CASE("T1: waits on record end earlier and never later than their length from now") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const auto span = [](TimePoint due, stepd::engine::Duration wait) {
    return JobHead{.word = JobWord::waiting, .due = due, .wait = wait};
  };
  submit(store, epoch,
         {job(1, span(noon + 60min, 70min)), job(2, span(noon + 60min, 20min)),
          job(3, span(noon - 1min, 20min)), job(4, waiting(noon + 60min)),
          job(5, span(noon + 5min, 70min))});

  store.shorten_waits(epoch, noon, 10min);

  CHECK(backend.reader().find(id_of(1))->head == span(noon + 50min, 70min));
  CHECK(backend.reader().find(id_of(2))->head == span(noon + 20min, 20min));
  CHECK(backend.reader().find(id_of(3))->head == span(noon - 1min, 20min));
  CHECK(backend.reader().find(id_of(4))->head == waiting(noon + 60min));
  CHECK(numbers_of(store.claim(epoch, noon, 10).jobs) == Numbers{5, 3});
}

namespace {

JobHead urgent(std::int32_t priority, TimePoint due = noon) {
  JobHead head = queued(due);
  head.priority = priority;
  return head;
}

}  // namespace

STORE_TEST_CASE("a point of priority is worth ten seconds of waiting in a claim") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {job(1, urgent(0, noon - 15s)), job(2, urgent(1)), job(3, urgent(2)), job(4, urgent(-1)),
          job(5, urgent(100, noon + 1s)), job(6, urgent(-100, noon - 2000s))});

  const Claim claim = store.claim(epoch, noon, 4);

  CHECK(numbers_of(claim.jobs) == Numbers{6, 3, 1, 2});
  CHECK(claim.next_due == noon + 1s);
  CHECK(numbers_of(store.claim(epoch, noon + 1s, 4).jobs) == Numbers{5, 4});
}

STORE_TEST_CASE("a job's priority is what its head says last and is told with it") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), job(2), job(3, urgent(-5))});
  change(store, epoch, {released(row(1, 2, urgent(-7)))});

  CHECK(backend.reader().page({}, std::nullopt, 9)[2].head.priority == -7);
  const Claim claim = store.claim(epoch, noon, 9);
  CHECK(numbers_of(claim.jobs) == Numbers{2, 3, 1});
  CHECK(claim.jobs[2].head.priority == -7);
}

STORE_TEST_CASE("waits are shortened and jobs come due whatever their priority") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  JobHead low = waiting(noon + 1h);
  low.wait = 30min;
  low.priority = -3;
  JobHead high = low;
  high.priority = 3;
  submit(store, epoch, {job(1, low), job(2, high)});

  store.shorten_waits(epoch, noon, 0s);

  CHECK(store.claim(epoch, noon, 9).next_due == noon + 30min);
  CHECK(numbers_of(store.claim(epoch, noon + 30min, 9).jobs) == Numbers{2, 1});
}

STORE_TEST_CASE("a priority beyond the bounds is refused") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();

  CHECK(failure_of([&] { return submit(store, epoch, {job(1, urgent(101))}); }) ==
        StoreError::Kind::refused);
}
