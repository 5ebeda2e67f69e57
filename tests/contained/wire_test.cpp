#include "host/contained/wire.hpp"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

#include "host/contained/description.hpp"
#include "host/contained/outcome_check.hpp"
#include "host/contained/packet_line.hpp"

using namespace stepd;
using namespace stepd::contained;
using namespace std::chrono_literals;

namespace {

engine::CallRequest full_request() {
  return {.id = {{77}, 8},
          .epoch = {9},
          .tenant = "acme",
          .job_name = "transfer",
          .step = "out",
          .step_index = 3,
          .type = "bank.out",
          .version = 4,
          .phase = engine::Phase::compensate,
          .attempt = 5,
          .attempts_max = 6,
          .outcome_unknown = true,
          .deadline = engine::TimePoint(1s),
          .timeout = 2s,
          .heartbeat = 3s,
          .args = engine::JsonText("{}"),
          .own_output = engine::JsonText("1"),
          .earlier_outputs = {{.step = "in", .output = engine::JsonText("[2]")}},
          .ended_waits = {{.phase = engine::Phase::execute,
                           .key = "k",
                           .event = engine::TakenEvent{.number = {1}, .id = "e", .key = "k"}}},
          .has_children = true,
          .children_open = false,
          .has_blobs = true,
          .quick = false,
          .executed_in = engine::JobId{78}};
}

engine::Outcome full_outcome() {
  return {.kind = engine::OutcomeKind::suspended,
          .output = engine::JsonText("3"),
          .error = {"code", "message", engine::JsonText("{}")},
          .retry_after = 4s,
          .wait = engine::Wait{.due = engine::Due{engine::TimePoint(5s), 6s}, .key = "k"},
          .spawns = {},
          .checkpoint = "bytes"};
}

}  // namespace

TEST_CASE("what one end says the other hears") {
  const auto call = to_call(encode(ToCall(RunCall{1, engine::TimePoint(1s), full_request()})));
  const auto& request = std::get<RunCall>(call).request;
  CHECK(encode(ToCall(RunCall{1, engine::TimePoint(1s), request})) ==
        encode(ToCall(RunCall{1, engine::TimePoint(1s), full_request()})));
  CHECK(request.type == "bank.out");
  CHECK(request.ended_waits.front().event->id == "e");
  CHECK(request.executed_in == engine::JobId{78});

  const auto ended = from_call(encode(FromCall(Ended{7, full_outcome(), {}})));
  CHECK(std::get<Ended>(ended).outcome == full_outcome());
}

TEST_CASE("whatever bytes come are a message or are refused") {
  const std::vector<std::string> messages{
      encode(FromCall(Ended{7, full_outcome(), {1, 2}})), encode(FromCall(Progress{5, "half"})),
      encode(FromCall(CheckJob{R"({"steps":[]})"})), encode(FromCall(TellSettled{1, 2}))};
  std::mt19937 chance(7);
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = messages[chance() % messages.size()];
    for (std::size_t change = chance() % 4; change-- > 0 && !bytes.empty();) {
      bytes[chance() % bytes.size()] = static_cast<char>(chance());
    }
    bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), chance() % 3));
    try {
      static_cast<void>(from_call(bytes));
      static_cast<void>(from_module(bytes));
    } catch (const BadMessage&) {
      ++refused;
    }
  }
  CHECK(refused > 10'000);
}

TEST_CASE("a line carries whole messages of any size and says when nobody is there") {
  auto [one, other] = PacketLine::open();
  PacketLine here(std::move(one));
  std::optional<PacketLine> there(std::move(other));
  for (const std::size_t size : {0, 1, 65'535, 65'536, 3'000'000}) {
    const std::string sent(size, 'm');
    REQUIRE(here.send(sent));
    auto received = there->receive();
    CHECK(std::get<PacketLine::Message>(received).bytes == sent);
  }
  auto silent = here.receive_within(10ms);
  CHECK(std::get<PacketLine::Silence>(silent) == PacketLine::Silence::timed_out);

  there.reset();

  CHECK_FALSE(here.send("hello"));
  auto closed = here.receive();
  CHECK(std::get<PacketLine::Silence>(closed) == PacketLine::Silence::closed);
}

TEST_CASE("a message in a file that can still change is refused") {
  auto [one, other] = PacketLine::open();
  PacketLine here(std::move(one));
  const plugin::FileDescriptor open_file(::memfd_create("open", MFD_CLOEXEC));
  const PacketLine there(std::move(other));
  REQUIRE(there.send_at_once("", open_file.number()));
  CHECK(std::get<0>(here.receive()).file.is_open());

  char first = 'f';
  iovec part{&first, 1};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  REQUIRE(::sendmsg(there.descriptor(), &packet, 0) == 1);
  CHECK_THROWS_AS(here.receive(), BadMessage);
}

TEST_CASE("of two descriptors beside a packet none stays open unseen") {
  auto [one, other] = PacketLine::open();
  PacketLine here(std::move(one));
  char first = 'h';
  iovec part{&first, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> beside{};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = beside.data();
  packet.msg_controllen = beside.size();
  cmsghdr* header = CMSG_FIRSTHDR(&packet);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const std::array<int, 2> both{0, 1};
  std::memcpy(CMSG_DATA(header), both.data(), sizeof both);
  const auto open_files = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = open_files();

  for (int time = 0; time < 3; ++time) {
    REQUIRE(::sendmsg(other.number(), &packet, 0) == 1);
    CHECK_THROWS_AS(here.receive(), BadMessage);
  }

  CHECK(open_files() == before);
}

TEST_CASE("what comes in a file is refused when it is larger than agreed") {
  auto [one, other] = PacketLine::open();
  PacketLine here(std::move(one), 100'000);
  const PacketLine there(std::move(other));
  REQUIRE(there.send(std::string(100'000, 'm')));
  CHECK(std::get<0>(here.receive()).bytes.size() == 100'000);
  REQUIRE(there.send(std::string(100'001, 'm')));
  CHECK_THROWS_AS(here.receive(), BadMessage);
}

TEST_CASE("whoever waits at a line that is shut finds nobody there") {
  auto [one, other] = PacketLine::open();
  PacketLine here(std::move(one));
  std::thread shuts([&here] { here.shut(); });
  auto closed = here.receive();
  CHECK(std::get<PacketLine::Silence>(closed) == PacketLine::Silence::closed);
  shuts.join();
}

namespace {

bool is_possible(engine::Outcome outcome, engine::Phase phase = engine::Phase::execute) {
  try {
    require_possible(outcome, phase, {});
    return true;
  } catch (const BadMessage&) {
    return false;
  }
}

}  // namespace

TEST_CASE("an outcome that no call in this process could have had is refused") {
  using engine::OutcomeKind;
  const engine::JsonText no_json("{");
  const engine::JsonText large("\"" + std::string(engine::Limits{}.output_bytes_max, 'x') + "\"");
  const auto due = [](engine::Duration at, engine::Duration span) {
    return engine::Outcome{.kind = OutcomeKind::suspended,
                           .wait = engine::Wait{.due = engine::Due{engine::TimePoint(at), span}}};
  };
  const auto job = std::make_shared<const engine::JobDefinition>();
  const auto starts = [&job](std::vector<std::string> keys) {
    engine::Outcome outcome;
    for (auto& key : keys) outcome.spawns.push_back({.key = std::move(key), .definition = job});
    return outcome;
  };

  CHECK(is_possible({}));
  CHECK(is_possible({.output = engine::JsonText("[1]")}));
  CHECK(is_possible(due(1s, 2s)));
  CHECK(is_possible(starts({"a", "b"})));

  CHECK_FALSE(is_possible({.output = no_json}));
  CHECK_FALSE(is_possible({.output = large}));
  for (const auto kind : {OutcomeKind::lost, OutcomeKind::interrupted, OutcomeKind::not_started,
                          OutcomeKind::crashed, OutcomeKind::timed_out}) {
    CHECK_FALSE(is_possible({.kind = kind}));
  }
  CHECK_FALSE(is_possible({.kind = OutcomeKind::retry, .output = engine::JsonText("1")}));
  CHECK_FALSE(is_possible({.kind = OutcomeKind::retry, .error = {"code", "\xff", {}}}));
  CHECK_FALSE(is_possible({.kind = OutcomeKind::retry, .error = {"code", "text", no_json}}));
  CHECK_FALSE(is_possible({.kind = OutcomeKind::retry, .retry_after = engine::Duration::max()}));
  CHECK_FALSE(is_possible({.kind = OutcomeKind::retry, .checkpoint = "bytes"}));
  CHECK_FALSE(is_possible({.kind = OutcomeKind::suspended}));
  CHECK_FALSE(is_possible(due(engine::Duration::max(), 0s)));
  CHECK_FALSE(is_possible(due(1s, engine::Duration::max())));
  CHECK_FALSE(is_possible(starts({"a", "a"})));
  CHECK_FALSE(is_possible(starts({""})));
  CHECK_FALSE(is_possible(starts({"undo:a"})));
  CHECK_FALSE(is_possible(starts({"a"}), engine::Phase::compensate));
  CHECK_FALSE(is_possible(starts({"a"}), engine::Phase::probe));
}

TEST_CASE("a description is judged once more by the one that hears it") {
  engine::StepType type;
  type.name = "test.step";
  type.args_schema = engine::StepSchema(engine::JsonText(R"({"type":"object"})"));
  type.retry.attempts_max = 7;
  type.retry.multiplier = 1.5;
  type.timeout = 3s;
  Described described{"test.plugin", "1.0.0", "sdk", {type}};

  auto good = checked_again(described);
  REQUIRE(std::holds_alternative<plugin::PluginDescription>(good));
  type.plugin = "test.plugin 1.0.0";
  CHECK(std::get<plugin::PluginDescription>(good).steps.front().type == type);

  described.steps.front().name = "No Name";
  CHECK(std::holds_alternative<plugin::BadDescription>(checked_again(described)));
  described.steps.clear();
  CHECK(std::holds_alternative<plugin::BadDescription>(checked_again(described)));
}
