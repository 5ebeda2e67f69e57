#include "host/runtime/committer.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "host/engine/codec.hpp"
#include "storage/memory/memory_store.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/watched.hpp"

namespace stepd::runtime {
namespace {

using engine::CommitEffect;
using storage::StoreError;
using support::FaultyStore;
using Fault = support::FaultyStore::Fault;
using std::chrono::milliseconds;

engine::JobId id_of(std::int64_t number) { return {(std::int64_t{1} << 60) + number * 1000}; }

engine::NewJob new_job(std::int64_t number) {
  const std::vector<engine::Entry> entries{engine::Submitted{}};
  engine::NewJob job;
  job.id = id_of(number);
  job.tenant = "default";
  job.name = "job";
  job.head.word = engine::JobWord::queued;
  job.head.due = engine::TimePoint{};
  job.definition = "definition";
  job.first_row = engine::encode(entries);
  job.claimed = true;
  return job;
}

engine::Change next_row(std::int64_t number, std::uint64_t row) {
  engine::Change change;
  change.job = id_of(number);
  change.row = row;
  change.entries = engine::encode(std::vector<engine::Entry>{engine::Paused{}});
  return change;
}

engine::StartCall start_of(std::int64_t number) {
  engine::StartCall start;
  start.request = std::make_unique<engine::CallRequest>();
  start.request->id = {.job = id_of(number), .number = 1};
  return start;
}

/// A turn that submits these jobs, each answered under `first_reply` and onwards.
engine::Turn submitting(engine::BatchId batch, engine::ReplyToken first_reply,
                        const std::vector<std::int64_t>& numbers) {
  engine::Turn turn;
  turn.batch = batch;
  for (const auto number : numbers) {
    const auto item = turn.submits.size();
    turn.submits.push_back(new_job(number));
    turn.effects.push_back({.on = CommitEffect::On::submit,
                            .item = item,
                            .action = engine::AnswerSubmit{first_reply + item, item}});
    turn.effects.push_back(
        {.on = CommitEffect::On::submit, .item = item, .action = start_of(number)});
  }
  return turn;
}

engine::Turn changing(engine::BatchId batch, const std::vector<engine::Change>& changes) {
  engine::Turn turn;
  turn.batch = batch;
  turn.changes = changes;
  return turn;
}

/// Notes what it is asked; whether the record was there at that moment is looked up in the store.
class NotingRunner final : public AttemptRunner {
 public:
  struct Noted {
    std::vector<engine::CallId> started;
    std::vector<engine::CallId> stopped;
    std::size_t before_commit = 0;
  };
  explicit NotingRunner(storage::Reader& reader) : reader_(reader) {}

  void start(std::vector<engine::BoxedCall> requests) override {
    for (const auto& request : requests) {
      const bool stored = reader_.find(request->id.job).has_value();
      noted.change([&](Noted& all) {
        all.started.push_back(request->id);
        if (!stored) ++all.before_commit;
      });
    }
  }
  void stop(const engine::CallId& call, engine::StopCause) override {
    noted.change([&](Noted& all) { all.stopped.push_back(call); });
  }
  void shut_down() override {}

  tests::Watched<Noted> noted;

 private:
  storage::Reader& reader_;
};

struct Fixture {
  Fixture() { settings.epoch = kept.acquire(); }

  /// From here on the committer runs.
  Committer& committer() {
    if (!made) {
      made.emplace(
          Committer::Surroundings{.store = store,
                                  .runner = runner,
                                  .desk = desk,
                                  .feed = feed,
                                  .inbox = inbox,
                                  .clock = clock},
          settings,
          Committer::Listeners{.on_loss =
                                   [this](StoreLoss loss, const std::string&) {
                                     losses.change([loss](auto& all) { all.push_back(loss); });
                                   },
                               .on_trouble = {}});
    }
    return *made;
  }

  [[nodiscard]] std::vector<SubmitAnswer> answers(const ReplyDesk::Ticket& ticket) {
    std::vector<SubmitAnswer> said;
    for (auto& reply : ticket.wait->wait()) said.push_back(std::get<SubmitAnswer>(reply));
    return said;
  }

  /// Outcomes as they come, until there is one of this batch.
  engine::BatchOutcome outcome(engine::BatchId batch) {
    while (true) {
      for (const auto& seen : outcomes) {
        if (seen.batch == batch) return seen;
      }
      EngineMail mail;
      inbox.take(mail, std::nullopt);
      outcomes.insert(outcomes.end(), mail.outcomes.begin(), mail.outcomes.end());
      for (auto& event : mail.events) events.push_back(std::move(event));
    }
  }

  storage::MemoryStore kept;
  FaultyStore store{kept};
  NotingRunner runner{kept};
  ReplyDesk desk;
  NewsFeed feed;
  EngineInbox inbox{1000};
  SystemClock clock;
  CommitterSettings settings{.pause_first = milliseconds(1), .pause_max = milliseconds(4)};
  std::vector<engine::BatchOutcome> outcomes;
  std::vector<engine::Event> events;
  tests::Watched<std::vector<StoreLoss>> losses;
  std::optional<Committer> made;
};

TEST_CASE("J2 D1: submits are answered and calls started only once they are on disk") {
  Fixture at;
  const auto ticket = at.desk.open(Question::submit, 2);

  at.committer().post(submitting(1, ticket.first, {1, 2}));

  const auto answers = at.answers(ticket);
  REQUIRE(answers.size() == 2);
  CHECK(std::get<JobAccepted>(answers[0]).id == id_of(1));
  CHECK(std::get<JobAccepted>(answers[1]).id == id_of(2));
  CHECK(at.kept.find(id_of(1)).has_value());
  CHECK(at.outcome(1).not_committed.empty());
  at.committer().stop();
  const auto noted = at.runner.noted.copy();
  CHECK(noted.started.size() == 2);
  CHECK(noted.before_commit == 0);
}

TEST_CASE("turns that have collected share one transaction and have an outcome each") {
  Fixture at;
  Batch batch;
  batch.add(submitting(1, 1, {1}), {});
  batch.add(changing(2, {next_row(1, 2)}), {});
  batch.add(changing(3, {next_row(1, 4)}), {});

  batch.commit(at.store, at.settings.epoch);
  const auto to = batch.conclude(true);

  CHECK(at.store.commits() == 1);
  REQUIRE(to.outcomes.size() == 3);
  CHECK(to.outcomes[0].not_committed.empty());
  CHECK(to.outcomes[1].not_committed.empty());
  CHECK(to.outcomes[2].not_committed == std::vector{id_of(1)});
  REQUIRE(to.rows.size() == 2);
  CHECK(to.rows[1].number == 2);
}

TEST_CASE("J3: a key that is taken answers with the job it names") {
  Fixture at;
  auto first = submitting(1, 1, {1});
  first.submits[0].key = engine::SubmitKey{.key = "k", .content = {std::string(32, 'a')}};
  auto same = submitting(2, 2, {2});
  same.submits[0].key = first.submits[0].key;
  auto other = submitting(3, 3, {3});
  other.submits[0].key = engine::SubmitKey{.key = "k", .content = {std::string(32, 'b')}};
  Batch batch;
  batch.add(std::move(first), {});
  batch.add(std::move(same), {});
  batch.add(std::move(other), {});

  batch.commit(at.store, at.settings.epoch);
  const auto to = batch.conclude(false);

  REQUIRE(to.replies.size() == 3);
  const auto said = [&](std::size_t index) {
    return std::get<SubmitAnswer>(to.replies[index].second);
  };
  CHECK(std::get<JobAccepted>(said(0)).id == id_of(1));
  CHECK(std::get<JobExists>(said(1)).id == id_of(1));
  CHECK(std::get<KeyTaken>(said(2)).id == id_of(1));
  CHECK(to.starts.size() == 1);
  CHECK(to.outcomes[1].not_committed == std::vector{id_of(2)});
}

TEST_CASE("D1: a batch the store refuses is split until the job at fault stands alone") {
  Fixture at;
  at.store.refuse(id_of(3));
  const bool later = GENERATE(false, true);
  const auto ticket = at.desk.open(Question::submit, 5);
  at.committer().post(submitting(1, ticket.first, {1, 2, 3, 4, 5}));
  const auto answers = at.answers(ticket);

  CHECK(std::holds_alternative<JobAccepted>(answers[1]));
  CHECK(std::holds_alternative<NotStorable>(answers[2]));
  CHECK(std::holds_alternative<JobAccepted>(answers[3]));
  CHECK(at.outcome(1).not_committed == std::vector{id_of(3)});

  // An accepted job whose later record is refused is named, so that it parks.
  if (!later) return;
  const auto second = at.desk.open(Question::verb);
  at.committer().stop();
  at.made.reset();
  at.store.refuse(id_of(2));
  auto turn = changing(2, {next_row(1, 2), next_row(2, 2), next_row(4, 2)});
  turn.effects.push_back({.on = CommitEffect::On::change,
                          .item = 1,
                          .action = engine::AnswerVerb{second.first, engine::Accepted{}}});
  at.committer().post(std::move(turn));
  const auto outcome = at.outcome(2);
  CHECK(outcome.not_committed.empty());
  CHECK(outcome.refused == id_of(2));
  CHECK(at.kept.find(id_of(4))->rows.size() == 2);
  CHECK(std::holds_alternative<engine::Refused>(
      std::get<engine::Verdict>(second.wait->wait().front())));
}

TEST_CASE("D4: on a full disk submits are not acknowledged and changes wait until there is room") {
  Fixture at;
  at.committer().post(submitting(1, 1, {1}));
  CHECK(at.outcome(1).not_committed.empty());
  for (std::uint64_t commit = 2; commit <= 5; ++commit) at.store.plant(commit, Fault::fails);
  const auto ticket = at.desk.open(Question::submit);
  auto turn = submitting(2, ticket.first, {2});
  turn.changes.push_back(next_row(1, 2));
  auto stop = engine::StopCall{.call = {.job = id_of(1), .number = 1}};
  turn.effects.push_back({.on = CommitEffect::On::change, .item = 0, .action = stop});

  at.committer().post(std::move(turn));

  const auto answers = at.answers(ticket);
  REQUIRE(std::holds_alternative<NotStored>(answers.at(0)));
  CHECK_FALSE(std::get<NotStored>(answers.at(0)).message.empty());
  const auto outcome = at.outcome(2);
  CHECK(outcome.not_committed == std::vector{id_of(2)});
  CHECK(at.kept.find(id_of(1))->rows.size() == 2);
  CHECK_FALSE(at.kept.find(id_of(2)).has_value());
  CHECK(at.store.commits() == 6);
  CHECK(at.committer().trouble().empty());
  CHECK_FALSE(at.committer().holding());
  at.committer().stop();
  CHECK(at.runner.noted.copy().stopped.size() == 1);
  CHECK(at.runner.noted.copy().started.size() == 1);
}

TEST_CASE(
    "D4: while changes are held new submits are turned away at once and the rest keeps order") {
  Fixture at;
  at.settings.pause_first = at.settings.pause_max = std::chrono::hours(1);
  at.committer().post(submitting(1, 1, {1}));
  CHECK(at.outcome(1).not_committed.empty());
  at.store.plant(2, Fault::fails);
  const auto verb = at.desk.open(Question::verb);
  at.committer().post(changing(2, {next_row(1, 2)}));
  const auto verdict = std::get<engine::Verdict>(verb.wait->wait().front());
  CHECK(std::get<engine::Refused>(verdict).why == engine::Refused::Why::unsure);
  CHECK(at.committer().holding());
  CHECK_FALSE(at.committer().trouble().empty());

  const auto submit = at.desk.open(Question::submit);
  auto turn = submitting(3, submit.first, {2});
  turn.changes.push_back(next_row(1, 3));
  at.committer().post(std::move(turn));

  CHECK(std::holds_alternative<NotStored>(at.answers(submit).at(0)));
  at.committer().stop();  // tries once more before it ends
  CHECK(at.kept.find(id_of(1))->rows.size() == 3);
  CHECK(at.outcome(3).not_committed == std::vector{id_of(2)});
}

TEST_CASE("D4: a submit that found no room is the only one turned away when room comes back") {
  Fixture at;
  at.settings.pause_first = at.settings.pause_max = std::chrono::hours(1);
  at.store.plant(1, Fault::fails);
  const auto first = at.desk.open(Question::submit);
  at.committer().post(submitting(1, first.first, {1}));
  CHECK(std::holds_alternative<NotStored>(at.answers(first).at(0)));

  const auto second = at.desk.open(Question::submit);
  at.committer().post(submitting(2, second.first, {2}));

  CHECK(std::holds_alternative<JobAccepted>(at.answers(second).at(0)));
  CHECK(at.outcome(2).not_committed.empty());
  CHECK(at.committer().trouble().empty());
}

TEST_CASE("a store that is lost is told of once and nothing is recorded or started any more") {
  Fixture at;
  const auto [kind, loss] =
      GENERATE(table<StoreError::Kind, StoreLoss>({{StoreError::Kind::broken, StoreLoss::broken},
                                                   {StoreError::Kind::fenced, StoreLoss::fenced}}));
  at.store.plant(1, Fault::fails, kind);

  at.committer().post(submitting(1, 1, {1}));
  REQUIRE(at.losses.wait_until([](const auto& all) { return !all.empty(); }));
  at.committer().post(submitting(2, 2, {2}));
  at.committer().stop();

  CHECK(at.losses.copy() == std::vector{loss});
  CHECK(at.store.commits() == 1);
  CHECK(at.runner.noted.copy().started.empty());
}

TEST_CASE("what is asked of the store is answered after the batch it came with") {
  Fixture at;
  auto turn = submitting(1, 1, {1});
  turn.submits[0].claimed = false;
  turn.requests.emplace_back(engine::ClaimJobs{.limit = 8});
  turn.requests.emplace_back(engine::LoadJob{.id = id_of(1)});
  turn.requests.emplace_back(engine::LoadJob{.id = id_of(77)});

  at.committer().post(std::move(turn));
  at.committer().stop();
  CHECK(at.outcome(1).not_committed.empty());
  EngineMail rest;
  at.inbox.take_now(rest);
  for (auto& event : rest.events) at.events.push_back(std::move(event));

  REQUIRE(at.events.size() == 3);
  CHECK(std::get<engine::JobsClaimed>(at.events[0]).jobs.size() == 1);
  CHECK(std::get<engine::JobLoaded>(at.events[1]).job.has_value());
  CHECK_FALSE(std::get<engine::JobLoaded>(at.events[2]).job.has_value());
}

TEST_CASE("D5: settled jobs go when their time is over and a few at a time") {
  Fixture at;
  at.settings.retention.succeeded = std::chrono::hours(24);
  at.settings.expire_max = 2;
  const auto now = at.clock.now().wall;
  std::vector<engine::NewJob> jobs;
  std::vector<engine::Change> settlings;
  for (std::int64_t number = 1; number <= 7; ++number) {
    jobs.push_back(new_job(number));
    auto settling = next_row(number, 2);
    const auto age = number <= 5 ? std::chrono::hours(25) : std::chrono::hours(23);
    settling.head = engine::JobHead{.word = engine::JobWord::succeeded, .settled_at = now - age};
    settlings.push_back(std::move(settling));
  }
  (void)at.kept.commit(at.settings.epoch, jobs, settlings);

  at.committer();
  at.committer().post(submitting(1, 1, {100}));

  for (std::int64_t number = 1; number <= 5; ++number) {
    CHECK(tests::eventually([&] { return !at.kept.find(id_of(number)).has_value(); }));
  }
  at.committer().stop();
  CHECK(at.kept.find(id_of(6)).has_value());
}

TEST_CASE("whoever watches hears of rows once they are on disk") {
  Fixture at;
  struct Row {
    engine::JobId job;
    std::uint64_t number = 0;
    std::size_t entries = 0;
    bool operator==(const Row&) const = default;
  };
  tests::Watched<std::vector<Row>> heard;
  const auto subscription = at.feed.subscribe([&](const JobNews& news) {
    heard.change([&](auto& all) { all.push_back({news.job, news.row, news.entries.size()}); });
  });

  auto turn = submitting(1, 1, {1});
  turn.changes.push_back(next_row(1, 2));
  at.committer().post(std::move(turn));

  REQUIRE(heard.wait_until([](const auto& all) { return all.size() == 2; }));
  CHECK((heard.copy() == std::vector<Row>{{id_of(1), 1, 1}, {id_of(1), 2, 1}}));
}

}  // namespace
}  // namespace stepd::runtime
