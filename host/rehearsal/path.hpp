#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/step_graph.hpp"
#include "host/rehearsal/script.hpp"

namespace stepd::rehearsal {

/// What goes wrong with a step's execute, or with its compensation. In an order that reads well.
enum class Mishap : std::uint8_t {
  refused,              // cleanly: it took no effect
  failed,               // for good, after it took effect
  exhausted,            // every attempt asks for another, until the policy ends
  timed_out,            // takes effect and never returns, each time where the policy has an end
  crash_before_effect,  // ends the process, once
  crash_after_effect,
  unknown,  // took effect, and reports that it does not know, once
  unknown_no_effect,
  unknown_then_refused,  // took effect and does not know; refuses when it is called again
  unknown_for_good,      // the probe never finds out either
  cancelled,             // an operator cancels the job while it runs; it takes effect and stops
  cancelled_too_late,    // likewise, and it reports success
  deadline,              // the job's deadline passes while it runs
  retried                // of a compensation: it is done at the second attempt
};
[[nodiscard]] std::string_view name_of(Mishap mishap);

/// One way through a job: a step that goes wrong, and with it, perhaps, one compensation. Without
/// either all is well.
struct Path {
  struct Turn {
    engine::StepIndex step = 0;
    Mishap mishap = Mishap::refused;
    friend bool operator==(const Turn&, const Turn&) = default;
  };
  std::optional<Turn> forward{};
  std::optional<Turn> back{};
  friend bool operator==(const Path&, const Path&) = default;
};

/// What a path comes to, told from the job's definition alone.
enum class End : std::uint8_t { succeeds, turns_back, parks };

/// The paths of one job, all of whose step types are known.
class Paths {
 public:
  /// The job must outlive it.
  explicit Paths(const engine::JobDefinition& job);

  struct Omitted {
    std::string path{};
    std::string why{};
  };
  /// Every path there is, and those that there cannot be.
  [[nodiscard]] const std::vector<Path>& all() const { return all_; }
  [[nodiscard]] const std::vector<Omitted>& omitted() const { return omitted_; }

  /// `debit:failed,credit.compensate:refused`; `all_well`.
  [[nodiscard]] std::string name_of(const Path& path) const;
  /// Absent: no path has this name.
  [[nodiscard]] std::optional<Path> parse(std::string_view name) const;

  [[nodiscard]] Script script_of(const Path& path) const;
  [[nodiscard]] End end_of(const Path& path) const;
  /// The step that an operator has to decide about, when it parks.
  [[nodiscard]] std::optional<engine::StepIndex> parked_by(const Path& path) const;
  /// Empty: the path can be run.
  [[nodiscard]] std::string why_not(const Path& path) const;

 private:
  struct Facts {
    bool saga = false;
    bool pivot = false;
    bool behind = false;  // behind the pivot
    bool probe = false;
    bool once = false;               // nothing can tell whether it may be repeated
    std::uint32_t attempts_max = 0;  // 0: without end, which all have behind the pivot
    bool can_time_out = false;
    engine::Duration timeout{};
    std::uint32_t undo_attempts_max = 0;
    bool undo_can_time_out = false;
    [[nodiscard]] bool ends() const { return attempts_max != 0; }
    [[nodiscard]] bool only_once() const { return attempts_max == 1; }
  };

  [[nodiscard]] Facts facts_of(engine::StepIndex step) const;
  [[nodiscard]] std::string why_not_forward(Path::Turn turn) const;
  [[nodiscard]] std::string why_not_back(Path::Turn turn) const;
  [[nodiscard]] Part forward_part(Path::Turn turn) const;
  [[nodiscard]] Moment cancelled_in(engine::StepIndex step, engine::Phase phase) const;
  [[nodiscard]] End forward_end(Path::Turn turn) const;
  [[nodiscard]] End given_up(const Facts& facts, bool applied) const;
  [[nodiscard]] std::optional<Path::Turn> way_back_from(engine::StepIndex step) const;
  void find_forward(engine::StepIndex step);
  void find_back(engine::StepIndex step);
  [[nodiscard]] std::optional<Path> parse_back(const Path& forward, std::string_view name) const;
  void add(const Path& path);

  const engine::JobDefinition& job_;
  engine::StepGraph graph_;
  std::optional<engine::StepIndex> pivot_;
  std::vector<Facts> facts_;
  std::vector<Path> all_;
  std::vector<Omitted> omitted_;
};

}  // namespace stepd::rehearsal
