#include <boost/describe.hpp>
#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stepd/plugin.hpp>
#include <stepd/testing/rehearsal.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace {

using stepd::testing::CrashBy;
using stepd::testing::NotCrashSafe;
using stepd::testing::Outcome;
using stepd::testing::Rehearsal;
using stepd::testing::When;

struct Transfer {
  std::string account;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(Transfer, (), (account, cents))

struct Receipt {
  std::string number;
};
BOOST_DESCRIBE_STRUCT(Receipt, (), (number))

/// A bank that keeps what it did under the key it was asked with.
struct Bank {
  std::map<std::string, std::int64_t, std::less<>> done;
  int asked = 0;
  bool gives_no_receipt = false;

  void transfer(std::string_view key, std::int64_t cents) {
    ++asked;
    done.emplace(key, cents);
  }
  void take_back(std::string_view key) {
    const auto found = done.find(key);
    if (found != done.end()) done.erase(found);
  }
};
using SharedBank = std::shared_ptr<Bank>;

class SafeTransfer : public stepd::SagaStep<Transfer, Receipt> {
 public:
  explicit SafeTransfer(SharedBank bank) : bank_(std::move(bank)) {}

  Receipt execute(stepd::Context& context, const Transfer& transfer) {
    context.progress(0.5, "asking the bank");
    bank_->transfer(context.idempotency_key(), transfer.cents);
    return {context.remember(
        "number", [&] { return "receipt of " + std::string(context.idempotency_key()); })};
  }
  void compensate(stepd::Context& context, const Transfer&, const std::optional<Receipt>&) {
    bank_->take_back(context.execute_key());
    context.info("taken back");
  }

 private:
  SharedBank bank_;
};

/// Answers with how often it ran, which a crash changes.
class CountingTransfer : public stepd::SagaStep<Transfer, Receipt> {
 public:
  explicit CountingTransfer(SharedBank bank) : bank_(std::move(bank)) {}
  Receipt execute(stepd::Context& context, const Transfer&) {
    ++bank_->asked;
    context.heartbeat();
    return {std::to_string(bank_->asked)};
  }
  void compensate(stepd::Context&, const Transfer&, const std::optional<Receipt>& receipt) {
    if (!receipt) throw stepd::Failed{"no_receipt", "which transfer is to be undone?"};
  }

 private:
  SharedBank bank_;
};

/// Takes every exception for a trouble of its own.
void swallow(stepd::Context& context) {
  try {
    context.heartbeat();
  } catch (...) {
    context.warning("something went wrong");
  }
}

void always_busy(stepd::Context&) { throw stepd::Retry{"busy", "as always"}; }

/// Moves the money before it notes that it did.
class ProbedTransfer : public stepd::Step<Transfer, Receipt> {
 public:
  explicit ProbedTransfer(SharedBank bank) : bank_(std::move(bank)) {}
  Receipt execute(stepd::Context& context, const Transfer& transfer) {
    bank_->transfer(std::to_string(bank_->asked), transfer.cents);
    if (bank_->gives_no_receipt) throw stepd::Retry{"no_receipt", "it may have been booked"};
    context.heartbeat();
    return {"one"};
  }
  stepd::ProbeAnswer<Receipt> probe(stepd::Context&, const Transfer&) {
    if (bank_->done.empty()) return stepd::TookNoEffect{};
    return stepd::TookEffect<Receipt>{{"one"}};
  }

 private:
  SharedBank bank_;
};

std::string complaint_of(const std::function<void()>& trial) {
  try {
    trial();
  } catch (const NotCrashSafe& error) {
    return error.what();
  }
  return "none";
}

const Transfer some_transfer{"A-1", 2500};

}  // namespace

TEST_CASE("a step that hands on its idempotency key survives a crash at every host call") {
  const auto bank = std::make_shared<Bank>();
  auto rehearsal = Rehearsal::of<SafeTransfer>(bank);
  rehearsal.before_each_run([&] { *bank = {}; });
  int runs = 0;

  rehearsal.survives_every_crash(some_transfer, [&] {
    ++runs;
    CHECK(bank->done.size() == 1);
  });

  // call, args_json, progress, memo_load, memo_save, set_output: before and after each, and once
  // undisturbed.
  CHECK(runs == 13);
}

TEST_CASE("a compensation that finds what to undo by the execute key survives every crash") {
  const auto bank = std::make_shared<Bank>();
  auto rehearsal = Rehearsal::of<SafeTransfer>(bank);
  rehearsal.before_each_run([&] { *bank = {}; });

  rehearsal.undo_survives_every_crash(some_transfer, [&] { CHECK(bank->done.empty()); });
}

TEST_CASE("a step whose answer changes with a crash is told on with both answers and a replay") {
  const auto bank = std::make_shared<Bank>();
  auto rehearsal = Rehearsal::of<CountingTransfer>(bank);
  rehearsal.before_each_run([&] { *bank = {}; });

  const auto complaint =
      complaint_of([&] { rehearsal.survives_every_crash(some_transfer, [] {}); });

  using Catch::Matchers::Contains;
  CHECK_THAT(complaint, Contains("rehearsal_test.cpp:"));
  CHECK_THAT(complaint, Contains("killed before host call 3 (heartbeat)"));
  CHECK_THAT(complaint, Contains("rehearsal.run(arguments, {3, stepd::testing::When::before})"));
  CHECK_THAT(complaint, Contains(R"(the answer was:   succeeded {"number":"2"})"));
  CHECK_THAT(complaint, Contains(R"(without a crash:  succeeded {"number":"1"})"));
}

TEST_CASE("the replay a complaint names shows the same answer again") {
  const auto bank = std::make_shared<Bank>();
  auto rehearsal = Rehearsal::of<CountingTransfer>(bank);

  const auto ending = rehearsal.run(some_transfer, {{3, When::before}});

  CHECK(ending.output_as<Receipt>().number == "2");
}

TEST_CASE("a compensation that needs an output it may not get is told on") {
  const auto bank = std::make_shared<Bank>();
  auto rehearsal = Rehearsal::of<CountingTransfer>(bank);

  const auto complaint =
      complaint_of([&] { rehearsal.undo_survives_every_crash(some_transfer, [] {}); });

  using Catch::Matchers::Contains;
  CHECK_THAT(complaint, Contains("rehearsal.undo_of_crashed(arguments, {1, "));
  CHECK_THAT(complaint, Contains("failed no_receipt"));
}

TEST_CASE("a step that swallows its own death is told on") {
  auto rehearsal = Rehearsal::of<swallow>();

  const auto complaint =
      complaint_of([&] { rehearsal.survives_every_crash(stepd::Nothing{}, [] {}); });

  CHECK_THAT(complaint, Catch::Matchers::Contains("catches every exception"));
}

TEST_CASE("A9: a step in doubt is probed before it runs again") {
  const auto bank = std::make_shared<Bank>();
  auto rehearsal = Rehearsal::of<ProbedTransfer>(bank);
  rehearsal.before_each_run([&] { *bank = {}; });

  rehearsal.survives_every_crash(some_transfer, [&] { CHECK(bank->done.size() == 1); });
}

TEST_CASE("A9: a step in doubt that is not repeatable and has no probe is not run again") {
  const auto bank = std::make_shared<Bank>();
  stepd::Plugin plugin("test", "1");
  plugin.saga<CountingTransfer>("test.once", bank).not_repeatable();
  Rehearsal rehearsal(plugin, "test.once");

  const auto ending = rehearsal.run(some_transfer, {{3, When::after}});

  CHECK(ending.code == "parked_in_doubt");
  CHECK(bank->asked == 1);
}

TEST_CASE("A9: a step that failed after it may have acted is probed before it runs again") {
  const auto bank = std::make_shared<Bank>();
  auto rehearsal = Rehearsal::of<ProbedTransfer>(bank);
  bank->gives_no_receipt = true;

  const auto ending = rehearsal.run(some_transfer);

  CHECK(ending.outcome == Outcome::succeeded);
  CHECK(ending.output == R"({"number":"one"})");
  CHECK(bank->asked == 1);
}

TEST_CASE("a killed call is over for the host and what it answers does not count") {
  const auto bank = std::make_shared<Bank>();
  auto by_unwinding = Rehearsal::of<SafeTransfer>(bank);
  auto by_fencing = Rehearsal::of<SafeTransfer>(bank).crash_by(CrashBy::fencing);

  CHECK(by_unwinding.undo_of_crashed(some_transfer, {2, When::after}).outcome ==
        Outcome::succeeded);
  CHECK(by_fencing.undo_of_crashed(some_transfer, {2, When::after}).outcome == Outcome::succeeded);
  CHECK_FALSE(by_unwinding.record.output);
  CHECK_FALSE(by_fencing.record.output);
}

TEST_CASE("A4: a rehearsed run ends when the attempts of the policy are used up") {
  stepd::Plugin plugin("test", "1");
  plugin.step<always_busy>("test.busy").retry({.attempts_max = 3});
  Rehearsal rehearsal(plugin, "test.busy");

  const auto ending = rehearsal.run(stepd::Nothing{});

  CHECK(ending.outcome == Outcome::retry);
  CHECK(rehearsal.record.calls == 3);
}

namespace {

struct Decision {
  bool approved = false;
  std::string by;
};
BOOST_DESCRIBE_STRUCT(Decision, (), (approved, by))

/// Asks twice when the first answer does not come in time, and tells who decided.
std::string approval(stepd::Context& context, const Transfer&) {
  if (const auto decision = context.wait_for<Decision>("approval", std::chrono::hours(72)))
    return decision->data.by;
  context.send_event("reminder", Decision{});
  return context.wait_for<Decision>("approval").data.by;
}

}  // namespace

TEST_CASE("W2: a step that waits for an event goes on with it whatever crashes") {
  auto rehearsal = Rehearsal::of<approval>();
  rehearsal.event("approval", Decision{true, "ann"});

  const auto waiting = rehearsal.execute(Transfer{});
  CHECK(waiting.outcome == Outcome::suspended);
  CHECK(waiting.waits_for == "approval");
  CHECK(waiting.suspended_until == rehearsal.record.now + std::chrono::hours(72));
  rehearsal.survives_every_crash(Transfer{}, [&](const stepd::testing::Ending& ending) {
    CHECK(ending.output == R"("ann")");
    CHECK(rehearsal.observed.sent.empty());
  });
}

TEST_CASE("W1: a wait that timed out stays so when the step is called again") {
  auto rehearsal = Rehearsal::of<approval>();
  const auto start = rehearsal.record.now;
  static_cast<void>(rehearsal.execute(Transfer{}));
  rehearsal.record.of(stepd::Phase::execute).ended_waits.push_back({"approval", std::nullopt});

  const auto second = rehearsal.execute(Transfer{});

  CHECK(second.outcome == Outcome::suspended);
  CHECK_FALSE(second.suspended_until);
  REQUIRE(rehearsal.observed.sent.size() == 1);
  CHECK(rehearsal.observed.sent[0].id == "job-1/step-1/0/reminder");
  rehearsal.event("approval", Decision{true, "bob"});
  CHECK(rehearsal.run(Transfer{}).output == R"("bob")");
  CHECK(rehearsal.record.now < start + std::chrono::hours(1));
}

TEST_CASE("a rehearsed step that waits for what the test does not send is told on") {
  auto rehearsal = Rehearsal::of<approval>();
  rehearsal.record.of(stepd::Phase::execute).ended_waits.push_back({"approval", std::nullopt});

  CHECK_THROWS_WITH(rehearsal.run(Transfer{}),
                    Catch::Contains(R"(rehearsal.event("approval", data))"));
}
