#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;

STORE_TEST_CASE("a submitted job reads back byte for byte") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  NewJob sent = keyed_job(1, {.key = "order-42", .content = content('a')});
  sent.definition = std::string("\0\x01 half text \xff", 14);
  sent.first_row = std::string("\0", 1);
  sent.head = {.word = JobWord::waiting, .due = noon + 1s, .needs = "bank.transfer@2"};

  const BatchResult result = submit(store, epoch, {sent});

  REQUIRE(result.submits == std::vector<SubmitResult>{Committed{}});
  CHECK(backend.reader().find(id_of(1)) ==
        LoadedJob{.id = id_of(1),
                  .tenant = "default",
                  .name = "transfer",
                  .key = "order-42",
                  .head = sent.head,
                  .definition = sent.definition,
                  .rows = {{.number = 1, .at = noon, .entries = sent.first_row}}});
}

STORE_TEST_CASE("empty texts and bytes stay empty and are no absence") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  NewJob sent = job(1);
  sent.tenant = sent.name = sent.definition = sent.first_row = std::string{};
  Change added = row(1, 2);
  added.entries.clear();
  added.blobs = {{.kind = StepBlob::Kind::memo, .key = "", .bytes = ""}};

  submit(store, epoch, {sent});
  REQUIRE(change(store, epoch, {added}).changes == std::vector{committed});

  const auto kept = backend.reader().find(id_of(1));
  REQUIRE(kept);
  CHECK(kept->definition.empty());
  CHECK(kept->key.empty());
  CHECK(kept->rows == std::vector<StoredRow>{{1, noon, ""}, {2, noon + 2s, ""}});
  CHECK(backend.reader().blobs(id_of(1), 0) == added.blobs);
}

STORE_TEST_CASE("a change appends its row and rewrites the head") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});

  const auto result =
      change(store, epoch, {row(1, 2), row(1, 3, settled(JobWord::succeeded, noon + 3s))});

  CHECK(result.changes == std::vector{committed, committed});
  const auto kept = backend.reader().find(id_of(1));
  REQUIRE(kept);
  CHECK(kept->head == settled(JobWord::succeeded, noon + 3s));
  CHECK(kept->rows == std::vector<StoredRow>{{1, noon, "accepted 1"},
                                             {2, noon + 2s, "row 2"},
                                             {3, noon + 3s, "row 3"}});
}

STORE_TEST_CASE("a batch applies its submits before its changes and all in order") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const std::vector submits{job(1), job(2)};
  const std::vector changes{row(2, 2), row(1, 2), row(2, 3)};

  const auto result = store.commit(epoch, submits, changes);

  CHECK(result.submits == std::vector<SubmitResult>{Committed{}, Committed{}});
  CHECK(result.changes == std::vector{committed, committed, committed});
  CHECK(numbers_of(backend.reader().journal(id_of(2), 0, 10)) ==
        std::vector<std::uint64_t>{1, 2, 3});
}

STORE_TEST_CASE(
    "a change whose predecessor is not the last row is a conflict and leaves no trace") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1), job(2)});
  Change repeated = row(1, 1, settled(JobWord::failed));
  Change gap = row(1, 3, settled(JobWord::failed));
  gap.blobs = {{.bytes = "checkpoint"}};
  Change of_no_job = row(9, 2);

  const auto result = change(store, epoch, {repeated, gap, of_no_job, row(2, 2)});

  CHECK(result.changes == std::vector{conflict, conflict, conflict, committed});
  const auto kept = backend.reader().find(id_of(1));
  REQUIRE(kept);
  CHECK(kept->head == queued());
  CHECK(kept->rows.size() == 1);
  CHECK(backend.reader().blobs(id_of(1), 0).empty());
}

STORE_TEST_CASE("a row is recorded once however often it is sent") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), job(2)});

  const auto result = change(store, epoch, {row(1, 2), row(1, 2), row(2, 2), row(2, 2)});

  CHECK(result.changes == std::vector{committed, conflict, committed, conflict});
  CHECK(backend.reader().journal(id_of(1), 0, 10).size() == 2);
}

STORE_TEST_CASE("a change of a job that is not there is a conflict also without a row") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();

  const auto result = change(store, epoch, {blobs(1, {{.bytes = "lost"}}), removal(1)});

  CHECK(result.changes == std::vector{conflict, conflict});
  CHECK(backend.reader().blobs(id_of(1), 0).empty());
}

STORE_TEST_CASE("D1: a batch with one item that cannot be kept leaves no trace of any") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), keyed_job(2, {.key = "k", .content = content('a')})});
  const auto before = backend.reader().counts();
  NewJob bad_hash = keyed_job(4, {.key = "fresh", .content = {"too short"}});
  Change bad_head = row(2, 2, JobHead{.word = JobWord::failed});
  Change due_though_settled = row(2, 2, settled(JobWord::failed));
  due_though_settled.head->due = noon;
  Change drops_the_last = row(2, 2);
  drops_the_last.dropped_rows = {2};
  Change drops_the_first = row(2, 2);
  drops_the_first.dropped_rows = {1};
  const std::vector good_submits{keyed_job(3, {.key = "new", .content = content('b')})};
  const std::vector good_changes{row(1, 2, settled(JobWord::succeeded))};
  const auto refused = std::optional{StoreError::Kind::refused};

  for (const NewJob& bad : {bad_hash, job(2), job(0 - 1'200'000'000'000'000)}) {
    const std::vector submits{good_submits[0], bad};
    CHECK(failure_of([&] { return store.commit(epoch, submits, good_changes); }) == refused);
  }
  for (const Change& bad : {bad_head, due_though_settled, drops_the_last, drops_the_first}) {
    const std::vector changes{good_changes[0], bad};
    CHECK(failure_of([&] { return store.commit(epoch, good_submits, changes); }) == refused);
  }

  CHECK_FALSE(backend.reader().find(id_of(3)));
  CHECK(backend.reader().find(id_of(1))->rows.size() == 1);
  CHECK(backend.reader().counts() == before);
  CHECK(store.highest_id() == id_of(2));
  const auto again = store.commit(epoch, good_submits, good_changes);
  CHECK(again.submits == std::vector<SubmitResult>{Committed{}});
  CHECK(again.changes == std::vector{committed});
}

STORE_TEST_CASE("a refused batch claims and releases nothing") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), job(2)});
  const std::vector submits{claimed_job(3), job(2)};
  const std::vector changes{released(row(1, 2))};
  REQUIRE(failure_of([&] { return store.commit(epoch, submits, changes); }) ==
          StoreError::Kind::refused);

  CHECK(numbers_of(store.claim(epoch, noon, 10).jobs) == std::vector<std::int64_t>{2});
  submit(store, epoch, {job(3)});
  CHECK(numbers_of(store.claim(epoch, noon, 10).jobs) == std::vector<std::int64_t>{3});
}

STORE_TEST_CASE("D3: a host that was fenced changes and claims nothing") {
  TestType backend;
  Store& store = backend.store();
  const auto stale = store.acquire();
  submit(store, stale, {job(1)});
  const auto current = store.acquire();
  const auto fenced = std::optional{StoreError::Kind::fenced};
  const std::vector submits{job(2)};
  const std::vector changes{row(1, 2)};

  REQUIRE(current > stale);
  for (const Epoch epoch : {stale, Epoch{0}, Epoch{current.value + 1}}) {
    CHECK(failure_of([&] { return store.commit(epoch, submits, {}); }) == fenced);
    CHECK(failure_of([&] { return store.commit(epoch, {}, changes); }) == fenced);
    CHECK(failure_of([&] { return store.claim(epoch, noon, 1); }) == fenced);
    CHECK(failure_of([&] { return store.load(epoch, id_of(1)); }) == fenced);
    CHECK(failure_of([&] { return store.offer(epoch, {"x"}, noon, 1); }) == fenced);
    CHECK(failure_of([&] { return store.expire(epoch, {}, 1); }) == fenced);
  }

  CHECK_FALSE(backend.reader().find(id_of(2)));
  CHECK(backend.reader().find(id_of(1))->rows.size() == 1);
  CHECK(change(store, current, {row(1, 2)}).changes == std::vector{committed});
}

STORE_TEST_CASE("nobody writes before an epoch was acquired") {
  TestType backend;
  const std::vector submits{job(1)};

  CHECK(failure_of([&] { return backend.store().commit(Epoch{}, submits, {}); }) ==
        StoreError::Kind::fenced);
}

STORE_TEST_CASE("epochs grow over a restart") {
  TestType backend;
  const auto before = backend.store().acquire();

  backend.restart();

  CHECK(backend.store().acquire() > before);
}

STORE_TEST_CASE("D2: what was committed is there after a restart and nothing else") {
  TestType backend;
  auto epoch = backend.store().acquire();
  submit(backend.store(), epoch, {keyed_job(1, {.key = "k", .content = content('a')}), job(2)});
  change(backend.store(), epoch, {row(1, 2), blobs(1, {{.step = 3, .bytes = "half way"}})});
  const auto before = backend.reader().find(id_of(1));
  const auto counts = backend.reader().counts();
  const std::vector refused{job(3), job(2)};
  REQUIRE(failure_of([&] { return backend.store().commit(epoch, refused, {}); }));

  backend.restart();

  epoch = backend.store().acquire();
  CHECK(backend.reader().find(id_of(1)) == before);
  CHECK(backend.reader().blobs(id_of(1), 3).size() == 1);
  CHECK_FALSE(backend.reader().find(id_of(3)));
  CHECK(backend.reader().counts() == counts);
  CHECK(backend.store().highest_id() == id_of(2));
  CHECK(submit(backend.store(), epoch, {keyed_job(4, {.key = "k", .content = content('a')})})
            .submits == std::vector<SubmitResult>{Duplicate{id_of(1), content('a')}});
  CHECK(change(backend.store(), epoch, {row(1, 2), row(1, 3)}).changes ==
        std::vector{conflict, committed});
}

STORE_TEST_CASE(
    "D6: rows dropped from the middle are gone and the journal goes on after its last") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {row(1, 2), row(1, 3), row(1, 4), row(1, 5)});
  Change dropping = row(1, 6);
  dropping.dropped_rows = {3, 5};

  REQUIRE(change(store, epoch, {dropping}).changes == std::vector{committed});

  CHECK(numbers_of(backend.reader().journal(id_of(1), 0, 10)) ==
        std::vector<std::uint64_t>{1, 2, 4, 6});
  backend.restart();
  const auto later = backend.store().acquire();
  CHECK(change(backend.store(), later, {row(1, 5), row(1, 6), row(1, 7)}).changes ==
        std::vector{conflict, conflict, committed});
}

STORE_TEST_CASE("A10: a checkpoint replaces and the first write of a memo wins") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1)});
  const StepBlob checkpoint{.step = 2, .bytes = "page 1"};
  const StepBlob memo{.kind = StepBlob::Kind::memo, .step = 2, .key = "rate", .bytes = "1.07"};
  StepBlob later_checkpoint = checkpoint;
  later_checkpoint.bytes = "page 2";
  StepBlob later_memo = memo;
  later_memo.bytes = "1.09";

  change(store, epoch, {blobs(1, {checkpoint, memo})});
  const auto result = change(store, epoch, {blobs(1, {later_checkpoint, later_memo})});

  CHECK(result.changes == std::vector{committed});
  CHECK(backend.reader().blobs(id_of(1), 2) == std::vector{later_checkpoint, memo});
}

STORE_TEST_CASE("blobs of a step are listed by phase then kind then key and no other step's") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1), job(2)});
  const auto memo = [](Phase phase, const std::string& key) {
    return StepBlob{
        .kind = StepBlob::Kind::memo, .step = 1, .phase = phase, .key = key, .bytes = key};
  };
  const StepBlob undo_checkpoint{.step = 1, .phase = Phase::compensate, .bytes = "undone"};
  const StepBlob checkpoint{.step = 1, .bytes = "done"};
  const StepBlob of_another_step{.step = 0, .bytes = "other"};

  change(store, epoch,
         {blobs(1, {memo(Phase::compensate, "a"), memo(Phase::execute, "b"), undo_checkpoint,
                    memo(Phase::execute, "a"), of_another_step, checkpoint}),
          blobs(2, {checkpoint})});

  CHECK(backend.reader().blobs(id_of(1), 1) ==
        std::vector{checkpoint, memo(Phase::execute, "a"), memo(Phase::execute, "b"),
                    undo_checkpoint, memo(Phase::compensate, "a")});
}

STORE_TEST_CASE("records far larger than a page read back whole") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  NewJob large = job(1);
  large.definition = std::string(1 << 20, 'd');
  Change added = row(1, 2, settled(JobWord::succeeded));
  added.entries = std::string(300'000, 'e');
  added.blobs = {{.bytes = std::string(200'000, 'b')}};

  submit(store, epoch, {large});
  change(store, epoch, {added});

  const auto kept = backend.reader().find(id_of(1));
  REQUIRE(kept);
  CHECK((kept->definition == large.definition));
  CHECK((kept->rows.back().entries == added.entries));
  CHECK((backend.reader().blobs(id_of(1), 0) == added.blobs));
}
