#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/definition.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/record.hpp"
#include "host/rehearsal/path.hpp"
#include "host/rehearsal/step_code.hpp"

/// Every way through a job, played with scripted or real steps in time that is pushed, on a record
/// that is thrown away; each is held against the promises.
namespace stepd::rehearsal {

/// What a path came to, the worst last.
enum class Verdict : std::uint8_t {
  ok,
  parked,         // it waits for an operator, as the promises say
  waits,          // a real step waits for an event, and nobody sends one here
  starts_jobs,    // a real step starts jobs, which are not played here
  effect_stays,   // the job turned back, and what a step without compensation did is still there
  bad_arguments,  // a step's arguments do not come out of what the steps before it return
  step_at_fault,  // a real step does not do its part, or not what steps promise
  broken          // a promise is
};
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct PathResult {
  std::string path{};
  Verdict verdict = Verdict::ok;
  engine::JobWord ended = engine::JobWord::queued;
  std::vector<std::string> remarks{};  // why, a sentence each
  std::uint64_t calls = 0;
  std::uint64_t code_calls = 0;  // of real steps' code
  engine::Duration took{};
  std::vector<engine::JournalRow> rows{};  // only when one path was asked for
};

struct Rehearsed {
  std::vector<PathResult> results{};
  std::vector<Paths::Omitted> omitted{};  // paths that there cannot be, and why
  std::uint64_t paths = 0;             // there are; more than there are results: a part was played
  std::vector<std::string> remarks{};  // on real steps: what is worth a look and breaks nothing
  std::string
      plain_run{};  // how real steps ended it without any mishap; empty: well, or not played
  std::string cut_short{};  // why paths of real steps were left out; empty: none were
};

struct RehearsalSetting {
  std::shared_ptr<const engine::JobDefinition> job{};  // validated, all of its step types known
  std::shared_ptr<const engine::Catalogue> catalogue{};
  engine::PolicyDefaults defaults{};
  engine::Limits limits{};
  std::vector<engine::JsonText> outputs{};  // by step
  std::size_t steps_played_max = 40'000;    // over all paths; beyond it an even part is played
  // Steps whose own code is called, by `code`; without that their calls are only counted.
  std::set<engine::StepIndex> real{};
  StepCode* code = nullptr;
  // Real time; when it is over no further path is begun. `now` is asked for the time.
  engine::Duration real_time_max = std::chrono::minutes(3);
  std::function<engine::Now()> now{};
};

/// One thread; takes about as long as the daemon would need for as many jobs without a disk.
[[nodiscard]] Rehearsed rehearse(const RehearsalSetting& setting);
/// One path, with its journal.
[[nodiscard]] PathResult rehearse(const RehearsalSetting& setting, const Paths& paths,
                                  const Path& path);

}  // namespace stepd::rehearsal
