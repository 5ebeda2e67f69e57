#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stepd/plugin.hpp>
#include <stepd/testing/rehearsal.hpp>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using stepd::testing::Outcome;
using stepd::testing::Rehearsal;

struct Greeting {
  std::string name;
  std::int32_t times = 1;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (name, times))

struct Reply {
  std::string text;
  friend bool operator==(const Reply&, const Reply&) = default;
};
BOOST_DESCRIBE_STRUCT(Reply, (), (text))

Reply greet(stepd::Context&, const Greeting& greeting) { return {"hello " + greeting.name}; }

void do_nothing(stepd::Context&) {}

struct Share {
  double of = 0;
};
BOOST_DESCRIBE_STRUCT(Share, (), (of))
Share divide(stepd::Context&) { return {1.0 / std::numeric_limits<double>::denorm_min()}; }

Reply talk_much(stepd::Context&) { return {std::string(5000, 'x')}; }

/// Does in the call what the test hands over.
class Scripted : public stepd::SagaStep<void, Reply> {
 public:
  using Script = std::function<void(stepd::Context&)>;
  explicit Scripted(Script script) : script_(std::move(script)) {}

  Reply execute(stepd::Context& context, const stepd::Nothing&) {
    script_(context);
    return {"done"};
  }
  void compensate(stepd::Context& context, const stepd::Nothing&, const std::optional<Reply>&) {
    script_(context);
  }

 protected:
  Script script_;
};

class ScriptedProbe : public Scripted {
 public:
  using Scripted::Scripted;
  stepd::ProbeAnswer<Reply> probe(stepd::Context& context, const stepd::Nothing&) {
    script_(context);
    return stepd::StillUnknown{};
  }
};

Rehearsal scripted(Scripted::Script script) { return Rehearsal::of<Scripted>(std::move(script)); }

stepd::testing::Ending ending_of(Scripted::Script script) {
  return scripted(std::move(script)).execute(stepd::Nothing{});
}

class Probing : public stepd::Step<void, Reply> {
 public:
  explicit Probing(stepd::ProbeAnswer<Reply> answer) : answer_(std::move(answer)) {}
  Reply execute(stepd::Context&, const stepd::Nothing&) { return {"executed"}; }
  stepd::ProbeAnswer<Reply> probe(stepd::Context&, const stepd::Nothing&) { return answer_; }

 private:
  stepd::ProbeAnswer<Reply> answer_;
};

/// Tells what compensate is handed.
class Undoing : public stepd::SagaStep<Greeting, Reply> {
 public:
  explicit Undoing(std::shared_ptr<std::string> seen) : seen_(std::move(seen)) {}
  Reply execute(stepd::Context&, const Greeting& greeting) { return {greeting.name}; }
  void compensate(stepd::Context& context, const Greeting& greeting,
                  const std::optional<Reply>& reply) {
    *seen_ = greeting.name + " " + (reply ? reply->text : "unknown") + " " +
             std::string(context.execute_key());
  }

 private:
  std::shared_ptr<std::string> seen_;
};

}  // namespace

TEST_CASE("a step that returns has succeeded with its output") {
  const auto ending = Rehearsal::of<greet>().execute(Greeting{"ada", 1});

  CHECK(ending.outcome == Outcome::succeeded);
  CHECK(ending.output_as<Reply>() == Reply{"hello ada"});
}

TEST_CASE("a step that returns void has the empty object as output") {
  CHECK(Rehearsal::of<do_nothing>().execute(stepd::Nothing{}).output == "{}");
}

TEST_CASE("J6: arguments that do not fit refuse the step with their path") {
  auto rehearsal = Rehearsal::of<greet>();

  const auto ending = rehearsal.execute(boost::json::parse(R"({"name":"ada","times":"two"})"));

  CHECK(ending.outcome == Outcome::refused);
  CHECK(ending.code == "bad_arguments");
  CHECK(ending.message == "/times: must be a whole number");
}

TEST_CASE("a default declared for the step type fills in what is absent") {
  stepd::Plugin plugin("test", "1");
  plugin.step<greet>("test.greet").default_value(&Greeting::times, 1);

  const auto ending =
      Rehearsal(plugin, "test.greet").execute(boost::json::parse(R"({"name":"ada"})"));

  CHECK(ending.outcome == Outcome::succeeded);
}

TEST_CASE("J2: arguments recorded under an earlier version are made those of today") {
  stepd::Plugin plugin("test", "1");
  plugin.step<greet>("test.greet")
      .version(3, 1)
      .default_value(&Greeting::times, 1)
      .migrate([](std::uint32_t recorded, boost::json::object arguments) {
        if (recorded == 2) throw stepd::Refused{"no_way", "version 2 greeted nobody"};
        return boost::json::object{{"name", arguments.at("who")}};
      });
  Rehearsal rehearsal(plugin, "test.greet");

  SECTION("of one that is taken over") {
    rehearsal.surroundings.recorded_version = 1;
    CHECK(rehearsal.execute(boost::json::parse(R"({"who":"ada"})")).output_as<Reply>() ==
          Reply{"hello ada"});
  }
  SECTION("of one that is not to be had") {
    rehearsal.surroundings.recorded_version = 2;
    const auto ending = rehearsal.execute(boost::json::parse("{}"));
    CHECK(ending.outcome == Outcome::refused);
    CHECK(ending.code == "no_way");
  }
  SECTION("and those of today are let be") {
    CHECK(rehearsal.execute(boost::json::parse(R"({"name":"ada"})")).output_as<Reply>() ==
          Reply{"hello ada"});
  }
}

TEST_CASE("A2: what a step throws is its answer") {
  const auto refused = ending_of([](auto&) {
    throw stepd::Refused{"closed", "A-1 is closed", {{"id", "A-1"}}};
  });
  const auto failed = ending_of([](auto&) { throw stepd::Failed{"half_done", "it broke"}; });
  const auto retry = ending_of([](auto&) { throw stepd::Retry{"busy", "the bank is busy"}; });
  const auto later = ending_of([](auto&) { throw stepd::RetryAfter{30s, "down", "until six"}; });
  const auto unknown = ending_of([](auto&) { throw stepd::EffectUnknown{"lost", "no answer"}; });
  const auto cancelled = ending_of([](auto&) { throw stepd::Cancelled{}; });
  const auto exception = ending_of([](auto&) { throw std::runtime_error("no route"); });
  const auto number = ending_of([](auto&) { throw 42; });

  CHECK(refused.sentence() == "refused closed: A-1 is closed");
  CHECK(refused.details == R"({"id":"A-1"})");
  CHECK(failed.sentence() == "failed half_done: it broke");
  CHECK(retry.sentence() == "retry busy: the bank is busy");
  CHECK(later.sentence() == "retry down: until six");
  CHECK(later.retry_after == 30s);
  CHECK(unknown.sentence() == "effect_unknown lost: no answer");
  CHECK(cancelled.sentence() == "cancelled");
  CHECK(exception.sentence() == "retry exception: no route");
  CHECK(number.outcome == Outcome::retry);
}

TEST_CASE("A9: a probe says that it took effect or took none or that nobody knows") {
  auto took =
      Rehearsal::of<Probing>(stepd::ProbeAnswer<Reply>(stepd::TookEffect<Reply>{Reply{"known"}}));
  auto none = Rehearsal::of<Probing>(stepd::ProbeAnswer<Reply>(stepd::TookNoEffect{}));
  auto unknown = Rehearsal::of<Probing>(stepd::ProbeAnswer<Reply>(stepd::StillUnknown{"asleep"}));

  CHECK(took.probe(stepd::Nothing{}).output_as<Reply>().text == "known");
  CHECK(none.probe(stepd::Nothing{}).outcome == Outcome::no_effect);
  CHECK(unknown.probe(stepd::Nothing{}).sentence() == "effect_unknown still_unknown: asleep");
}

TEST_CASE("A9: a probe that refuses or fails has found out nothing") {
  auto refused = Rehearsal::of<ScriptedProbe>([](auto&) {
    throw stepd::Refused{"gone", "no such account"};
  });
  auto failed = Rehearsal::of<ScriptedProbe>([](auto&) {
    throw stepd::Failed{"gone", "no such account"};
  });

  CHECK(refused.probe(stepd::Nothing{}).outcome == Outcome::effect_unknown);
  CHECK(failed.probe(stepd::Nothing{}).outcome == Outcome::effect_unknown);
}

TEST_CASE("C1: compensate learns the output and the execute key and also when no output is known") {
  const auto seen = std::make_shared<std::string>();
  auto rehearsal = Rehearsal::of<Undoing>(seen);

  const auto without = rehearsal.compensate(Greeting{"ada", 1});
  CHECK(without.outcome == Outcome::succeeded);
  CHECK(*seen == "ada unknown job-1/step-1/0");

  rehearsal.record.output = R"({"text":"receipt","added_later":1})";
  static_cast<void>(rehearsal.compensate(Greeting{"ada", 1}));
  CHECK(*seen == "ada receipt job-1/step-1/0");
}

TEST_CASE("A10: an output that cannot be recorded leaves the step without a good answer") {
  auto large = Rehearsal::of<talk_much>();
  large.surroundings.text_max = 4096;

  const auto infinite = Rehearsal::of<divide>().execute(stepd::Nothing{});
  const auto too_big = large.execute(stepd::Nothing{});

  CHECK(infinite.outcome == Outcome::bad_answer);
  CHECK(infinite.message == "/of: must be a finite number");
  CHECK(too_big.outcome == Outcome::bad_answer);
  CHECK(too_big.code == "output_too_big");
}

TEST_CASE("the facts of a call reach the step") {
  std::string seen;
  auto rehearsal = scripted([&](stepd::Context& context) {
    const auto facts = context.facts();
    seen = std::string(facts.tenant()) + " " + std::string(facts.job_id()) + " " +
           std::string(facts.step_id()) + " " + std::string(facts.idempotency_key()) + " attempt " +
           std::to_string(facts.attempt()) + "/" + std::to_string(facts.attempts_max()) + " call " +
           std::to_string(facts.call()) + " token " + std::to_string(facts.fencing_token()) +
           (facts.outcome_unknown() ? " in doubt" : "") +
           (facts.deadline() ? " with deadline" : "");
  });
  rehearsal.surroundings.attempts_max = 5;
  rehearsal.surroundings.fencing_token = 7;
  rehearsal.surroundings.deadline = rehearsal.record.now + 1h;
  rehearsal.record.of(stepd::Phase::execute).attempts = 2;
  rehearsal.record.calls = 8;
  rehearsal.record.outcome_unknown = true;

  static_cast<void>(rehearsal.execute(stepd::Nothing{}));

  CHECK(seen ==
        "default job-1 step-1 job-1/step-1/0 attempt 3/5 call 9 token 7 in doubt with deadline");
}

TEST_CASE("earlier outputs are read as types and a skipped step has none") {
  std::string seen;
  auto rehearsal = scripted([&](stepd::Context& context) {
    seen = context.output_of<Reply>("quote")->text;
    CHECK_FALSE(context.output_of<Reply>("skipped"));
  });
  rehearsal.earlier_output("quote", boost::json::parse(R"({"text":"42","more":true})"));

  CHECK(rehearsal.execute(stepd::Nothing{}).outcome == Outcome::succeeded);
  CHECK(seen == "42");
}

TEST_CASE("an earlier output that is not what the step expects fails it for good") {
  auto rehearsal =
      scripted([](stepd::Context& context) { static_cast<void>(context.output_of<Reply>("a")); });
  rehearsal.earlier_output("a", boost::json::parse(R"({"text":1})"));

  CHECK(rehearsal.execute(stepd::Nothing{}).sentence() ==
        "failed bad_value: /text: must be a string");
}

TEST_CASE("a checkpoint of one call is there for the next and for the compensation") {
  auto rehearsal = scripted([](stepd::Context& context) {
    if (context.facts().phase() == stepd::Phase::execute) {
      const auto before = context.checkpoint<std::int32_t>().value_or(0);
      context.save_checkpoint(before + 1);
      if (before == 0) throw stepd::Retry{"again", "once more"};
    } else {
      CHECK_FALSE(context.checkpoint<std::int32_t>());
      CHECK(context.checkpoint<std::int32_t>(stepd::Phase::execute) == 2);
    }
  });

  CHECK(rehearsal.run(stepd::Nothing{}).outcome == Outcome::succeeded);
  CHECK(rehearsal.undo(stepd::Nothing{}).outcome == Outcome::succeeded);
}

TEST_CASE("A10: what is remembered first is what every later call gets") {
  std::string first;
  std::string second;
  int made = 0;
  auto rehearsal = scripted([&](stepd::Context& context) {
    const auto value = context.remember("id", [&] { return "id-" + std::to_string(++made); });
    (first.empty() ? first : second) = value;
    if (second.empty()) throw stepd::Retry{"again", "once more"};
  });

  CHECK(rehearsal.run(stepd::Nothing{}).outcome == Outcome::succeeded);
  CHECK(first == "id-1");
  CHECK(second == "id-1");
  CHECK(made == 1);
}

TEST_CASE("A10: when another call recorded a memo first its value is the answer") {
  std::string seen;
  auto rehearsal = scripted([&](stepd::Context& context) {
    seen = context.remember("id", [&]() -> std::string {
      context.abi().host->memo_save(&context.abi(), stepd::borrowed("id"),
                                    stepd::borrowed("\"theirs\""));
      return "mine";
    });
  });

  CHECK(rehearsal.execute(stepd::Nothing{}).outcome == Outcome::succeeded);
  CHECK(seen == "theirs");
}

TEST_CASE("W1: a step suspends until a time and goes on from its beginning") {
  int calls = 0;
  auto rehearsal = scripted([&](stepd::Context& context) {
    ++calls;
    const auto due =
        context.remember("due", [&] { return (context.now() + 1h).time_since_epoch().count(); });
    const stepd::testing::Time time{std::chrono::milliseconds(due)};
    if (context.now() < time) context.suspend_until(time);
  });
  const auto start = rehearsal.record.now;

  const auto ending = rehearsal.run(stepd::Nothing{});

  CHECK(ending.outcome == Outcome::succeeded);
  CHECK(calls == 2);
  CHECK(rehearsal.record.now == start + 1h);
  CHECK(rehearsal.record.of(stepd::Phase::execute).attempts == 1);
}

TEST_CASE("a suspension for a span says when it ends") {
  auto rehearsal = scripted([](stepd::Context& context) { context.suspend_for(90s); });

  const auto ending = rehearsal.execute(stepd::Nothing{});

  CHECK(ending.outcome == Outcome::suspended);
  CHECK(ending.suspended_until == rehearsal.record.now + 90s);
}

TEST_CASE("a step that is asked to stop while it sleeps is cancelled") {
  auto rehearsal = scripted([](stepd::Context& context) {
    CHECK_FALSE(context.stop_requested());
    context.sleep(1h);
  });
  rehearsal.surroundings.stop_after = 5s;
  const auto start = rehearsal.record.now;

  const auto ending = rehearsal.execute(stepd::Nothing{});

  CHECK(ending.outcome == Outcome::cancelled);
  CHECK(rehearsal.record.now == start + 5s);
}

TEST_CASE("a step that polls sees that it is asked to stop") {
  auto rehearsal = scripted([](stepd::Context& context) {
    CHECK(context.stop_fd() == -1);
    context.throw_if_stop_requested();
  });
  rehearsal.surroundings.stop_after = 0s;

  CHECK(rehearsal.execute(stepd::Nothing{}).outcome == Outcome::cancelled);
}

TEST_CASE("A5: the time left is that to the time-out or to the deadline") {
  std::optional<std::chrono::milliseconds> left;
  stepd::Plugin plugin("test", "1");
  plugin
      .saga<Scripted>("test.limited", Scripted::Script([&](stepd::Context& context) {
                        context.sleep(10s);
                        left = context.time_left();
                      }))
      .timeout(30s);
  Rehearsal limited(plugin, "test.limited");

  static_cast<void>(limited.execute(stepd::Nothing{}));
  CHECK(left == 20s);

  limited.surroundings.deadline = limited.record.now + 15s;
  static_cast<void>(limited.execute(stepd::Nothing{}));
  CHECK(left == 5s);

  auto unlimited = scripted([&](stepd::Context& context) { left = context.time_left(); });
  static_cast<void>(unlimited.execute(stepd::Nothing{}));
  CHECK_FALSE(left);
}

TEST_CASE("signs of life reach the host") {
  auto rehearsal = scripted([](stepd::Context& context) {
    context.heartbeat();
    context.progress(0.25, "a quarter");
    context.progress(7.0);
    context.info("transfer sent", {{"cents", 2500}});
    context.error("no answer");
  });

  static_cast<void>(rehearsal.execute(stepd::Nothing{}));

  const auto& seen = rehearsal.observed;
  CHECK(seen.heartbeats == 1);
  REQUIRE(seen.progress.size() == 2);
  CHECK(seen.progress[0].permille == 250);
  CHECK(seen.progress[0].note == "a quarter");
  CHECK(seen.progress[1].permille == 1000);
  REQUIRE(seen.log.size() == 2);
  CHECK(seen.log[0].message == "transfer sent");
  CHECK(seen.log[0].fields == R"({"cents":2500})");
  CHECK(seen.log[1].level == STEPD_LOG_ERROR);
}

TEST_CASE("a configuration value is read as the type that is asked for") {
  auto rehearsal = scripted([](stepd::Context& context) {
    CHECK(context.configuration<std::string>("ledger") == "a.db");
    CHECK(context.configuration<std::int32_t>("connections") == 4);
    CHECK(context.configuration<std::chrono::seconds>("patience") == 90s);
    CHECK_FALSE(context.configuration<bool>("absent"));
  });
  rehearsal.configuration("ledger", "a.db")
      .configuration("connections", 4)
      .configuration("patience", "90s");

  CHECK(rehearsal.execute(stepd::Nothing{}).outcome == Outcome::succeeded);
}

TEST_CASE("a checkpoint over the limit of the host fails the step for good") {
  auto rehearsal =
      scripted([](stepd::Context& context) { context.save_checkpoint(std::string(5000, 'x')); });
  rehearsal.surroundings.text_max = 4096;

  CHECK(rehearsal.execute(stepd::Nothing{}).code == "too_big");
}

TEST_CASE("a function the host does not offer fails the step and names a newer host as the cure") {
  auto rehearsal = scripted([](stepd::Context& context) {
    auto older = *context.abi().host;
    older.struct_size = offsetof(stepd_host_calls, sleep_ms);
    stepd_context call{&older};
    stepd::detail::granted(stepd::detail::ask(call, &stepd_host_calls::sleep_ms, std::int64_t{1}),
                           "a sleep");
  });

  const auto ending = rehearsal.execute(stepd::Nothing{});

  CHECK(ending.sentence() ==
        "failed host_too_old: this host does not offer a sleep; a newer stepd does");
}
