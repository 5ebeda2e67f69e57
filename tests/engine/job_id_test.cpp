#include <catch2/catch.hpp>
#include <set>

#include "host/engine/engine.hpp"
#include "host/engine/id.hpp"
#include "tests/support/random_records.hpp"

using namespace stepd::engine;
using std::chrono::milliseconds;

namespace {

TimePoint at(std::int64_t since_1970_ms) { return TimePoint(milliseconds(since_1970_ms)); }

}  // namespace

TEST_CASE("a job id reads back from its text") {
  stepd::tests::Chance chance(1);
  for (int round = 0; round < 1000; ++round) {
    const JobId id{static_cast<std::int64_t>(chance.number() >> 1U)};
    INFO(to_text(id));
    CHECK(parse_job_id(to_text(id)) == id);
  }
}

TEST_CASE("the text of a job id is shaped like a UUIDv7 of its millisecond") {
  const JobId id = JobIdSource(JobId{}).next(at(0x0193a5b6c7d8));
  const std::string text = to_text(id);

  CHECK(text.size() == 36);
  CHECK(text.substr(0, 15) == "0193a5b6-c7d8-7");
  CHECK(std::string("89ab").find(text[19]) != std::string::npos);
  CHECK(created_at(id) == at(0x0193a5b6c7d8));
}

TEST_CASE("the texts of job ids sort like the ids") {
  stepd::tests::Chance chance(2);
  for (int round = 0; round < 1000; ++round) {
    const JobId left{static_cast<std::int64_t>(chance.number() >> 1U)};
    const JobId right{chance.coin() ? left.value ^ 1
                                    : static_cast<std::int64_t>(chance.bits() >> 1U)};
    INFO(to_text(left) << " and " << to_text(right));
    CHECK((left < right) == (to_text(left) < to_text(right)));
  }
}

TEST_CASE("a job id is read in upper case too") {
  const JobId id{0x1234'5678'9abc'def0};
  std::string text = to_text(id);
  for (char& letter : text) letter = static_cast<char>(std::toupper(letter));
  CHECK(parse_job_id(text) == id);
}

TEST_CASE("a mistyped job id is no job id") {
  const std::string text = to_text(JobId{0x1234'5678'9abc'def0});
  for (std::size_t place = 0; place < text.size(); ++place) {
    std::string mistyped = text;
    mistyped[place] = text[place] == '3' ? '4' : '3';
    INFO(mistyped);
    CHECK(parse_job_id(mistyped) == std::nullopt);
  }
  for (const std::string& nonsense :
       {std::string(), text.substr(1), text + "0", std::string(36, '-'), std::string(36, 'g'),
        std::string("ffffffff-ffff-7fff-bfff-ffffffffffff")}) {
    INFO(nonsense);
    CHECK(parse_job_id(nonsense) == std::nullopt);
  }
}

TEST_CASE("job ids increase within a millisecond and over a clock that goes backwards") {
  JobIdSource source(JobId{});
  std::vector<JobId> ids;
  for (const std::int64_t now : {1000, 1000, 1000, 999, 5, -1, 1001, 1001, 0}) {
    ids.push_back(source.next(at(now)));
  }
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  CHECK(std::set(ids.begin(), ids.end()).size() == ids.size());
}

TEST_CASE("job ids begin above the highest on record") {
  const JobId highest = JobIdSource(JobId{}).next(at(2'000'000));
  JobIdSource restarted(highest);
  CHECK(restarted.next(at(1'000'000)) > highest);
}

TEST_CASE("A6: an idempotency key names job step and phase and nothing of the call") {
  const JobId job{0x1234'5678'9abc'def0};
  CHECK(idempotency_key(job, "out", Phase::execute) == to_text(job) + "/out/execute");
  CHECK(idempotency_key(job, "out", Phase::compensate) == to_text(job) + "/out/compensate");
}
