#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"

namespace stepd::stepctl {

/// How long a command that waits puts up with a daemon that is away: long enough for a restart.
class Patience final {
 public:
  /// Call after a failure: waits a moment and answers true, or false once a minute has passed.
  [[nodiscard]] bool wait_again();
  /// Call after a success.
  void renew() { failing_since_.reset(); }

 private:
  std::optional<std::chrono::steady_clock::time_point> failing_since_;
};

/// Who is told of a job while it goes on.
class Follower {
 public:
  Follower() = default;
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  virtual ~Follower() = default;

  virtual void add_row(const json::object& row) = 0;
  virtual void add_progress(const json::object& progress) = 0;
  /// Nothing more is to be read for now.
  virtual void rest() {}
  /// Some time passed (about a tenth of a second), or something was added.
  virtual void draw(bool lost) = 0;
};

/// Follows the job's event stream until it settles, over restarts of the daemon, each row once.
/// Answers with the job's document as settled, or with the refusal that came instead.
[[nodiscard]] Answer follow(const Session& session, const std::string& id, Follower& follower);

/// Waits for one job with a board of its steps on the terminal, and prints how it ended.
[[nodiscard]] ExitCode wait_for(const Session& session, const std::string& id);

/// Waits for many jobs with a line that counts; answers `done` when all succeeded.
[[nodiscard]] ExitCode wait_for_all(const Session& session, const std::vector<std::string>& ids);

/// How a settled job ended: state, reason, output; to stderr as a note.
ExitCode report_end(const Session& session, const Answer& job);

}  // namespace stepd::stepctl
