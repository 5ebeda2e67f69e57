#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <istream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stepd::stepctl {

/// One job as it stands in a file, not judged yet: that is the daemon's to do.
struct JobText {
  std::string text;
  std::size_t line = 0;   // where it begins, from 1
  std::string trouble{};  // why it cannot be sent; empty: it can
};

/// Reads jobs one after the other: JSON Lines, one object over many lines, or any sequence of
/// both. A malformed job ends where the next line begins with '{', so that one bad line never
/// takes its neighbours with it.
class JobReader final {
 public:
  explicit JobReader(std::istream& in) : in_(in) {}

  /// Absent at the end of the input, and behind a job of more than 64 MiB, which is in trouble.
  [[nodiscard]] std::optional<JobText> next();
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_; }

 private:
  [[nodiscard]] std::optional<std::string> line();
  [[nodiscard]] JobText recovered(std::deque<std::string> lines, std::size_t first);

  std::istream& in_;
  std::deque<std::string> returned_;  // read too far, to be read again
  std::size_t line_ = 0;              // number of the line given last
  std::uint64_t bytes_ = 0;
  bool gave_up_ = false;
};

/// The one job that `in` holds, as it stands there. Throws NotOneJob, naming `file`, where there is
/// none, more than one, or none that is JSON: with the line and the column (in bytes) then.
class NotOneJob : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[nodiscard]] std::string only_job(std::istream& in, const std::string& file);

/// Throws NotOneJob, naming `file`, where the text, which begins at `first_line` of it, is no JSON.
void demand_json(const std::string& text, const std::string& file, std::size_t first_line = 1);

/// "LINE:COLUMN", the column in bytes, of what stands so many bytes into the text.
[[nodiscard]] std::string place_in(std::string_view text, std::size_t offset,
                                   std::size_t first_line = 1);

/// The job without its line breaks, for JSON Lines. What is no JSON stays none: a line break inside
/// a string becomes another character that cannot stand there either.
[[nodiscard]] std::string on_one_line(std::string job);

/// The job with this member, its value as JSON; absent where it has such a one already.
struct JobMember {
  std::string name;
  std::string value;
};
[[nodiscard]] std::optional<std::string> with_member(const std::string& job,
                                                     const JobMember& member);

}  // namespace stepd::stepctl
