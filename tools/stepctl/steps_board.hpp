#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/screen.hpp"
#include "tools/stepctl/span_text.hpp"

namespace stepd::stepctl {

/// The steps of one job as its event stream tells them, drawn as a block of lines that is replaced
/// while the job goes on.
class StepsBoard final {
 public:
  /// `job`: the job's document, for its name and the order and types of its steps.
  explicit StepsBoard(const json::object& job);

  void add_row(const json::object& row);
  void add_progress(const json::object& progress);
  /// The connection is gone, or back.
  void set_lost(bool lost) { lost_ = lost; }

  /// At most `steps_max` steps: those that are at work first. `elapsed` counts from the submit.
  [[nodiscard]] std::string block(const Screen& screen, Span elapsed, std::size_t steps_max) const;

 private:
  struct Line {
    std::string id;
    std::string type;
    std::string state = "pending";
    std::string phase = "execute";
    std::int64_t attempts = 0;
    std::optional<Span> due;  // counted from the submit
    std::string note;
    std::int64_t permille = 0;  // 0: it does not say
    std::string error;
  };
  [[nodiscard]] Line* find(const std::string& step);
  void add_entry(const json::object& entry, std::optional<Instant> at);
  [[nodiscard]] std::string remark(const Line& line, Span elapsed) const;
  [[nodiscard]] std::vector<const Line*> chosen(std::size_t steps_max) const;

  std::string id_;
  std::string name_;
  std::vector<Line> lines_;
  std::optional<Instant> start_;
  bool backward_ = false;
  bool lost_ = false;
};

}  // namespace stepd::stepctl
