#pragma once

#include <cstdint>
#include <fstream>
#include <istream>
#include <stdexcept>
#include <string>

namespace stepd::stepctl {

/// Says which file it was, why, and what to give instead.
class CannotRead : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where jobs are read from: a file, or stdin for "-".
class JobInput final {
 public:
  /// Throws CannotRead.
  explicit JobInput(const std::string& file);

  [[nodiscard]] std::istream& stream();
  [[nodiscard]] std::uint64_t bytes_total() const { return bytes_total_; }  // 0: not known
  [[nodiscard]] bool is_keyboard() const;

 private:
  bool is_stdin_;
  std::ifstream file_;
  std::uint64_t bytes_total_ = 0;
};

}  // namespace stepd::stepctl
