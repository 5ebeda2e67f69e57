#pragma once

#include <string>
#include <string_view>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/output.hpp"

namespace stepd::stepctl {

/// What steps are to return in a test of a job: the file that --outputs names, as it stands there.
class TestOutputs final {
 public:
  /// Throws CannotRead, or NotOneJob where it is no JSON object.
  TestOutputs(const std::string& file, Output& output);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// Where in the file stands what the daemon objects to; empty when it is about something else.
  [[nodiscard]] std::string place_of(const json::object& problem) const;

 private:
  std::string name_;  // with the flag
  std::string text_;
};

}  // namespace stepd::stepctl
