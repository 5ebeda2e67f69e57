#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;
using stepd::engine::ChildCounts;
using stepd::engine::ChildOutcome;
using stepd::engine::Derivation;
using stepd::engine::JsonText;
using stepd::engine::Origin;
using stepd::engine::ParentLink;

namespace {

NewJob child(std::int64_t number, std::int64_t parent, std::string key) {
  NewJob made = job(number);
  made.parent = ParentLink{id_of(parent), 0, std::move(key)};
  return made;
}

/// A row of the parent, whose step 0 starts these.
Change spawns(std::int64_t parent, std::uint64_t row_number, std::vector<NewJob> children) {
  Change change = row(parent, row_number);
  change.children = std::move(children);
  change.gates = {{.step = 0, .beyond = {}}};
  return change;
}

Change settles(std::int64_t number, std::int64_t parent, std::string key, JobWord word,
               std::string output = {}) {
  Change change = row(number, 2, settled(word));
  change.parent = ParentLink{id_of(parent), 0, std::move(key)};
  change.outcome = ChildOutcome{.word = word, .output = JsonText(std::move(output))};
  if (word != JobWord::succeeded) change.outcome->error = {"code", "message", {}};
  return change;
}

ChildNews news(std::int64_t parent, ChildCounts counts) { return {id_of(parent), counts}; }

using News = std::vector<ChildNews>;

}  // namespace

STORE_TEST_CASE("W3: a second job of a name is the first and nothing of it is kept") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});

  change(store, epoch, {spawns(1, 2, {child(2, 1, "a"), child(3, 1, "b")})});
  change(store, epoch, {spawns(1, 3, {child(4, 1, "a")})});

  CHECK(backend.reader().find(id_of(3)));
  CHECK_FALSE(backend.reader().find(id_of(4)));
  CHECK(backend.reader().child(id_of(1), {0, "a"})->job == id_of(2));
  CHECK(numbers_of(store.claim(epoch, noon, 10).jobs) == std::vector<std::int64_t>{2, 3});
}

STORE_TEST_CASE("W3: the parent hears when all jobs that its step started have settled") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  const auto none = change(store, epoch, {spawns(1, 2, {child(2, 1, "a"), child(3, 1, "b")})});

  const auto first = change(store, epoch, {settles(2, 1, "a", JobWord::succeeded, "1")});
  const auto last = change(store, epoch, {settles(3, 1, "b", JobWord::failed)});

  CHECK(none.child_news.empty());
  CHECK(first.child_news.empty());
  CHECK(last.child_news ==
        News{news(1, {.step = 0, .spawned = 2, .settled = 2, .unsuccessful = 1, .as_of_row = 2})});
}

STORE_TEST_CASE("W3: the parent hears of each that settles beyond what it has seen") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a"), child(3, 1, "b"), child(4, 1, "c")})});
  change(store, epoch, {settles(2, 1, "a", JobWord::succeeded)});
  const auto watching = [&](std::uint64_t row_number, std::uint32_t beyond) {
    Change watches = row(1, row_number);
    watches.gates = {{.step = 0, .beyond = beyond}};
    return change(store, epoch, {watches}).child_news.size();
  };

  CHECK(watching(3, 0) == 1);
  CHECK(watching(4, 1) == 0);
  CHECK(change(store, epoch, {settles(4, 1, "c", JobWord::succeeded)}).child_news.size() == 1);
}

STORE_TEST_CASE("W3: counts are as of the row before a spawn of the same commit") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a")})});

  const auto result = change(
      store, epoch, {settles(2, 1, "a", JobWord::succeeded), spawns(1, 3, {child(3, 1, "b")})});

  CHECK(result.child_news ==
        News{news(1, {.step = 0, .spawned = 1, .settled = 1, .as_of_row = 2})});
}

STORE_TEST_CASE("W3: a parent that is not in memory is due and finds the counts after a crash") {
  TestType backend;
  const auto epoch = backend.store().acquire();
  submit(backend.store(), epoch, {claimed_job(1)});
  change(backend.store(), epoch, {spawns(1, 2, {child(2, 1, "a")})});
  change(backend.store(), epoch, {released(row(1, 3, waiting(std::nullopt)))});
  change(backend.store(), epoch, {settles(2, 1, "a", JobWord::succeeded)});

  backend.restart();
  const auto again = backend.store().acquire();
  const auto claim = backend.store().claim(again, noon + 1h, 10);

  REQUIRE(numbers_of(claim.jobs) == std::vector<std::int64_t>{1});
  CHECK(claim.jobs[0].children ==
        std::vector<ChildCounts>{{.step = 0, .spawned = 1, .settled = 1, .as_of_row = 3}});
}

STORE_TEST_CASE("W3: of a job that undoes another being compensated counts as success") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "undo:a"), child(3, 1, "b")})});

  change(store, epoch, {settles(2, 1, "undo:a", JobWord::compensated)});
  const auto last = change(store, epoch, {settles(3, 1, "b", JobWord::compensated)});

  CHECK(last.child_news ==
        News{news(1, {.step = 0, .spawned = 2, .settled = 2, .unsuccessful = 1, .as_of_row = 2})});
}

STORE_TEST_CASE("W3: a job that another one forestalls has settled at once as failed") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const auto undoes = [](NewJob made, std::string request) {
    made.derivation = stepd::engine::Derivation{.origin = id_of(9),
                                                .kind = stepd::engine::Origin::Kind::undo,
                                                .request_id = std::move(request)};
    return made;
  };
  submit(store, epoch, {claimed_job(1), job(9, settled(JobWord::succeeded)), undoes(job(8), "r")});

  const auto result =
      change(store, epoch, {spawns(1, 2, {undoes(child(2, 1, "a"), "s"), child(3, 1, "b")})});

  CHECK(result.child_news.empty());
  CHECK_FALSE(backend.reader().find(id_of(2)));
  const auto kept = backend.reader().child(id_of(1), {0, "a"});
  REQUIRE((kept && kept->outcome));
  CHECK(kept->outcome->word == JobWord::failed);
  CHECK(kept->outcome->error.code == "not_made");
  const auto last = change(store, epoch, {settles(3, 1, "b", JobWord::succeeded)});
  CHECK(last.child_news ==
        News{news(1, {.step = 0, .spawned = 2, .settled = 2, .unsuccessful = 1, .as_of_row = 2})});
}

STORE_TEST_CASE("W3: a step without jobs has none that have not settled") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});

  CHECK(change(store, epoch, {spawns(1, 2, {})}).child_news == News{news(1, {.as_of_row = 2})});
}

STORE_TEST_CASE("W3: jobs whose parent turned back find it with their record and are due") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a"), child(3, 1, "b"), child(4, 1, "c")})});
  static_cast<void>(store.claim(epoch, noon, 10));
  change(store, epoch,
         {released(row(2, 2, waiting(noon + 24h))), released(row(3, 2, waiting(std::nullopt))),
          settles(4, 1, "c", JobWord::succeeded)});
  Change turns_back = row(1, 3);
  turns_back.cancelled_children = {0};

  const auto result = change(store, epoch, {turns_back});

  CHECK(result.cancelled == std::vector<ChildrenCancelled>{{id_of(1), 0}});
  const auto claim = store.claim(epoch, noon + 1min, 10);
  CHECK(numbers_of(claim.jobs) == std::vector<std::int64_t>{2, 3});
  for (const auto& loaded : claim.jobs) CHECK(loaded.parent_turned_back);
}

STORE_TEST_CASE("W3 D5: how a job ended outlives its own record and not its parent's") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a")})});
  change(store, epoch, {settles(2, 1, "a", JobWord::succeeded, R"({"n":1})")});

  change(store, epoch, {row(1, 3, settled(JobWord::succeeded)), removal(2)});
  const auto kept = backend.reader().child(id_of(1), {0, "a"});
  change(store, epoch, {removal(1)});

  REQUIRE(kept);
  CHECK(kept->outcome == ChildOutcome{.output = JsonText(R"({"n":1})")});
  CHECK_FALSE(backend.reader().child(id_of(1), {0, "a"}));
}

STORE_TEST_CASE("W3: jobs of a step are read in the order in which they settled and by name") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a"), child(3, 1, "b"), child(4, 1, "c")})});
  change(store, epoch, {settles(4, 1, "c", JobWord::succeeded)});
  change(store, epoch, {settles(2, 1, "a", JobWord::failed)});
  const auto keys = [](const std::vector<ChildLine>& lines) {
    std::string told;
    for (const ChildLine& line : lines) told += line.key;
    return told;
  };

  CHECK(keys(backend.reader().settled_children(id_of(1), 0, 0, 10)) == "ca");
  CHECK(keys(backend.reader().settled_children(id_of(1), 0, 1, 10)) == "a");
  CHECK(keys(backend.reader().settled_children(id_of(1), 0, 0, 1)) == "c");
  CHECK(keys(backend.reader().children(id_of(1), {}, 2)) == "ab");
  CHECK(keys(backend.reader().children(id_of(1), ChildPlace{0, "b"}, 2)) == "c");
}

STORE_TEST_CASE("W3: jobs of a step are listed with the word each has now") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch,
         {spawns(1, 2, {child(2, 1, "a"), child(3, 1, "b"), child(4, 1, "c"), child(5, 1, "d")})});
  change(store, epoch, {row(3, 2, JobHead{.word = JobWord::parked})});
  change(store, epoch, {row(4, 2)});
  change(store, epoch, {settles(5, 1, "d", JobWord::failed)});

  const auto lines = backend.reader().children(id_of(1), {}, 10);

  REQUIRE(lines.size() == 4);
  CHECK(lines[0].word == JobWord::queued);
  CHECK(lines[1].word == JobWord::parked);
  CHECK(lines[2].word == JobWord::running);
  CHECK(lines[3].word == JobWord::failed);
}

STORE_TEST_CASE("W3: a list leaves out the jobs that steps have started or has them alone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), job(5)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a")})});
  const auto page = [&](const JobFilter& filter) {
    return numbers_of(backend.reader().page(filter, {}, 10));
  };

  CHECK(page({.child = false}) == std::vector<std::int64_t>{5, 1});
  CHECK(page({.child = true}) == std::vector<std::int64_t>{2});
  CHECK(page({.words = {JobWord::queued}, .child = false}) == std::vector<std::int64_t>{5});
  CHECK(page({.words = {JobWord::queued}, .child = true}) == std::vector<std::int64_t>{2});
}

STORE_TEST_CASE("W3 D5: a job outlives its retention while the job that started it is unsettled") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a")})});
  change(store, epoch, {settles(2, 1, "a", JobWord::succeeded)});
  const Expiry all{.succeeded_before = noon + 24h, .unsuccessful_before = noon + 24h};

  CHECK(store.expire(epoch, all, 10) == 0);
  change(store, epoch, {row(1, 3, settled(JobWord::failed, noon + 48h))});
  CHECK(store.expire(epoch, all, 10) == 1);
  CHECK_FALSE(backend.reader().find(id_of(2)));
}

STORE_TEST_CASE(
    "W3 D5: a job is not removed while the job that started it is unsettled or undone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {spawns(1, 2, {child(2, 1, "a")})});
  change(store, epoch, {settles(2, 1, "a", JobWord::succeeded)});
  const auto removed = [&] { return change(store, epoch, {removal(2)}).changes.at(0); };

  CHECK(removed() == ChangeResult{Referred{id_of(1)}});
  CHECK(backend.reader().find(id_of(2)));

  NewJob undo = claimed_job(3);
  undo.derivation = Derivation{.origin = id_of(1), .kind = Origin::Kind::undo, .request_id = "r"};
  change(store, epoch, {row(1, 3, settled(JobWord::succeeded))});
  submit(store, epoch, {undo});
  CHECK(removed() == ChangeResult{Referred{id_of(3)}});

  change(store, epoch, {row(3, 2, settled(JobWord::compensated))});
  CHECK(removed() == ChangeResult{Committed{}});
}
