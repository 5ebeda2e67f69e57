#include "tests/enumeration/enumeration.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/engine/planted_bug.hpp"

using namespace stepd::enumeration;
using stepd::engine::PlantedBug;

namespace {

const std::vector<std::string> files{"order", "attempts", "pivots", "probes",
                                     "waits", "verbs",    "hosts"};

std::vector<ReferenceJob> jobs_of(const std::string& file) {
  return read_reference_jobs(std::string(STEPD_SOURCE_FOLDER) + "/tests/enumeration/jobs/" + file +
                             ".json");
}

std::vector<ReferenceJob> all_jobs() {
  std::vector<ReferenceJob> jobs;
  for (const std::string& file : files) {
    for (ReferenceJob& job : jobs_of(file)) jobs.push_back(std::move(job));
  }
  return jobs;
}

/// The first job that shows it, if any does.
std::string caught(const std::vector<ReferenceJob>& jobs, PlantedBug bug) {
  stepd::engine::planted_bug = bug;
  std::string difference;
  for (const ReferenceJob& job : jobs) {
    difference = enumerate(job, Backing::memory).difference;
    if (!difference.empty()) break;
  }
  stepd::engine::planted_bug = PlantedBug::none;
  return difference;
}

}  // namespace

TEST_CASE("D1 D2: a job ends the same wherever its host dies") {
  const std::string file = GENERATE(from_range(files));
  Enumerated sum;
  for (const ReferenceJob& job : jobs_of(file)) {
    const Enumerated enumerated = enumerate(job, Backing::memory);
    CHECK(enumerated.difference.empty());
    if (!enumerated.difference.empty()) WARN(enumerated.difference);
    CHECK(enumerated.crash_points >= 4);
    CHECK((enumerated.pairs > 0) == job.in_pairs);
    sum.crash_points += enumerated.crash_points;
    sum.pairs += enumerated.pairs;
  }
  WARN(file << ": " << sum.crash_points << " crash points, " << sum.pairs << " pairs");
}

TEST_CASE("D2: a job on a file ends the same wherever its host dies") {
  std::size_t count = 0;
  for (const ReferenceJob& job : all_jobs()) {
    if (!job.on_disk) continue;
    ++count;
    const Enumerated enumerated = enumerate(job, Backing::sqlite);
    CHECK(enumerated.difference.empty());
    if (!enumerated.difference.empty()) WARN(enumerated.difference);
  }
  CHECK(count >= 3);
}

TEST_CASE("the reference set has thirty jobs or more") { CHECK(all_jobs().size() >= 30); }

TEST_CASE("D2: the enumeration finds planted bugs") {
  const auto bug = GENERATE(PlantedBug::forgets_attempts, PlantedBug::compensates_in_any_order,
                            PlantedBug::refusal_forgets_effect, PlantedBug::compensates_beside_call,
                            PlantedBug::repeats_after_success, PlantedBug::ignores_policy_end,
                            PlantedBug::never_compensates_in_doubt, PlantedBug::acts_before_commit,
                            PlantedBug::runs_settled_again);
  const std::vector<ReferenceJob> jobs = all_jobs();

  const std::string difference = caught(jobs, bug);

  INFO("planted bug " << static_cast<int>(bug));
  CHECK_FALSE(difference.empty());
  WARN("planted bug " << static_cast<int>(bug) << ": " << difference);
}
