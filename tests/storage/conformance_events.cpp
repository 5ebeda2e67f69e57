#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;
using stepd::engine::EventWait;
using stepd::engine::JsonText;

namespace {

SentEvent event(std::string id, std::string key, TimePoint at = noon) {
  return {.tenant = "default",
          .id = std::move(id),
          .key = std::move(key),
          .data = JsonText("1"),
          .at = at};
}
SentEvent event_for(std::int64_t job, std::string id, std::string key) {
  SentEvent made = event(std::move(id), std::move(key));
  made.job = id_of(job);
  return made;
}

BatchResult send(Store& store, Epoch epoch, std::vector<SentEvent> events) {
  return store.commit(epoch, {}, {}, events);
}

/// Row 2 of the job, in which step 0 begins to wait; the job leaves the host's memory.
Change waits(std::int64_t number, std::string key) {
  Change change = released(row(number, 2, waiting(std::nullopt)));
  change.waits = {{.step = 0, .call = 1, .key = std::move(key)}};
  return change;
}

/// Of the jobs that were given an event, with its id: "1 e".
std::vector<std::string> given(const BatchResult& result) {
  std::vector<std::string> told;
  for (const EventGiven& each : result.given) {
    const std::int64_t number = (each.job.value - id_of(0).value) / 1000;
    told.push_back(std::to_string(number) + " " + each.given.event.id);
  }
  return told;
}

using Strings = std::vector<std::string>;

}  // namespace

STORE_TEST_CASE("W2: an event goes to the oldest wait on its key and to no other") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2), claimed_job(3)});
  change(store, epoch, {waits(2, "k"), waits(1, "k"), waits(3, "other")});

  const auto first = send(store, epoch, {event("e1", "k"), event("e2", "k"), event("e3", "k")});

  CHECK(first.events ==
        std::vector<EventResult>{EventStored{id_of(2)}, EventStored{id_of(1)}, EventStored{}});
  CHECK(given(first) == Strings{"2 e1", "1 e2"});
}

STORE_TEST_CASE("W2: an event that nobody waits for is kept and given to the wait that comes") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2)});
  send(store, epoch, {event("old", "k"), event("new", "k")});

  const auto result = change(store, epoch, {waits(1, "k"), waits(2, "k")});

  CHECK(given(result) == Strings{"1 old", "2 new"});
}

STORE_TEST_CASE("W2: whoever is given an event is due and finds it with the job after a crash") {
  TestType backend;
  const auto epoch = backend.store().acquire();
  submit(backend.store(), epoch, {claimed_job(1)});
  change(backend.store(), epoch, {waits(1, "k")});
  send(backend.store(), epoch, {event("e", "k", noon + 5s)});

  backend.restart();
  Store& store = backend.store();
  const auto again = store.acquire();
  const auto claim = store.claim(again, noon + 5s, 10);

  REQUIRE(numbers_of(claim.jobs) == std::vector<std::int64_t>{1});
  REQUIRE(claim.jobs[0].given.size() == 1);
  CHECK(claim.jobs[0].given[0].call == 1);
  CHECK(claim.jobs[0].given[0].event.id == "e");
  CHECK(claim.jobs[0].given[0].event.at == noon + 5s);
  Change recorded = row(1, 3);
  recorded.recorded_events = {claim.jobs[0].given[0].event.number};
  change(store, again, {recorded});
  CHECK(store.load(again, id_of(1))->given.empty());
}

STORE_TEST_CASE("W2: an event id names one event within its tenant") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  SentEvent elsewhere = event("e", "k");
  elsewhere.tenant = "other";

  const auto result =
      send(store, epoch, {event("e", "k"), event("e", "another"), elsewhere, event("e", "k")});

  CHECK(std::holds_alternative<EventStored>(result.events.at(0)));
  REQUIRE(std::holds_alternative<EventRepeated>(result.events.at(1)));
  CHECK(std::get<EventRepeated>(result.events.at(1)).first.key == "k");
  CHECK(std::holds_alternative<EventStored>(result.events.at(2)));
  CHECK(std::holds_alternative<EventRepeated>(result.events.at(3)));
}

STORE_TEST_CASE("W2: an event for one job passes over the waits of all others") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2), job(3, settled(JobWord::failed))});
  change(store, epoch, {waits(1, "k")});

  const auto result = send(
      store, epoch, {event_for(2, "e2", "k"), event_for(3, "e3", "k"), event_for(9, "e9", "k")});
  const auto later = change(store, epoch, {waits(2, "k")});

  CHECK(result.events == std::vector<EventResult>{EventStored{}, EventUndeliverable{true},
                                                  EventUndeliverable{false}});
  CHECK(given(result).empty());
  CHECK(given(later) == Strings{"2 e2"});
}

STORE_TEST_CASE("W1: of an event and the end of a wait the first wins") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2)});
  change(store, epoch, {waits(1, "k"), waits(2, "other")});
  send(store, epoch, {event("e", "k")});
  Change too_late = row(1, 3);
  too_late.ended_waits = {0};
  Change in_time = row(2, 3);
  in_time.ended_waits = {0};

  const auto result = change(store, epoch, {too_late, in_time});
  const auto after = send(store, epoch, {event("f", "other")});

  CHECK(result.changes == std::vector{conflict, committed});
  CHECK(after.events == std::vector<EventResult>{EventStored{}});
}

STORE_TEST_CASE("W2: a job that leaves memory is due while an event for it is not recorded") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  Change begins = row(1, 2);
  begins.waits = {{.step = 0, .call = 1, .key = "k"}};
  change(store, epoch, {begins});
  send(store, epoch, {event("e", "k")});

  change(store, epoch, {released(row(1, 3, waiting(noon + 24h)))});

  CHECK(numbers_of(store.claim(epoch, noon + 1min, 10).jobs) == std::vector<std::int64_t>{1});
}

STORE_TEST_CASE("W2: an event that is given back goes to the next wait on its key") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2)});
  change(store, epoch, {waits(1, "k"), waits(2, "k")});
  const auto sent = send(store, epoch, {event("e", "k")});
  Change gives_back = row(1, 3);
  gives_back.returned_events = {sent.given.at(0).given.event.number};

  const auto result = change(store, epoch, {gives_back});

  CHECK(given(result) == Strings{"2 e"});
}

STORE_TEST_CASE("D5: events outlive their retention only where a journal does not have them yet") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), claimed_job(2)});
  change(store, epoch, {waits(1, "a"), waits(2, "b")});
  const auto sent = send(store, epoch,
                         {event("open", "a"), event("recorded", "b"), event("kept", "c"),
                          event("young", "c", noon + 2h)});
  Change recorded = row(2, 3);
  recorded.recorded_events = {sent.given.at(1).given.event.number};
  change(store, epoch, {recorded});

  while (store.expire(epoch, {.events_before = noon + 1h}, 1) != 0) {
  }

  Strings left;
  for (const auto& line : backend.reader().events({.tenant = "default"}, {}, 10)) {
    left.push_back(line.id);
  }
  CHECK(left == Strings{"young", "open"});
}

STORE_TEST_CASE("events are listed by key and kept and newest first and only the tenant's") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1)});
  change(store, epoch, {waits(1, "k")});
  SentEvent elsewhere = event("x", "k");
  elsewhere.tenant = "other";
  send(store, epoch, {event("1", "k"), event("2", "k"), event("3", "m"), elsewhere});
  const auto ids = [&](const EventFilter& filter,
                       std::optional<stepd::engine::EventNumber> before = {}) {
    Strings found;
    for (const auto& line : backend.reader().events(filter, before, 2)) found.push_back(line.id);
    return found;
  };

  const auto all = backend.reader().events({.tenant = "default"}, {}, 10);

  CHECK(ids({.tenant = "default"}) == Strings{"3", "2"});
  CHECK(ids({.tenant = "default"}, all.at(1).number) == Strings{"1"});
  CHECK(ids({.tenant = "default", .key = "k", .kept_only = true}) == Strings{"2"});
  CHECK(all.at(2).given_to == id_of(1));
  CHECK(all.at(2).data == JsonText("1"));
}
