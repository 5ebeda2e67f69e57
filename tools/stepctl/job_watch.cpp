#include <algorithm>

#include "tools/stepctl/follow.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/steps_board.hpp"
#include "tools/stepctl/timeline.hpp"

namespace stepd::stepctl {
namespace {

/// Prints each line of the journal when it comes, and keeps the running steps below them.
class TimelineFollower final : public Follower {
 public:
  TimelineFollower(const Session& session, const Answer& answer, const json::object& job)
      : session_(session), board_(job) {
    for (const json::value& entry : list_at(job, "steps")) {
      if (!entry.is_object()) continue;
      const std::string id = printable(text_at(entry.get_object(), "id"));
      step_width_ = std::max(step_width_, width_of(id));
    }
    const std::optional<Instant> created = parse_instant(text_at(job, "created_at"));
    if (created && answer.at) elapsed_before_ = std::max(Span{0}, *answer.at - *created);
  }

  void add_row(const json::object& row) override {
    if (session_.json) return session_.output.print(one_line(row) + "\n");
    board_.add_row(row);
    session_.output.print(timeline_text(timeline_.add(row), step_width_, session_.output.out()));
  }

  void add_progress(const json::object& progress) override {
    if (session_.json) {
      session_.output.print("{\"progress\":" + one_line(progress) + "}\n");
    } else {
      board_.add_progress(progress);
    }
  }

  void draw(bool lost) override {
    if (session_.json || !session_.output.shows_status()) return;
    constexpr std::size_t steps_shown_max = 5;
    board_.set_lost(lost);
    const auto here = std::chrono::duration_cast<Span>(std::chrono::steady_clock::now() - began_);
    session_.output.status(
        board_.block(session_.output.err(), elapsed_before_ + here, steps_shown_max));
  }

 private:
  const Session& session_;
  StepsBoard board_;
  Timeline timeline_;
  std::size_t step_width_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  Span elapsed_before_{};
};

}  // namespace

ExitCode run(const Session& session, const WatchJob& command) {
  const Answer first = session.client.get("/v1/jobs/" + encoded(command.id));
  const std::optional<json::object> job = parse_object(first.body);
  if (!first.is_good() || !job) return refuse(session, first);
  TimelineFollower follower(session, first, *job);
  const Answer last = follow(session, command.id, follower);
  session.output.clear_status();
  if (!last.is_good()) return refuse(session, last);
  if (session.json) session.output.print("{\"settled\":" + compact(last.body) + "}\n");
  return report_end(session, last);
}

}  // namespace stepd::stepctl
