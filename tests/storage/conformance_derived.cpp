#include <catch2/catch.hpp>

#include "tests/storage/backends.hpp"

using namespace stepd::storage;
using namespace stepd::storage::testing;

namespace {

using stepd::engine::Derivation;
using stepd::engine::Origin;
using Why = Underivable::Why;

const JobHead done = settled(JobWord::succeeded);

NewJob derived_job(std::int64_t number, std::int64_t origin, const std::string& request,
                   Origin::Kind kind = Origin::Kind::rerun,
                   const std::vector<std::int64_t>& relies_on = {}) {
  NewJob made = job(number);
  made.derivation =
      Derivation{.origin = id_of(origin), .kind = kind, .request_id = request, .relies_on = {}};
  for (const std::int64_t other : relies_on) made.derivation->relies_on.push_back(id_of(other));
  return made;
}
NewJob undo(std::int64_t number, std::int64_t origin, const std::string& request) {
  return derived_job(number, origin, request, Origin::Kind::undo);
}

/// Succeeded, and started by a step of the parent.
NewJob child_of(std::int64_t parent, std::int64_t number) {
  NewJob child = job(number, done);
  child.parent = stepd::engine::ParentLink{id_of(parent), 0, "a"};
  return child;
}

SubmitResult only(const BatchResult& result) {
  REQUIRE(result.submits.size() == 1);
  return result.submits[0];
}

}  // namespace

STORE_TEST_CASE("O1: the same request of the same job makes one job also at once") {
  TestType backend;
  Store& store = backend.store();
  auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), job(2, done)});

  const auto result = submit(store, epoch,
                             {derived_job(3, 1, "r"), derived_job(4, 1, "r"),
                              derived_job(5, 1, "s"), derived_job(6, 2, "r")});

  const SubmitResult before = Underivable{Why::asked_before, id_of(3)};
  CHECK(result.submits == std::vector<SubmitResult>{Committed{}, before, Committed{}, Committed{}});
  CHECK_FALSE(backend.reader().find(id_of(4)));
  backend.restart();
  epoch = backend.store().acquire();
  CHECK(only(submit(backend.store(), epoch, {derived_job(7, 1, "r")})) == before);
}

STORE_TEST_CASE("the oldest unsettled job is one or what one was made from") {
  TestType backend;
  const auto epoch = backend.store().acquire();
  CHECK(backend.reader().oldest_unsettled() == std::nullopt);
  submit(backend.store(), epoch, {job(1, done), job(2, done)});
  CHECK(backend.reader().oldest_unsettled() == std::nullopt);

  submit(backend.store(), epoch, {job(7), job(8)});
  CHECK(backend.reader().oldest_unsettled() == id_of(7));

  submit(backend.store(), epoch, {derived_job(9, 2, "r")});
  CHECK(backend.reader().oldest_unsettled() == id_of(2));

  NewJob between = derived_job(10, 1, "s");
  between.head = done;
  submit(backend.store(), epoch, {between});
  CHECK(backend.reader().oldest_unsettled() == id_of(2));
  submit(backend.store(), epoch, {derived_job(11, 10, "t")});
  CHECK(backend.reader().oldest_unsettled() == id_of(1));
}

STORE_TEST_CASE("O1: the content of the request that made a job is told with it") {
  TestType backend;
  auto epoch = backend.store().acquire();
  submit(backend.store(), epoch, {job(1, done)});
  NewJob made = derived_job(2, 1, "r");
  made.derivation->content = content('x');
  submit(backend.store(), epoch, {made});
  backend.restart();
  epoch = backend.store().acquire();

  const SubmitResult before =
      Underivable{.why = Why::asked_before, .job = id_of(2), .content = content('x')};
  CHECK(only(submit(backend.store(), epoch, {derived_job(3, 1, "r")})) == before);
}

STORE_TEST_CASE("O1: a list leaves out what a request has made also when its origin is gone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {job(1, done), derived_job(2, 1, "r"), derived_job(3, 1, "s"), undo(4, 1, "u")});
  change(store, epoch,
         {row(2, 2, done), row(3, 2, done), row(4, 2, settled(JobWord::compensated)), removal(1)});
  submit(store, epoch, {job(5, done)});
  const auto listed = [&](JobFilter filter, std::string request) {
    filter.not_made_by = std::move(request);
    return numbers_of(backend.reader().page(filter, std::nullopt, 10));
  };

  CHECK(listed({}, "") == std::vector<std::int64_t>{5, 4, 3, 2});
  CHECK(listed({}, "r") == std::vector<std::int64_t>{5, 4, 3});
  CHECK(listed({.words = {JobWord::succeeded}}, "s") == std::vector<std::int64_t>{5, 2});
  CHECK(listed({.words = {JobWord::compensated}}, "u").empty());
}

STORE_TEST_CASE("O1: the same request still names its job when that one is gone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), derived_job(2, 1, "r")});
  change(store, epoch, {row(2, 2, done), removal(2)});

  CHECK(only(submit(store, epoch, {derived_job(3, 1, "r")})) ==
        SubmitResult{Underivable{Why::asked_before, id_of(2)}});
}

STORE_TEST_CASE("J5: a job is undone at most once and never while it is not there") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), undo(2, 1, "r")});

  CHECK(only(submit(store, epoch, {undo(3, 1, "s")})) ==
        SubmitResult{Underivable{Why::undone, id_of(2)}});
  CHECK(only(submit(store, epoch, {undo(3, 1, "r")})) ==
        SubmitResult{Underivable{Why::asked_before, id_of(2), Origin::Kind::undo}});
  CHECK(only(submit(store, epoch, {undo(3, 9, "r")})) ==
        SubmitResult{Underivable{Why::gone, id_of(9)}});
  CHECK(only(submit(store, epoch, {derived_job(4, 1, "t")})) == SubmitResult{Committed{}});
}

namespace {

/// An undo that goes on with another one, of the job that this one undoes.
NewJob goes_on(std::int64_t number, std::int64_t with, std::int64_t undone,
               const std::string& request) {
  NewJob made = derived_job(number, with, request, Origin::Kind::undo, {undone});
  made.derivation->goes_on = true;
  return made;
}

Underivable undone_by(std::int64_t number, bool failed) {
  return {.why = Why::undone, .job = id_of(number), .failed = failed};
}

}  // namespace

STORE_TEST_CASE("J5: a failed undo is gone on with once and the last undo is the one told of") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), undo(2, 1, "r")});
  change(store, epoch, {row(2, 2, settled(JobWord::failed))});

  CHECK(only(submit(store, epoch, {undo(3, 1, "s")})) == SubmitResult{undone_by(2, true)});
  CHECK(only(submit(store, epoch, {goes_on(3, 2, 1, "s")})) == SubmitResult{Committed{}});
  CHECK(only(submit(store, epoch, {goes_on(4, 2, 1, "t")})) == SubmitResult{undone_by(3, false)});
  CHECK(only(submit(store, epoch, {undo(4, 1, "t")})) == SubmitResult{undone_by(3, false)});
  CHECK(backend.reader().undo_of(id_of(1)) == id_of(3));
  CHECK(backend.reader().undo_of(id_of(3)) == std::nullopt);
  change(store, epoch, {row(3, 2, settled(JobWord::failed))});
  CHECK(only(submit(store, epoch, {undo(4, 1, "t")})) == SubmitResult{undone_by(3, true)});
}

STORE_TEST_CASE("A6 J5: an undo that goes on finds what the compensations before it have kept") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  const StepBlob memo{
      .kind = StepBlob::Kind::memo, .phase = Phase::compensate, .key = "k", .bytes = "v"};
  const StepBlob checkpoint{.step = 1, .phase = Phase::compensate, .bytes = "here"};
  const StepBlob of_probe{.phase = Phase::probe, .bytes = "asked"};
  submit(store, epoch, {job(1, done), undo(2, 1, "r")});
  change(store, epoch, {blobs(2, {memo, checkpoint, of_probe})});
  change(store, epoch, {row(2, 2, settled(JobWord::failed))});

  submit(store, epoch, {goes_on(3, 2, 1, "s")});
  change(store, epoch, {removal(2)});

  CHECK(backend.reader().blobs(id_of(3), 0) == std::vector{memo});
  CHECK(backend.reader().blobs(id_of(3), 1) == std::vector{checkpoint});
}

STORE_TEST_CASE("D5: what a second undo of a job reads stays until it has settled") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), undo(2, 1, "r")});
  change(store, epoch, {row(2, 2, settled(JobWord::failed))});
  submit(store, epoch, {goes_on(3, 2, 1, "s")});
  const Expiry everything{.succeeded_before = noon + 1h, .unsuccessful_before = noon + 1h};

  CHECK(change(store, epoch, {removal(1)}).changes ==
        std::vector<ChangeResult>{Referred{id_of(3)}});
  CHECK(store.expire(epoch, everything, 10) == 0);
  change(store, epoch, {row(3, 2, settled(JobWord::compensated, noon + 2h))});
  CHECK(store.expire(epoch, everything, 10) == 2);
}

STORE_TEST_CASE("W3 D5: jobs that a step has started stay while their parent is being undone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), child_of(1, 2), undo(3, 1, "r")});
  const Expiry everything{.succeeded_before = noon + 1h, .unsuccessful_before = noon + 1h};

  CHECK(store.expire(epoch, everything, 10) == 0);
  change(store, epoch, {row(3, 2, settled(JobWord::failed))});
  submit(store, epoch, {goes_on(4, 3, 1, "s")});
  CHECK(store.expire(epoch, everything, 10) == 0);
  change(store, epoch, {row(4, 2, settled(JobWord::compensated))});
  CHECK(store.expire(epoch, everything, 10) == 4);
}

STORE_TEST_CASE(
    "W3 D5: the undo of a job stays while the one whose step started it may ask after it") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), child_of(1, 2), undo(3, 2, "r")});
  change(store, epoch, {row(3, 2, settled(JobWord::failed))});
  submit(store, epoch, {goes_on(4, 3, 2, "s")});
  change(store, epoch, {row(4, 2, settled(JobWord::compensated))});
  const Expiry everything{.succeeded_before = noon + 1h, .unsuccessful_before = noon + 1h};
  const auto kept_for = [&](std::int64_t by) {
    CHECK(store.expire(epoch, everything, 10) == 0);
    CHECK(change(store, epoch, {removal(4)}).changes ==
          std::vector<ChangeResult>{Referred{id_of(by)}});
  };

  kept_for(1);
  change(store, epoch, {row(1, 2, settled(JobWord::succeeded, noon + 2h))});
  submit(store, epoch, {undo(5, 1, "t")});
  kept_for(5);
  change(store, epoch, {row(5, 2, settled(JobWord::compensated, noon + 2h))});
  CHECK(change(store, epoch, {removal(4)}).changes == std::vector{committed});
  CHECK(store.expire(epoch, everything, 10) == 2);
}

STORE_TEST_CASE("W3 D5: the last undo of a job stays though the one it goes on with is gone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), child_of(1, 2), undo(3, 2, "r")});
  change(store, epoch, {row(3, 2, settled(JobWord::failed))});
  submit(store, epoch, {goes_on(4, 3, 2, "s")});
  change(store, epoch, {row(4, 2, settled(JobWord::compensated)), removal(3)});
  REQUIRE_FALSE(backend.reader().find(id_of(3)));
  submit(store, epoch, {undo(5, 1, "t")});

  CHECK(change(store, epoch, {removal(4)}).changes ==
        std::vector<ChangeResult>{Referred{id_of(5)}});
  change(store, epoch, {row(5, 2, settled(JobWord::compensated))});
  CHECK(change(store, epoch, {removal(4)}).changes == std::vector{committed});
}

STORE_TEST_CASE("W3 D5: a job stays while one far above it is unsettled and may undo all below") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {claimed_job(1), child_of(1, 2), child_of(2, 3)});
  const Expiry everything{.succeeded_before = noon + 1h, .unsuccessful_before = noon + 1h};

  CHECK(store.expire(epoch, everything, 10) == 0);
  CHECK(change(store, epoch, {removal(3)}).changes ==
        std::vector<ChangeResult>{Referred{id_of(1)}});
  change(store, epoch, {row(1, 2, settled(JobWord::succeeded, noon + 2h))});
  CHECK(store.expire(epoch, everything, 10) == 2);
}

STORE_TEST_CASE("J5: the last undo of a job is known though one that it goes on with is gone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), undo(2, 1, "r")});
  change(store, epoch, {row(2, 2, settled(JobWord::failed))});
  submit(store, epoch, {goes_on(3, 2, 1, "s")});
  change(store, epoch, {row(3, 2, settled(JobWord::failed))});
  submit(store, epoch, {goes_on(4, 3, 1, "t")});
  change(store, epoch, {row(4, 2, settled(JobWord::compensated))});
  const auto gone = GENERATE(std::vector<std::int64_t>{2}, std::vector<std::int64_t>{3},
                             std::vector<std::int64_t>{2, 3}, std::vector<std::int64_t>{3, 2});

  for (const std::int64_t number : gone) change(store, epoch, {removal(number)});

  CHECK(backend.reader().derived(id_of(1), 10) ==
        std::vector{DerivedLine{Origin::Kind::undo, id_of(2)}});
  CHECK(backend.reader().undo_of(id_of(1)) == id_of(4));
  CHECK(only(submit(store, epoch, {undo(5, 1, "u")})) == SubmitResult{undone_by(4, false)});
  const auto again = std::get<Underivable>(only(submit(store, epoch, {undo(5, 1, "r")})));
  CHECK(again.why == Why::asked_before);
  CHECK(again.job == id_of(2));
  change(store, epoch, {removal(1)});
  const bool is_second_there = gone == std::vector<std::int64_t>{3};
  CHECK(backend.reader().undo_of(id_of(2)).has_value() == is_second_there);
  CHECK(backend.reader().undo_of(id_of(3)).has_value() == (gone.size() == 1));
}

STORE_TEST_CASE("J5: what relies on a job that is undone or gone is refused") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), job(2, done), undo(3, 1, "r")});
  const auto kept_from = [&](std::int64_t source) {
    return only(submit(store, epoch, {derived_job(4, 2, "s", Origin::Kind::rerun, {2, source})}));
  };

  CHECK(kept_from(1) == SubmitResult{Underivable{Why::undone, id_of(3)}});
  CHECK(kept_from(9) == SubmitResult{Underivable{Why::gone, id_of(9)}});
  CHECK(kept_from(2) == SubmitResult{Committed{}});
}

STORE_TEST_CASE("D5: a job is not removed while one that comes from it has not settled") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch,
         {job(1, done), job(2, settled(JobWord::failed)), undo(3, 1, "r"), derived_job(4, 2, "r")});
  const Expiry everything{
      .succeeded_before = noon + 1h, .unsuccessful_before = noon + 1h, .keys_before = noon + 1h};

  CHECK(change(store, epoch, {removal(1)}).changes ==
        std::vector<ChangeResult>{Referred{id_of(3)}});
  CHECK(store.expire(epoch, everything, 10) == 0);
  CHECK(backend.reader().find(id_of(1)));
  change(store, epoch, {row(3, 2, settled(JobWord::compensated, noon + 2h))});
  CHECK(change(store, epoch, {removal(1)}).changes == std::vector{committed});
  change(store, epoch, {row(4, 2, settled(JobWord::succeeded, noon + 2h))});
  CHECK(store.expire(epoch, everything, 10) == 1);
  CHECK_FALSE(backend.reader().find(id_of(2)));
}

STORE_TEST_CASE("the jobs made from one are told oldest first until it is removed") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done), derived_job(2, 1, "z"), undo(3, 1, "a")});

  const std::vector<DerivedLine> both{{Origin::Kind::rerun, id_of(2)},
                                      {Origin::Kind::undo, id_of(3)}};
  CHECK(backend.reader().derived(id_of(1), 10) == both);
  CHECK(backend.reader().derived(id_of(1), 1).size() == 1);
  change(store, epoch, {row(2, 2, done), row(3, 2, done), removal(1)});
  CHECK(backend.reader().derived(id_of(1), 10).empty());
}

STORE_TEST_CASE("J5: a job is not undone while a rerun keeps what it did") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done)});
  submit(store, epoch, {derived_job(2, 1, "r", Origin::Kind::rerun, {1})});

  CHECK(only(submit(store, epoch, {undo(3, 1, "u")})) ==
        SubmitResult{Underivable{Why::relied_on, id_of(2)}});
  change(store, epoch, {row(2, 2, settled(JobWord::succeeded))});
  CHECK(only(submit(store, epoch, {undo(3, 1, "u")})) ==
        SubmitResult{Underivable{Why::relied_on, id_of(2)}});
  CHECK(only(submit(store, epoch, {undo(3, 2, "u")})) == SubmitResult{Committed{}});
  CHECK(only(submit(store, epoch, {undo(4, 1, "u")})) == SubmitResult{Committed{}});
}

STORE_TEST_CASE("J5: a rerun that did not succeed keeps nothing from being undone") {
  TestType backend;
  Store& store = backend.store();
  const auto epoch = store.acquire();
  submit(store, epoch, {job(1, done)});
  submit(store, epoch, {derived_job(2, 1, "r", Origin::Kind::rerun, {1})});
  change(store, epoch, {row(2, 2, settled(JobWord::failed))});

  CHECK(only(submit(store, epoch, {undo(3, 1, "u")})) == SubmitResult{Committed{}});
}
