#pragma once

#include <cstdint>
#include <fstream>
#include <istream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/stepctl/output.hpp"

namespace stepd::stepctl {

/// Says which file it was, why, and what to give instead.
class CannotRead : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where jobs are read from: a file, or stdin for "-".
class JobInput final {
 public:
  struct Kind {
    std::string_view flag = {};  // that names the file; empty: none does
    std::string_view content = "a job";
  };
  /// Says so when it is a person at the keyboard who is to type it. Throws CannotRead.
  JobInput(const std::string& file, Output& output, const Kind& kind);
  JobInput(const std::string& file, Output& output);

  [[nodiscard]] std::istream& stream();
  [[nodiscard]] const std::string& name() const { return name_; }           // for people
  [[nodiscard]] std::uint64_t bytes_total() const { return bytes_total_; }  // 0: not known

 private:
  bool is_stdin_;
  std::string name_;
  std::ifstream file_;
  std::uint64_t bytes_total_ = 0;
};

}  // namespace stepd::stepctl
