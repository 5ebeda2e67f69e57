#include "host/runtime/live_host.hpp"

#include <catch2/catch.hpp>
#include <latch>

#include "host/engine/codec.hpp"
#include "host/engine/job_state.hpp"
#include "host/runtime/in_process_runner.hpp"
#include "storage/memory/memory_store.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/scripted_caller.hpp"
#include "tests/support/watched.hpp"

namespace stepd::runtime {
namespace {

using engine::OutcomeKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::ScriptedCaller;

std::shared_ptr<const engine::Catalogue> catalogue_of(const std::vector<std::string>& types) {
  auto catalogue = std::make_shared<engine::Catalogue>();
  for (const auto& type : types) {
    engine::StepType offered;
    offered.name = type;
    offered.module = {1};
    catalogue->types.emplace(type, offered);
  }
  return catalogue;
}

JobOffer offer_of(const std::vector<std::string>& types, const std::string& key = {}) {
  auto definition = std::make_shared<engine::JobDefinition>();
  definition->name = "story";
  definition->key = key;
  definition->args = engine::JsonText("{}");
  for (const auto& type : types) {
    engine::StepDefinition step;
    const auto index = static_cast<engine::StepIndex>(definition->steps.size());
    step.id = "s" + std::to_string(index);
    step.type = type;
    step.args = engine::JsonText("{}");
    if (index > 0) step.after = {index - 1};
    step.snapshot = engine::StepTypeSnapshot{};
    step.snapshot->retry.initial = milliseconds(1);
    definition->steps.push_back(std::move(step));
  }
  JobOffer offer;
  offer.encoded = engine::encode(*definition);
  offer.definition = std::move(definition);
  if (!key.empty()) offer.key = engine::SubmitKey{.key = key, .content = {std::string(32, 'c')}};
  return offer;
}

/// What has come to pass, by the journal: "s0 succeeded", "job settled".
struct Story {
  std::vector<std::string> told;
  std::size_t settled = 0;
};

class Fixture {
 public:
  explicit Fixture(std::vector<std::string> types = {"demo.a", "demo.b", "demo.c"},
                   milliseconds pause_max = milliseconds(4))
      : host({.store = store, .reader = kept, .clock = clock, .counters = counters},
             settings(pause_max), {.catalogue = catalogue_of(types), .lines = {}}),
        runner({.caller = caller,
                .sink = host,
                .clock = clock,
                .seats = seats,
                .counters = counters,
                .log = {}},
               {.workers = 4}) {
    watching = host.subscribe([this](const JobNews& news) { note(news); });
  }
  ~Fixture() { host.stop(seconds(30)); }

  void start() {
    host.start(runner, {.on_loss =
                            [this](HostLoss loss, const std::string&) {
                              losses.change([loss](auto& all) { all.push_back(loss); });
                            },
                        .on_trouble =
                            [this](const std::string& trouble) {
                              troubles.change([&](auto& all) { all.push_back(trouble); });
                            }});
  }

  [[nodiscard]] engine::JobId submit(JobOffer offer) {
    std::vector<JobOffer> offers;
    offers.push_back(std::move(offer));
    auto answers = host.submit(std::move(offers));
    return std::get<JobAccepted>(answers.at(0)).id;
  }
  [[nodiscard]] bool wait_settled(std::size_t jobs) {
    return story.wait_until([jobs](const Story& all) { return all.settled >= jobs; });
  }
  [[nodiscard]] engine::JobState state(engine::JobId id) {
    return engine::fold(kept.find(id).value());
  }

  storage::MemoryStore kept;
  support::FaultyStore store{kept};
  SystemClock clock;
  CrashSeats seats;
  StepCounters counters;
  ScriptedCaller caller;
  tests::Watched<Story> story;
  tests::Watched<std::vector<HostLoss>> losses;
  tests::Watched<std::vector<std::string>> troubles;
  LiveHost host;
  InProcessRunner runner;
  std::unique_ptr<Host::Subscription> watching;

 private:
  static HostSettings settings(milliseconds pause_max) {
    HostSettings settings;
    settings.committer.pause_first = pause_max / 4;
    settings.committer.pause_max = pause_max;
    return settings;
  }

  void note(const JobNews& news) {
    story.change([&](Story& all) {
      for (const auto& entry : news.entries) {
        if (std::holds_alternative<engine::Settled>(entry)) ++all.settled;
        if (const auto* moved = std::get_if<engine::StepMoved>(&entry)) {
          if (std::holds_alternative<engine::Succeeded>(moved->to)) {
            all.told.push_back("s" + std::to_string(moved->step) + " succeeded");
          }
        }
      }
      if (news.row == 0) all.told.push_back(news.step + ": " + news.note);
    });
  }
};

TEST_CASE("a job runs through its steps in order and settles") {
  Fixture at;
  at.start();

  const auto id = at.submit(offer_of({"demo.a", "demo.b", "demo.c"}));

  REQUIRE(at.wait_settled(1));
  const auto told = at.story.copy().told;
  CHECK(told == std::vector<std::string>{"s0 succeeded", "s1 succeeded", "s2 succeeded"});
  CHECK(at.state(id).settled == engine::SettledState::succeeded);
}

TEST_CASE("many jobs from many threads all settle") {
  Fixture at;
  at.start();
  constexpr std::size_t threads = 4;
  constexpr std::size_t rounds = 5;
  constexpr std::size_t batch = 40;
  std::atomic<std::size_t> accepted{0};
  {
    std::vector<std::jthread> clients;
    for (std::size_t client = 0; client < threads; ++client) {
      clients.emplace_back([&] {
        for (std::size_t round = 0; round < rounds; ++round) {
          std::vector<JobOffer> offers;
          for (std::size_t job = 0; job < batch; ++job) {
            offers.push_back(offer_of({"demo.a", "demo.b"}));
          }
          for (const auto& answer : at.host.submit(std::move(offers))) {
            accepted += std::holds_alternative<JobAccepted>(answer) ? 1U : 0U;
          }
        }
      });
    }
  }

  CHECK(accepted.load() == threads * rounds * batch);
  CHECK(at.wait_settled(threads * rounds * batch));
}

TEST_CASE("J3: the same key with the same content answers with the first job") {
  Fixture at;
  at.start();
  const auto first = at.submit(offer_of({"demo.a"}, "order-1"));

  std::vector<JobOffer> again;
  again.push_back(offer_of({"demo.a"}, "order-1"));
  again.push_back(offer_of({"demo.a"}, "order-1"));
  again.back().key->content = {std::string(32, 'd')};
  const auto answers = at.host.submit(std::move(again));

  CHECK(std::get<JobExists>(answers.at(0)).id == first);
  CHECK(std::get<KeyTaken>(answers.at(1)).id == first);
}

TEST_CASE("A4: a step that may work later is tried again until it does") {
  Fixture at;
  std::atomic<int> calls{0};
  at.caller.script("demo.a", [&](const auto&) {
    if (++calls < 3) return ScriptedCaller::ended(OutcomeKind::retry, "not_yet");
    return ScriptedCaller::succeeded("{}");
  });
  at.start();

  const auto id = at.submit(offer_of({"demo.a"}));

  REQUIRE(at.wait_settled(1));
  CHECK(calls.load() == 3);
  CHECK(at.state(id).settled == engine::SettledState::succeeded);
}

TEST_CASE("O1: cancelling a job asks its running call to stop and is answered when on disk") {
  Fixture at;
  tests::Watched<bool> begun;
  at.caller.script("demo.a", [&](const ScriptedCaller::Call& call) {
    std::latch stopped(1);
    const std::stop_callback on_stop(call.stop, [&] { stopped.count_down(); });
    call.ports.progress(10, "waiting");
    begun.change([](bool& value) { value = true; });
    stopped.wait();
    return ScriptedCaller::ended(OutcomeKind::cancelled, "stopped");
  });
  at.start();
  const auto id = at.submit(offer_of({"demo.a", "demo.b"}));
  REQUIRE(begun.wait_until([](bool value) { return value; }));

  engine::Verb verb;
  verb.kind = engine::Verb::Kind::cancel;
  verb.request_id = "r1";
  verb.reason = "no longer wanted";
  const auto verdict = at.host.act(id, verb);

  CHECK(std::holds_alternative<engine::Accepted>(verdict));
  REQUIRE(at.wait_settled(1));
  CHECK(at.state(id).settled == engine::SettledState::cancelled);
  CHECK(at.story.copy().told == std::vector<std::string>{"s0: waiting"});
  CHECK(std::holds_alternative<engine::Refused>(at.host.act({42}, verb)));
}

TEST_CASE("A10: what a call saves is on disk when it goes on and the next call finds it") {
  Fixture at;
  struct Seen {
    std::optional<engine::BlobStatus> status;
    std::size_t on_disk = 0;
    bool told_of_blobs = false;
    std::string found;
  };
  tests::Watched<Seen> seen;
  std::atomic<int> calls{0};
  at.caller.script("demo.a", [&](const ScriptedCaller::Call& call) {
    if (++calls == 1) {
      const auto status = call.ports.save(engine::StepBlob::Kind::checkpoint, "", "half way");
      const auto on_disk = at.kept.blobs(call.request.id.job, 0).size();
      seen.change([&](Seen& all) { all = {.status = status, .on_disk = on_disk}; });
      return ScriptedCaller::ended(OutcomeKind::retry, "not_yet");
    }
    const auto blobs = call.ports.blobs();
    seen.change([&](Seen& all) {
      all.told_of_blobs = call.request.has_blobs;
      all.found = blobs.empty() ? "" : blobs[0].bytes;
    });
    return ScriptedCaller::succeeded("{}");
  });
  at.start();

  (void)at.submit(offer_of({"demo.a"}));

  REQUIRE(at.wait_settled(1));
  CHECK(seen.copy().status == engine::BlobStatus::stored);
  CHECK(seen.copy().on_disk == 1);
  CHECK(seen.copy().told_of_blobs);
  CHECK(seen.copy().found == "half way");
}

TEST_CASE("J8: a job waits for its step type and goes on when the plugin arrives") {
  Fixture at({"demo.a"});
  at.start();
  auto offer = offer_of({"demo.a", "demo.late"});
  auto waiting = std::make_shared<engine::JobDefinition>(*offer.definition);
  waiting->steps[1].snapshot.reset();
  offer.encoded = engine::encode(*waiting);
  offer.definition = waiting;
  const auto id = at.submit(std::move(offer));
  REQUIRE(at.story.wait_until([](const Story& all) { return !all.told.empty(); }));
  CHECK_FALSE(at.state(id).settled);

  at.host.offer(
      {.catalogue = catalogue_of({"demo.a", "demo.late"}), .lines = {{.file = "late.so"}}});

  REQUIRE(at.wait_settled(1));
  CHECK(at.host.plugins().size() == 1);
}

TEST_CASE("D2: what a host leaves unfinished the next one carries on") {
  Fixture first;
  std::latch go_on(1);
  tests::Watched<bool> begun;
  first.caller.script("demo.b", [&](const auto&) {
    begun.change([](bool& value) { value = true; });
    go_on.wait();
    return ScriptedCaller::succeeded("{}");
  });
  first.start();
  const auto id = first.submit(offer_of({"demo.a", "demo.b"}));
  REQUIRE(begun.wait_until([](bool value) { return value; }));

  CHECK_FALSE(first.host.stop(milliseconds(1)));

  SystemClock clock;
  storage::MemoryStore left(first.kept.snapshot());
  go_on.count_down();
  CrashSeats seats;
  StepCounters counters;
  ScriptedCaller caller;
  tests::Watched<std::vector<bool>> unknown;
  caller.script("demo.b", [&](const ScriptedCaller::Call& call) {
    unknown.change([&](auto& all) { all.push_back(call.request.outcome_unknown); });
    return ScriptedCaller::succeeded("{}");
  });
  std::atomic<bool> succeeded_ran_again{false};
  caller.script("demo.a", [&](const auto&) {
    succeeded_ran_again.store(true);
    return ScriptedCaller::succeeded("{}");
  });
  LiveHost second({.store = left, .reader = left, .clock = clock, .counters = counters}, {},
                  {.catalogue = catalogue_of({"demo.a", "demo.b"}), .lines = {}});
  InProcessRunner runner({.caller = caller,
                          .sink = second,
                          .clock = clock,
                          .seats = seats,
                          .counters = counters,
                          .log = {}},
                         {.workers = 2});
  tests::Watched<std::size_t> settled;
  const auto watching = second.subscribe([&](const JobNews& news) {
    for (const auto& entry : news.entries) {
      if (std::holds_alternative<engine::Settled>(entry)) settled.change([](auto& all) { ++all; });
    }
  });
  second.start(runner, {.on_loss = [](HostLoss, const std::string&) {}});

  REQUIRE(settled.wait_until([](std::size_t count) { return count == 1; }));
  CHECK(engine::fold(left.find(id).value()).settled == engine::SettledState::succeeded);
  CHECK(unknown.copy() == std::vector<bool>{true});
  CHECK_FALSE(succeeded_ran_again.load());
  CHECK(second.stop(seconds(30)));
}

TEST_CASE("an orderly stop asks calls to stop and charges and loses nothing") {
  Fixture at;
  tests::Watched<bool> begun;
  at.caller.script("demo.a", [&](const ScriptedCaller::Call& call) {
    std::latch stopped(1);
    const std::stop_callback on_stop(call.stop, [&] { stopped.count_down(); });
    begun.change([](bool& value) { value = true; });
    stopped.wait();
    return ScriptedCaller::ended(OutcomeKind::cancelled, "stopped");
  });
  at.start();
  const auto id = at.submit(offer_of({"demo.a"}));
  REQUIRE(begun.wait_until([](bool value) { return value; }));

  CHECK(at.host.stop(seconds(30)));

  const auto state = at.state(id);
  CHECK_FALSE(state.settled);
  CHECK(std::holds_alternative<engine::Ready>(state.steps[0].condition));
  CHECK(state.steps[0].attempts == 0);
  std::vector<JobOffer> late;
  late.push_back(offer_of({"demo.a"}));
  CHECK(std::holds_alternative<NotStored>(at.host.submit(std::move(late)).at(0)));
  CHECK(std::get<engine::Refused>(at.host.act(id, {})).why == engine::Refused::Why::ending);
  CHECK(at.host.health().ending);
}

TEST_CASE("D4: once a reader has met damage nothing more is taken in and the health says why") {
  Fixture at;
  at.start();
  const auto id = at.submit(offer_of({"demo.a"}));

  at.host.found_damage("page 7 is damaged");

  std::vector<JobOffer> late;
  late.push_back(offer_of({"demo.a"}));
  CHECK(std::get<NotStored>(at.host.submit(std::move(late)).at(0)).message ==
        "not recorded: page 7 is damaged");
  CHECK(std::get<engine::Refused>(at.host.act(id, {})).why == engine::Refused::Why::not_stored);
  CHECK(at.host.health().storage_trouble == "page 7 is damaged");
}

TEST_CASE("D1: when the store is lost those who wait are told that nothing is known") {
  Fixture at;
  at.start();
  at.store.plant(1, support::FaultyStore::Fault::kept_but_unknown,
                 storage::StoreError::Kind::broken);
  std::vector<JobOffer> offers;
  offers.push_back(offer_of({"demo.a"}));

  const auto answers = at.host.submit(std::move(offers));

  CHECK(std::holds_alternative<StoreUnsure>(answers.at(0)));
  REQUIRE(at.losses.wait_until([](const auto& all) { return !all.empty(); }));
  CHECK(at.losses.copy() == std::vector{HostLoss::storage_broken});
  CHECK_FALSE(at.host.health().storage_trouble.empty());
  std::vector<JobOffer> later;
  later.push_back(offer_of({"demo.a"}));
  CHECK(std::holds_alternative<NotStored>(at.host.submit(std::move(later)).at(0)));
}

TEST_CASE("D4: a disk that fills up while jobs run holds them and they go on by themselves") {
  Fixture at;
  at.start();
  for (std::uint64_t commit = 2; commit <= 6; ++commit) {
    at.store.plant(commit, support::FaultyStore::Fault::fails);
  }

  const auto id = at.submit(offer_of({"demo.a", "demo.b", "demo.c"}));

  REQUIRE(at.wait_settled(1));
  CHECK(at.state(id).settled == engine::SettledState::succeeded);
  CHECK(at.host.health().storage_trouble.empty());
  const auto troubles = at.troubles.copy();
  REQUIRE(troubles.size() >= 2);
  CHECK_FALSE(troubles.front().empty());
  CHECK(troubles.back().empty());
}

TEST_CASE("D4: a verb on a full disk is told that nothing is recorded and when to ask again") {
  Fixture at({"demo.a"}, std::chrono::hours(4));
  std::latch go_on(1);
  tests::Watched<bool> begun;
  at.caller.script("demo.a", [&](const auto&) {
    begun.change([](bool& value) { value = true; });
    go_on.wait();
    return ScriptedCaller::succeeded("{}");
  });
  at.start();
  const auto id = at.submit(offer_of({"demo.a"}));
  REQUIRE(begun.wait_until([](bool value) { return value; }));
  at.store.plant(at.store.commits() + 1, support::FaultyStore::Fault::fails);
  engine::Verb verb;
  verb.kind = engine::Verb::Kind::cancel;

  const auto under_way = at.host.act(id, verb);
  const auto later = at.host.act(id, verb);
  go_on.count_down();

  CHECK(std::get<engine::Refused>(under_way).why == engine::Refused::Why::unsure);
  CHECK(std::get<engine::Refused>(later).why == engine::Refused::Why::not_stored);
  CHECK(std::get<engine::Refused>(later).message.ends_with("; ask again once that is over"));
  CHECK_FALSE(at.host.stop(milliseconds(1)));
}

}  // namespace
}  // namespace stepd::runtime
