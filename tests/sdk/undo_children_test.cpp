#include <boost/describe.hpp>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <stepd/distributed_task.hpp>
#include <stepd/testing/rehearsal.hpp>
#include <string>
#include <vector>

namespace {

using stepd::testing::Outcome;
using stepd::testing::Rehearsal;
using stepd::testing::StartedJob;

struct Names {
  std::vector<std::string> names;
};
BOOST_DESCRIBE_STRUCT(Names, (), (names))

struct Tally {
  std::uint32_t done = 0;
};
BOOST_DESCRIBE_STRUCT(Tally, (), (done))

class Many : public stepd::DistributedTask<Many, Names, Tally, Tally> {
 public:
  static constexpr std::string_view subtask_type = "test.one";
  static constexpr bool is_saga_step = true;
  using SubtaskOutput = stepd::Nothing;
  std::uint64_t subtask_count(const Names& names, const Tally&) { return names.names.size(); }
  std::string subtask_input(const Names& names, const Tally&, std::uint64_t index) {
    return names.names[index];
  }
  void deliver_output(Tally& tally, std::uint64_t, const stepd::Nothing&) { ++tally.done; }
  void subtask_failed(Tally&, std::uint64_t, const stepd::SubtaskError&) {}
  Tally output(const Names&, const Tally& tally) { return tally; }
};

/// Its subtasks 0, 1, 2 … end as these states say.
Rehearsal many(std::vector<std::string> states) {
  auto rehearsal = Rehearsal::of<Many>();
  rehearsal.children([states = std::move(states)](const StartedJob& job) {
    StartedJob ended;
    ended.state = states.at(std::stoul(job.key));
    ended.output = ended.state == "succeeded" ? "{}" : "null";
    return ended;
  });
  return rehearsal;
}

std::vector<std::string> undos_in(const Rehearsal& rehearsal) {
  std::vector<std::string> undos;
  for (const StartedJob& job : rehearsal.record.children) undos.push_back(job.undo);
  return undos;
}

/// Undoes one of its jobs and does not wait.
class Hasty : public stepd::SagaStep<void> {
 public:
  void execute(stepd::Context& context, const stepd::Nothing&) {
    context.spawn("it", {{"steps", boost::json::array()}});
    context.wait_for_children();
  }
  void compensate(stepd::Context& context, const stepd::Nothing&,
                  const std::optional<stepd::Nothing>&) {
    undoes = context.undo_child("it");
  }
  static inline bool undoes = false;
};

/// Wants its jobs undone and asks nobody for it.
template <bool host_is_busy>
class Demanding : public stepd::SagaStep<void> {
 public:
  void execute(stepd::Context& context, const stepd::Nothing&) {
    context.spawn("it", {{"steps", boost::json::array()}});
    context.wait_for_children();
  }
  void compensate(stepd::Context& context, const stepd::Nothing&,
                  const std::optional<stepd::Nothing>&) {
    if constexpr (host_is_busy) {
      static stepd_host_calls busy = *context.abi().host;
      busy.undo_child = [](stepd_context*, stepd_str, stepd_str*) -> stepd_status {
        return STEPD_UNAVAILABLE;
      };
      context.abi().host = &busy;
    }
    context.require_children_undone();
  }
};

/// Has run, and the one job that it started has succeeded.
template <typename Step>
Rehearsal with_one_job() {
  auto rehearsal = Rehearsal::of<Step>();
  rehearsal.children([](const StartedJob&) {
    StartedJob ended;
    ended.state = "succeeded";
    return ended;
  });
  REQUIRE(rehearsal.run(stepd::Nothing{}).outcome == Outcome::succeeded);
  return rehearsal;
}

}  // namespace

TEST_CASE("W3: a distributed task that is a saga step undoes the subtasks that succeeded") {
  auto rehearsal = many({"succeeded", "failed", "succeeded"});
  const Names names{{"a", "b", "c"}};
  REQUIRE(rehearsal.run(names).output_as<Tally>().done == 2);

  CHECK(rehearsal.undo(names).outcome == Outcome::succeeded);
  CHECK(undos_in(rehearsal) == std::vector<std::string>{"compensated", "", "compensated"});
}

TEST_CASE("W3: undoing subtasks survives every crash with one undo for each") {
  auto rehearsal = many({"succeeded", "succeeded"});
  std::size_t asked = 0;
  rehearsal.undos([&asked](const StartedJob&) {
    ++asked;
    return "compensated";
  });
  rehearsal.before_each_run([&asked] { asked = 0; });

  rehearsal.undo_survives_every_crash(Names{{"a", "b"}}, [&] { REQUIRE(asked <= 2); });
}

TEST_CASE("W3: a subtask with nothing to undo is left alone") {
  auto rehearsal = many({"succeeded"});
  const Names names{{"a"}};
  REQUIRE(rehearsal.run(names).outcome == Outcome::succeeded);
  rehearsal.record.children[0].can_be_undone = false;

  CHECK(rehearsal.undo(names).outcome == Outcome::succeeded);
  CHECK(undos_in(rehearsal) == std::vector<std::string>{""});
}

TEST_CASE("W3: a compensation whose undo has left something fails and says which") {
  auto rehearsal = many({"succeeded"});
  rehearsal.undos([](const StartedJob&) { return "failed"; });
  const Names names{{"a"}};
  REQUIRE(rehearsal.run(names).outcome == Outcome::succeeded);

  const auto ending = rehearsal.undo(names);

  CHECK(ending.outcome == Outcome::failed);
  CHECK(ending.code == "child_not_undone");
  CHECK(ending.message.find("job-of-0") != std::string::npos);
  rehearsal.record.children[0].undo = "compensated";
  CHECK(rehearsal.undo(names).outcome == Outcome::succeeded);
}

TEST_CASE("W3: a subtask that cannot be undone is named and keeps none of its siblings from it") {
  auto rehearsal = many({"succeeded", "succeeded", "succeeded"});
  const Names names{{"a", "b", "c"}};
  REQUIRE(rehearsal.run(names).outcome == Outcome::succeeded);
  rehearsal.record.children[1].undo_refusal = "job job-of-1 has been removed";

  const auto ending = rehearsal.undo(names);

  CHECK(undos_in(rehearsal) == std::vector<std::string>{"compensated", "", "compensated"});
  CHECK(ending.outcome == Outcome::failed);
  CHECK(ending.code == "child_not_undone");
  CHECK(ending.message.find("not undone: job job-of-1 (1) has been removed.") == 0);
  const std::string place = std::string(rehearsal.surroundings.job_id) + " " +
                            std::string(rehearsal.surroundings.step_id);
  CHECK(ending.message.find("stepctl job retry " + place) != std::string::npos);
  CHECK(ending.message.find("stepctl job resolve " + place) != std::string::npos);
}

TEST_CASE("W3: a compensation names every subtask that is not undone") {
  auto rehearsal = many({"succeeded", "succeeded", "succeeded"});
  rehearsal.undos([](const StartedJob& job) { return job.key == "2" ? "failed" : "compensated"; });
  const Names names{{"a", "b", "c"}};
  REQUIRE(rehearsal.run(names).outcome == Outcome::succeeded);
  rehearsal.record.children[0].undo_refusal = "it is past its point of no return";

  const auto ending = rehearsal.undo(names);

  CHECK(ending.message.find("not undone are 2 jobs: job job-of-0 (0): it is past its point of no "
                            "return; job job-of-2 (2): it has left something.") == 0);
  const auto details = boost::json::parse(ending.details);
  const auto& told = details.at("not_undone").as_array();
  REQUIRE(told.size() == 2);
  CHECK(told[0].at("job") == "job-of-0");
  CHECK(told[1].at("key") == "2");
}

TEST_CASE("W3: a compensation that demands an undo nobody has asked for fails") {
  auto rehearsal = with_one_job<Demanding<false>>();

  const auto ending = rehearsal.undo(stepd::Nothing{});

  CHECK(ending.code == "child_not_undone");
  CHECK(ending.message.find("stepctl job undo job-of-it") != std::string::npos);
  CHECK(undos_in(rehearsal) == std::vector<std::string>{""});
}

TEST_CASE("W3: a compensation that cannot be told now how its undos stand is tried again") {
  auto rehearsal = with_one_job<Demanding<true>>();

  const auto ending = rehearsal.compensate(stepd::Nothing{});

  CHECK(ending.outcome == Outcome::retry);
  CHECK(ending.code == "host_unavailable");
}

TEST_CASE("W3: an undo that is asked for and not waited for goes with the success") {
  auto rehearsal = with_one_job<Hasty>();

  CHECK(rehearsal.undo(stepd::Nothing{}).outcome == Outcome::succeeded);

  CHECK(Hasty::undoes);
  CHECK(undos_in(rehearsal) == std::vector<std::string>{"asked"});
}

TEST_CASE("W3: there is nothing to undo of a job that the step never came to start") {
  auto rehearsal = Rehearsal::of<Hasty>();

  const auto ending = rehearsal.compensate(stepd::Nothing{});

  CHECK(ending.outcome == Outcome::succeeded);
  CHECK_FALSE(Hasty::undoes);
}
