#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/stepctl/screen.hpp"

namespace stepd::stepctl {

/// Whoever read stdout has closed it; nothing more can be told there.
class BrokenPipe : public std::runtime_error {
 public:
  BrokenPipe() : std::runtime_error("the reader of stdout went away") {}
};

/// stdout for what was asked for, stderr for everything said about it, and on a terminal a block
/// of status lines that stays below both. One thread at a time.
class Output final {
 public:
  Output(Screen out, Screen err, bool quiet) : out_(out), err_(err), quiet_(quiet) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { clear_status(); }

  /// To stdout. Throws BrokenPipe, or system_error where the text cannot be written.
  void print(std::string_view text);
  /// To stderr, also when quiet: errors.
  void say(std::string_view text);
  /// To stderr unless quiet: warnings, hints, results.
  void note(std::string_view text);

  /// Shows `block` (lines, each ended by a newline) in place of the block before. Does nothing
  /// where nobody looks: stderr is no terminal, or quiet was asked for.
  void status(std::string_view block);
  void clear_status();
  /// What the block shows now stays on the screen; the next one begins below it.
  void keep_status() { status_.clear(); }
  [[nodiscard]] bool shows_status() const { return err_.terminal && !quiet_; }

  [[nodiscard]] const Screen& out() const { return out_; }
  [[nodiscard]] const Screen& err() const { return err_; }
  [[nodiscard]] bool quiet() const { return quiet_; }

 private:
  Screen out_;
  Screen err_;
  bool quiet_;
  std::string status_;  // as shown now
};

}  // namespace stepd::stepctl
