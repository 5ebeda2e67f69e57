#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;

using Numbers = std::vector<std::int64_t>;

namespace {

NewJob named(NewJob made, const std::string& name) {
  made.name = name;
  return made;
}
NewJob flagged(NewJob made) {
  made.head.attention = true;
  return made;
}

}  // namespace

STORE_TEST_CASE("a list begins with the newest job and pages go on before the last one") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(2), job(5), job(1), job(4), job(3)});

  CHECK(numbers_of(backend.reader().page({}, {}, 2)) == Numbers{5, 4});
  CHECK(numbers_of(backend.reader().page({}, id_of(4), 2)) == Numbers{3, 2});
  CHECK(numbers_of(backend.reader().page({}, id_of(2), 2)) == Numbers{1});
  CHECK(backend.reader().page({}, id_of(1), 2).empty());
  CHECK(backend.reader().page({}, {}, 0).empty());
}

STORE_TEST_CASE("a line of a list shows the head and where the job belongs") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  NewJob sent = keyed_job(1, {.key = "k", .content = content('a')});
  sent.tenant = "north";
  sent.head = {
      .word = JobWord::waiting, .due = noon + 1s, .needs = "bank.audit", .attention = true};
  submit(store, epoch, {sent, job(2, settled(JobWord::failed, noon + 5s))});

  CHECK(
      backend.reader().page({}, {}, 10) ==
      std::vector<JobLine>{
          {.id = id_of(2),
           .tenant = "default",
           .name = "transfer",
           .key = "",
           .head = settled(JobWord::failed, noon + 5s)},
          {.id = id_of(1), .tenant = "north", .name = "transfer", .key = "k", .head = sent.head}});
}

STORE_TEST_CASE("a queued job whose journal has gone on reads as running everywhere") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), job(2), claimed_job(3)});
  change(store, epoch, {row(1, 2), row(3, 2, waiting(noon + 1h))});

  const auto lines = backend.reader().page({}, {}, 10);

  CHECK(lines[2].head.word == JobWord::running);
  CHECK(lines[1].head.word == JobWord::queued);
  CHECK(lines[0].head.word == JobWord::waiting);
  CHECK(numbers_of(backend.reader().page({.words = {JobWord::running}}, {}, 10)) == Numbers{1});
  CHECK(numbers_of(backend.reader().page({.words = {JobWord::queued}}, {}, 10)) == Numbers{2});
  CHECK(backend.reader().counts() ==
        std::vector<Count>{{JobWord::queued, 1}, {JobWord::running, 1}, {JobWord::waiting, 1}});
  CHECK(backend.reader().find(id_of(1))->head == queued());
}

STORE_TEST_CASE("a list can be narrowed to words") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const std::vector words{JobWord::prepared,     JobWord::queued,    JobWord::running,
                          JobWord::waiting,      JobWord::paused,    JobWord::parked,
                          JobWord::compensating, JobWord::succeeded, JobWord::compensated,
                          JobWord::failed,       JobWord::cancelled, JobWord::discarded};
  for (std::size_t index = 0; index < words.size(); ++index) {
    const auto number = static_cast<std::int64_t>(index);
    const JobWord word = words[index];
    const JobHead head =
        stepd::engine::is_settled(word) ? settled(word) : JobHead{.word = word, .due = noon};
    submit(store, epoch, {job(number, head), job(number + 100, head)});
  }

  for (std::size_t index = 0; index < words.size(); ++index) {
    const auto number = static_cast<std::int64_t>(index);
    CHECK(numbers_of(backend.reader().page({.words = {words[index]}}, {}, 10)) ==
          Numbers{number + 100, number});
  }
  const JobFilter notable{.words = {JobWord::failed, JobWord::parked, JobWord::failed}};
  CHECK(numbers_of(backend.reader().page(notable, {}, 3)) == Numbers{109, 105, 9});
  CHECK(numbers_of(backend.reader().page(notable, id_of(105), 3)) == Numbers{9, 5});
  const JobFilter open{.words = {JobWord::queued, JobWord::waiting}};
  CHECK(numbers_of(backend.reader().page(open, {}, 3)) == Numbers{103, 101, 3});
  CHECK(numbers_of(backend.reader().page(open, id_of(101), 3)) == Numbers{3, 1});
  const JobFilter mixed{.words = {JobWord::succeeded, JobWord::queued}};
  CHECK(numbers_of(backend.reader().page(mixed, {}, 3)) == Numbers{107, 101, 7});
}

STORE_TEST_CASE("a list can be narrowed to a tenant and a name and a key and a flag") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  NewJob northern = named(keyed_job(3, {.key = "k", .content = content('b')}), "audit");
  northern.tenant = "north";
  submit(store, epoch,
         {keyed_job(1, {.key = "k", .content = content('a')}), named(job(2), "audit"), northern,
          flagged(job(4, JobHead{.word = JobWord::compensating})),
          flagged(job(5, settled(JobWord::compensated)))});
  const auto page = [&](const JobFilter& filter) {
    return numbers_of(backend.reader().page(filter, {}, 10));
  };

  CHECK(page({.tenant = "north"}) == Numbers{3});
  CHECK(page({.tenant = "south"}).empty());
  CHECK(page({.name = "audit"}) == Numbers{3, 2});
  CHECK(page({.tenant = "default", .name = "audit"}) == Numbers{2});
  CHECK(page({.key = "k"}) == Numbers{3, 1});
  CHECK(page({.tenant = "default", .key = "k"}) == Numbers{1});
  CHECK(page({.attention = true}) == Numbers{5, 4});
  CHECK(page({.attention = false}) == Numbers{3, 2, 1});
  CHECK(page({.words = {JobWord::compensating}, .attention = true}) == Numbers{4});
  CHECK(page({.words = {JobWord::queued}, .key = "k"}) == Numbers{3, 1});
  CHECK(page({.words = {JobWord::failed}, .key = "k"}).empty());
}

STORE_TEST_CASE("a key lists every job that ever had it newest first") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const SubmitKey key{.key = "k", .content = content('a'), .rerun_unsuccessful = true};
  for (const std::int64_t number : {1, 2, 3}) {
    submit(store, epoch, {keyed_job(number, key)});
    change(store, epoch, {row(number, 2, settled(JobWord::failed))});
  }

  CHECK(numbers_of(backend.reader().page({.key = "k"}, {}, 10)) == Numbers{3, 2, 1});
  CHECK(numbers_of(backend.reader().page({.key = "k"}, id_of(3), 1)) == Numbers{2});
}

STORE_TEST_CASE("a journal is read from where the caller stopped") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1), job(2)});
  change(store, epoch, {row(1, 2), row(1, 3), row(1, 4), row(2, 2)});
  const auto journal = [&](std::uint64_t after, std::size_t limit) {
    return numbers_of(backend.reader().journal(id_of(1), after, limit));
  };
  using Rows = std::vector<std::uint64_t>;

  CHECK(journal(0, 10) == Rows{1, 2, 3, 4});
  CHECK(journal(0, 1) == Rows{1});
  CHECK(journal(0, 2) == Rows{1, 2});
  CHECK(journal(1, 2) == Rows{2, 3});
  CHECK(journal(4, 2).empty());
  CHECK(journal(0, 0).empty());
  CHECK(journal(~std::uint64_t{0}, 5).empty());
  CHECK(backend.reader().journal(id_of(9), 0, 5).empty());
  CHECK(backend.reader().journal(id_of(1), 2, 1) ==
        std::vector<StoredRow>{{.number = 3, .at = noon + 3s, .entries = "row 3"}});
}

STORE_TEST_CASE("counts follow every kind of change") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  CHECK(backend.reader().counts().empty());

  submit(store, epoch, {job(1), claimed_job(2), claimed_job(3), claimed_job(4), job(5)});
  change(store, epoch, {row(2, 2), row(3, 2), row(3, 3), row(1, 2)});
  CHECK(backend.reader().counts() ==
        std::vector<Count>{{JobWord::queued, 2}, {JobWord::running, 3}});

  change(store, epoch,
         {row(2, 3, settled(JobWord::succeeded)), released(row(3, 4, waiting(noon))),
          row(4, 2, settled(JobWord::failed)), removal(5), row(1, 9)});
  CHECK(backend.reader().counts() == std::vector<Count>{{JobWord::running, 1},
                                                        {JobWord::waiting, 1},
                                                        {JobWord::succeeded, 1},
                                                        {JobWord::failed, 1}});
}

STORE_TEST_CASE("facts name the backend and count unsettled jobs that want attention") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {flagged(job(1, JobHead{.word = JobWord::compensating})),
          flagged(job(2, settled(JobWord::compensated))), job(3)});

  const Facts facts = backend.reader().facts();

  CHECK_FALSE(facts.backend.empty());
  CHECK_FALSE(facts.place.empty());
  CHECK(facts.bytes > 0);
  CHECK(facts.attention == 1);
}

STORE_TEST_CASE("readers on many threads see whole jobs while the writer goes on") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  std::atomic<bool> over = false;
  std::atomic<int> torn = 0;
  const auto watch = [&] {
    std::uint64_t seen = 0;
    while (!over) {
      const auto found = backend.reader().find(id_of(1));
      // Row n comes in one batch with the checkpoint n and a head due n seconds after noon.
      const std::uint64_t last = found->rows.back().number;
      const bool whole = found->rows.size() == last && last >= seen &&
                         (last == 1 || found->head.due == noon + std::chrono::seconds{last});
      if (!whole) ++torn;
      seen = last;
    }
  };

  {
    std::vector<std::jthread> readers;
    for (int count = 0; count < 6; ++count) readers.emplace_back(watch);
    for (std::uint64_t number = 2; number <= 60; ++number) {
      change(store, epoch, {row(1, number, waiting(noon + std::chrono::seconds{number}))});
    }
    over = true;
  }

  CHECK(torn == 0);
  CHECK(backend.reader().find(id_of(1))->rows.size() == 60);
}

STORE_TEST_CASE("C5: a flag is found as soon as it is raised and gone as soon as it is not") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2)});
  const auto flagged_now = [&] {
    return numbers_of(backend.reader().page({.attention = true}, {}, 10));
  };
  JobHead head{.word = JobWord::compensating, .due = noon};
  change(store, epoch, {row(1, 2, head)});
  CHECK(flagged_now().empty());
  head.attention = true;
  change(store, epoch, {row(1, 3, head)});
  CHECK(flagged_now() == Numbers{1});
  CHECK(backend.reader().facts().attention == 1);
  head.attention = false;
  change(store, epoch, {row(1, 4, head)});
  CHECK(flagged_now().empty());
  change(store, epoch, {row(1, 5, settled(JobWord::compensated))});
  CHECK(flagged_now().empty());
  CHECK(backend.reader().facts().attention == 0);
}
