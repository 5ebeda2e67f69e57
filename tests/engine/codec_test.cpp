#include "host/engine/codec.hpp"

#include <catch2/catch.hpp>

#include "tests/support/random_records.hpp"

using namespace stepd::engine;
using stepd::tests::RandomRecords;

namespace {

constexpr std::uint64_t seeds = 300;

/// What a reader may answer to bytes that nobody wrote: a record, or UnreadableRecord.
template <class Decode>
bool is_read(const Decode& decode, std::string_view bytes) {
  try {
    (void)decode(bytes);
    return true;
  } catch (const UnreadableRecord& unreadable) {
    CHECK(std::string(unreadable.what()).find("cannot be read at byte") != std::string::npos);
    return false;
  }
}
bool is_definition(std::string_view bytes) { return is_read(decode_definition, bytes); }
bool are_entries(std::string_view bytes) { return is_read(decode_entries, bytes); }

/// Bytes in a heap block of exactly their size, so that reading past them is seen.
std::vector<char> exactly(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

TEST_CASE("every kind of journal entry reads back as it was written") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    RandomRecords random(seed);
    for (std::size_t kind = 0; kind < std::variant_size_v<Entry>; ++kind) {
      INFO("seed " << seed << " kind " << kind);
      const std::vector<Entry> entries{random.entry(kind)};
      REQUIRE(entries.front().index() == kind);
      CHECK(decode_entries(encode(entries)) == entries);
    }
  }
}

TEST_CASE("every condition a step moves to reads back as it was written") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    RandomRecords random(seed);
    for (std::size_t kind = 0; kind < std::variant_size_v<StepCondition>; ++kind) {
      INFO("seed " << seed << " condition " << kind);
      const std::vector<Entry> entries{StepMoved{.to = random.condition(kind)}};
      CHECK(decode_entries(encode(entries)) == entries);
    }
  }
}

TEST_CASE("a row of several entries and one of none read back as they were written") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    const std::vector<Entry> entries = RandomRecords(seed).entries();
    CHECK(decode_entries(encode(entries)) == entries);
  }
  CHECK(decode_entries(encode(std::vector<Entry>{})).empty());
}

TEST_CASE("a call that ended in a row of an older stepd has used what nobody knows") {
  const CallEnded known{.step = 1, .call = 2, .outcome = OutcomeKind::retry};
  // As versions 1 and 2 wrote it: version, entries, tag, step, call, outcome, output, error.
  const std::string old("\x01\x01\x04\x01\x02\x01\x00\x00\x00\x00", 10);

  CHECK(decode_entries(old) == std::vector<Entry>{known});
  CHECK(encode(std::vector<Entry>{known}) == old);
}

TEST_CASE("what a quick call has used takes few bytes of its record") {
  CallEnded ended{.step = 1, .call = 2};
  const std::size_t bare = encode(std::vector<Entry>{ended}).size();
  ended.used = {.waited = std::chrono::microseconds(900),
                .ran = std::chrono::microseconds(12),
                .cpu = std::chrono::microseconds(12),
                .memory_kib = 9000};

  const std::string bytes = encode(std::vector<Entry>{ended});

  CHECK(bytes.front() == 3);
  CHECK(bytes.size() <= bare + 7);
  CHECK(decode_entries(bytes) == std::vector<Entry>{ended});
}

TEST_CASE("definitions read back as they were written") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    const JobDefinition definition = RandomRecords(seed).definition();
    CHECK(decode_definition(encode(definition)) == definition);
  }
}

TEST_CASE("a record cut off at any byte is refused") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    RandomRecords random(seed);
    const std::string definition = encode(random.definition());
    const std::string entries = encode(random.entries());
    for (std::size_t length = 0; length < definition.size(); ++length) {
      const auto cut = exactly(std::string_view(definition).substr(0, length));
      INFO("seed " << seed << " length " << length);
      REQUIRE_FALSE(is_definition({cut.data(), cut.size()}));
    }
    for (std::size_t length = 0; length < entries.size(); ++length) {
      const auto cut = exactly(std::string_view(entries).substr(0, length));
      INFO("seed " << seed << " length " << length);
      REQUIRE_FALSE(are_entries({cut.data(), cut.size()}));
    }
  }
}

TEST_CASE("a record that goes on after its end is refused") {
  CHECK_FALSE(is_definition(encode(RandomRecords(1).definition()) + '\0'));
  CHECK_FALSE(are_entries(encode(std::vector<Entry>{Paused{}}) + "x"));
}

TEST_CASE("damaged records are read as some record or refused and never more") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    RandomRecords random(seed);
    std::string bytes =
        random.chance().coin() ? encode(random.definition()) : encode(random.entries());
    for (std::uint64_t hits = 1 + random.chance().below(4); hits > 0; --hits) {
      bytes[random.chance().below(bytes.size())] = static_cast<char>(random.chance().below(256));
    }
    const auto damaged = exactly(bytes);
    INFO("seed " << seed);
    (void)is_definition({damaged.data(), damaged.size()});
    (void)are_entries({damaged.data(), damaged.size()});
  }
}

TEST_CASE("random bytes never read as more than they hold") {
  stepd::tests::Chance chance(7);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<char> bytes(chance.below(60));
    for (char& byte : bytes) byte = static_cast<char>(chance.below(256));
    if (!bytes.empty()) bytes.front() = 1;  // the version, or nothing else would be reached
    (void)is_definition({bytes.data(), bytes.size()});
    (void)are_entries({bytes.data(), bytes.size()});
  }
}

TEST_CASE("a count or length beyond what is there is refused before anything is allocated") {
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
  CHECK_FALSE(are_entries("\x01" + huge));
  CHECK_FALSE(is_definition("\x01" + huge));
  CHECK_FALSE(are_entries("\x01" + huge + huge));
}

TEST_CASE("the refusal of a record tells what is known of it") {
  using namespace std::string_view_literals;
  const auto refusal = [](std::string_view bytes) -> std::string {
    try {
      (void)decode_entries(bytes);
    } catch (const UnreadableRecord& unreadable) {
      return unreadable.what();
    }
    return "read";
  };
  CHECK(refusal("\x63\x01") ==
        "a recorded journal row of 2 bytes cannot be read at byte 1: it is of format 99, and this "
        "stepd knows formats 1 to 3 (the record is damaged, or a newer stepd wrote it)");
  CHECK(refusal("\x01\x01\x7f").find("an alternative this stepd does not know") !=
        std::string::npos);
  CHECK(refusal("\x01\x81\x00\x00"sv).find("longer than it needs") != std::string::npos);
  CHECK(refusal("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02").find("64 bits") !=
        std::string::npos);
}

TEST_CASE("O1: only a row that knows what a request asked for is of the second format") {
  using namespace std::string_literals;
  const std::string hash(32, 'h');
  const std::string first =
      "\x01\x01\x0c"
      "\x05pause"
      "\x01r"
      "\x00\x00\x00"s;  // one entry: verb, request id, no actor, no reason, no step
  const std::string second = "\x02" + first.substr(1) + "\x20" + hash;
  OperatorActed acted{.verb = "pause", .request_id = "r"};

  CHECK(encode(std::vector<Entry>{acted}) == first);
  CHECK(decode_entries(first) == std::vector<Entry>{acted});
  acted.content.bytes = hash;
  CHECK(encode(std::vector<Entry>{acted}) == second);
  CHECK(decode_entries(second) == std::vector<Entry>{acted});
}

TEST_CASE("a definition whose step comes after one it does not have is refused") {
  JobDefinition definition;
  definition.steps.resize(2);
  definition.steps[1].after = {0};
  CHECK(is_definition(encode(definition)));
  definition.steps[1].after = {2};
  CHECK_FALSE(is_definition(encode(definition)));
}

TEST_CASE("format 1 stays readable: bytes that were written once") {
  using namespace std::string_view_literals;
  // clang-format off
  const std::string_view job_bytes =
      "\x01"                                        // format
      "\x01t" "\x07""default" "\x01k" "\x02{}" ""  // name, tenant, key, args
      "\x00" "\x01\x0a"                            // no output; a deadline of 5 µs
      "\x01" "\x01""a" "\x06""demo.a" "\x02{}"     // one step: id, type, args
      "\x00" "\x00" "\x00" "\x00"                 // flags, after, retry, compensate_retry
      "\x08" "\x01\x00\x00"                       // a snapshot: version, kind, flags
      "\x01\x05" "\x00" "\x00\x00\x00"sv;         // five attempts; no time-outs
  const std::string_view row_bytes =
      "\x01\x03"                                             // format, three entries
      "\x00"                                                 // submitted
      "\x03\x02\x00\xac\x02\x01\x01\x01" "\1\2\3\4\5\6\7\x08"  // call 300 of step 2 started
      "\x05\x02\x00\x02\x01\x00\x00\x07\x00"sv;             // step 2 moved to succeeded
  // clang-format on

  JobDefinition job{.name = "t", .key = "k", .args = JsonText("{}"), .deadline = Duration(5)};
  job.steps.push_back({.id = "a",
                       .type = "demo.a",
                       .args = JsonText("{}"),
                       .snapshot = StepTypeSnapshot{.retry = {.attempts_max = 5}}});
  CHECK(encode(job) == job_bytes);
  CHECK(decode_definition(job_bytes) == job);

  const std::vector<Entry> row{
      Submitted{}, CallStarted{.step = 2, .call = 300, .module = {0x0807060504030201}},
      StepMoved{.step = 2, .effect = Effect::done, .attempts = 1, .to = Succeeded{}}};
  CHECK(encode(row) == row_bytes);
  CHECK(decode_entries(row_bytes) == row);
}

TEST_CASE("format 2 of a definition adds a priority and where the job comes from") {
  using namespace std::string_view_literals;
  const std::string_view job_bytes =
      "\x02"  // format
      "\x01t"
      "\x07"
      "default"
      "\x00"
      "\x02{}"  // name, tenant, no key, args
      "\x00"
      "\x00"  // no output, no deadline
      "\x01"
      "\x01"
      "a"
      "\x06"
      "demo.a"
      "\x02{}"  // one step
      "\x00"
      "\x00"
      "\x00"
      "\x00"
      "\x00"  // flags, after, retry, compensate_retry, no snapshot
      "\x09"  // priority -5
      "\x01"
      "\x00"
      "\x54"
      "\x01"
      "a"  // an origin: a rerun of job 42 from step a
      "\x01"
      "\x00\x52"  // that keeps step 0 of job 41
      "\x00"sv;   // and that no other job has started
  JobDefinition job{.name = "t", .args = JsonText("{}")};
  job.steps.push_back({.id = "a", .type = "demo.a", .args = JsonText("{}")});
  const JobDefinition plain = job;
  job.priority = -5;
  job.origin = Origin{.job = {42}, .from = "a", .kept = {{0, {41}}}};

  CHECK(encode(job) == job_bytes);
  CHECK(decode_definition(job_bytes) == job);
  CHECK(encode(plain).front() == '\x01');
  job.origin->kept.front().step = 1;
  CHECK_FALSE(is_definition(encode(job)));
}
