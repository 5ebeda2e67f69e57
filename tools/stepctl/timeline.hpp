#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/screen.hpp"
#include "tools/stepctl/span_text.hpp"

namespace stepd::stepctl {

struct TimelineLine {
  Span since_start{};
  std::string step;  // empty: the job as a whole
  std::string text;
  Tone tone = Tone::plain;
};

/// Turns the rows of a job's journal, in their order, into sentences. What a row says twice (a
/// call that ended, and the state that follows from it) becomes one line.
class Timeline final {
 public:
  /// What calls have used is told when asked for.
  enum class Detail : std::uint8_t { course, usage };
  explicit Timeline(Detail detail = Detail::course) : detail_(detail) {}

  [[nodiscard]] std::vector<TimelineLine> add(const json::object& row);

 private:
  struct Row;
  void add_entry(Row& row, const json::object& entry);
  void call_started(Row& row, const json::object& entry);
  void call_ended(Row& row, const json::object& entry);
  void step_moved(Row& row, const json::object& entry);
  void operator_acted(Row& row, const json::object& entry);

  struct Call {
    Span started{};
    std::string phase;
  };
  const Detail detail_;
  std::optional<Instant> start_;
  std::map<std::int64_t, Call> calls_;         // running now
  std::map<std::string, std::string> effect_;  // of each step, as last recorded
  std::string cause_;                          // why the job turned back
};

/// Aligned; every line ends with a newline. `step_width`: columns for the step's id, at least.
[[nodiscard]] std::string timeline_text(const std::vector<TimelineLine>& lines,
                                        std::size_t step_width, const Screen& screen);

/// A word of the interface as people say it: "timed_out" is "timed out".
[[nodiscard]] std::string spoken(std::string_view word);

}  // namespace stepd::stepctl
