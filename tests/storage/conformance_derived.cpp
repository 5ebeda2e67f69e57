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
