#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/definition.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/record.hpp"
#include "host/rehearsal/path.hpp"

/// Every way through a job, played with scripted steps in time that is pushed, on a record that is
/// thrown away; each is held against the promises.
namespace stepd::rehearsal {

/// What a path came to, the worst last.
enum class Verdict : std::uint8_t {
  ok,
  parked,         // it waits for an operator, as the promises say
  effect_stays,   // the job turned back, and what a step without compensation did is still there
  bad_arguments,  // a step's arguments do not come out of what the scripted steps return
  broken          // a promise is
};
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct PathResult {
  std::string path{};
  Verdict verdict = Verdict::ok;
  engine::JobWord ended = engine::JobWord::queued;
  std::vector<std::string> remarks{};  // why, a sentence each
  std::uint64_t calls = 0;
  engine::Duration took{};
  std::vector<engine::JournalRow> rows{};  // only when one path was asked for
};

struct Rehearsed {
  std::vector<PathResult> results{};
  std::vector<Paths::Omitted> omitted{};  // paths that there cannot be, and why
  std::uint64_t paths = 0;  // there are; more than there are results: a part was played
};

struct RehearsalSetting {
  std::shared_ptr<const engine::JobDefinition> job{};  // validated, all of its step types known
  std::shared_ptr<const engine::Catalogue> catalogue{};
  engine::PolicyDefaults defaults{};
  engine::Limits limits{};
  std::vector<engine::JsonText> outputs{};  // by step
  std::size_t steps_played_max = 40'000;    // over all paths; beyond it an even part is played
};

/// One thread; takes about as long as the daemon would need for as many jobs without a disk.
[[nodiscard]] Rehearsed rehearse(const RehearsalSetting& setting);
/// One path, with its journal.
[[nodiscard]] PathResult rehearse(const RehearsalSetting& setting, const Paths& paths,
                                  const Path& path);

}  // namespace stepd::rehearsal
