#include "tools/stepctl/follow.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/steps_board.hpp"

namespace stepd::stepctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds frame(100);
constexpr int ending = 503;  // the daemon goes down, or is not ready yet
constexpr int no_such_job = 404;

// A signal handler can reach nothing but what has static storage.
std::array<char, 256> last_words{};

extern "C" void on_interrupt(int signal) {
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, last_words.data(), std::strlen(last_words.data()));
  ::raise(signal);  // as it would have ended without us: the handler was for once
}

/// While it lives, whoever interrupts the program is told these words.
class Interruption final {
 public:
  explicit Interruption(const std::string& words) {
    last_words.fill('\0');
    words.copy(last_words.data(), last_words.size() - 1);
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, nullptr, &before_);
    if (before_.sa_handler != SIG_IGN) ::sigaction(SIGINT, &action, nullptr);
  }
  ~Interruption() { ::sigaction(SIGINT, &before_, nullptr); }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  struct sigaction before_ {};
};

/// Draws nothing where there is no terminal.
class BoardFollower final : public Follower {
 public:
  BoardFollower(Output& output, const json::object& job, std::optional<Instant> now)
      : output_(output), board_(job), id_(text_at(job, "id")) {
    const std::optional<Instant> created = parse_instant(text_at(job, "created_at"));
    if (created && now) elapsed_before_ = std::max(Span{0}, *now - *created);
  }

  void add_row(const json::object& row) override {
    board_.add_row(row);
    for (const json::value& entry : list_at(row, "entries")) {
      if (entry.is_object()) keep_parked(entry.get_object());
    }
  }
  void add_progress(const json::object& progress) override { board_.add_progress(progress); }
  void draw(bool lost) override {
    // A job of many quick steps would draw the screen more often than anybody can look.
    if (output_.shows_status() && steady_clock::now() - drawn_ >= frame / 2) draw_now(lost);
  }
  /// A parked job does not go on by itself: whoever waits, perhaps in a script, has to know. What
  /// was decided meanwhile has been read by now, too.
  void rest() override {
    for (const auto& [step, error] : std::exchange(parked_, {})) {
      output_.clear_status();
      output_.note("step " + printable(step) + " is parked: " + printable(error) +
                   "; it waits for an operator (stepctl job why " + printable(id_) + ")\n");
    }
  }
  void draw_now(bool lost) {
    if (!output_.shows_status()) return;
    drawn_ = steady_clock::now();
    board_.set_lost(lost);
    const auto here = std::chrono::duration_cast<Span>(steady_clock::now() - began_);
    output_.status(board_.block(output_.err(), elapsed_before_ + here, steps_shown_max));
  }

 private:
  void keep_parked(const json::object& entry) {
    if (text_at(entry, "type") != "step_moved") return;
    const std::string step = text_at(entry, "step");
    parked_.erase(step);
    if (text_at(entry, "state") == "parked") parked_[step] = error_text(entry);
  }

  static constexpr std::size_t steps_shown_max = 15;
  Output& output_;
  StepsBoard board_;
  std::string id_;
  std::map<std::string, std::string> parked_;  // step: why; nobody has been told yet
  steady_clock::time_point drawn_{};
  steady_clock::time_point began_ = steady_clock::now();
  Span elapsed_before_{};
};

/// One connection's worth of events. True when the job settled.
bool drain(EventFeed& feed, std::int64_t& last_row, Follower& follower) {
  while (true) {
    const std::optional<EventFeed::News> news = feed.next(frame);
    if (!news) {
      follower.rest();
      follower.draw(false);
      continue;
    }
    const auto* event = std::get_if<StreamEvent>(&*news);
    if (event == nullptr) return false;
    if (event->name == "settled") return true;
    const std::optional<json::object> told = parse_object(event->text);
    if (!told) continue;
    if (event->name == "journal" && number_at(*told, "row") > last_row) {
      last_row = number_at(*told, "row");
      follower.add_row(*told);
    } else if (event->name == "progress") {
      follower.add_progress(*told);
    }
    follower.draw(false);
  }
}

void print_document(const Session& session, const Answer& job) {
  if (session.json) session.output.print(indented(job.body));
}

}  // namespace

bool Patience::wait_again() {
  constexpr std::chrono::seconds patience(60);
  constexpr int pause_milliseconds = 200;
  const auto now = steady_clock::now();
  if (!failing_since_) failing_since_ = now;
  if (now - *failing_since_ > patience) return false;
  ::poll(nullptr, 0, pause_milliseconds);
  return true;
}

Answer follow(const Session& session, const std::string& id, Follower& follower) {
  const std::string path = "/v1/jobs/" + encoded(id);
  std::int64_t last_row = 0;
  Patience patience;
  while (true) {
    try {
      const auto opened =
          session.client.open_events(path + ":watch?after=" + std::to_string(last_row));
      if (opened.answer.status == ending) {
        if (!patience.wait_again()) return opened.answer;
        follower.draw(true);
        continue;
      }
      if (!opened.feed) return opened.answer;
      patience.renew();
      if (drain(*opened.feed, last_row, follower)) return session.client.get(path);
    } catch (const Unreachable&) {
      if (!patience.wait_again()) throw;
      follower.draw(true);
      continue;
    } catch (const ConnectionLost&) {
      if (!patience.wait_again()) throw;
      follower.draw(true);
      continue;
    }
    // The stream ended without the end of the job: the daemon restarts, or let a slow reader go.
    follower.rest();
    follower.draw(true);
    ::poll(nullptr, 0, static_cast<int>(frame.count()));
  }
}

ExitCode report_end(const Session& session, const Answer& job) {
  const std::optional<json::object> document = parse_object(job.body);
  if (!document) return refuse(session, job);
  const std::string state = text_at(*document, "state");
  const Screen& screen = session.output.err();
  std::string text = paint(printable(state), tone_of_state(state), screen);
  const auto created = parse_instant(text_at(*document, "created_at"));
  const auto settled = parse_instant(text_at(*document, "settled_at"));
  if (created && settled) text += " after " + span_text(*settled - *created);
  if (const std::string reason = text_at(*document, "reason"); !reason.empty()) {
    text += ": " + printable(reason);
  }
  text += "\n";
  if (const json::value* output = member(*document, "output")) {
    text += "output: " + printable(one_line(*output)) + "\n";
  }
  for (const json::value& left : list_at(*document, "left")) {
    text += "left as it is: " + printable(one_line(left)) + "\n";
  }
  const json::object& origin = object_at(*document, "origin");
  const bool good = state == (text_at(origin, "kind") == "undo" ? "compensated" : "succeeded");
  if (!good) {
    text += "see: stepctl job show " + text_at(*document, "id") + " --journal\n";
  }
  session.output.note(text);
  return good ? ExitCode::done : ExitCode::refused;
}

ExitCode wait_for(const Session& session, const std::string& id) {
  Patience patience;
  Answer first;
  while (true) {
    try {
      first = session.client.get("/v1/jobs/" + encoded(id));
      break;
    } catch (const Unreachable&) {
      if (!patience.wait_again()) throw;
    } catch (const ConnectionLost&) {
      if (!patience.wait_again()) throw;
    }
  }
  const std::optional<json::object> job = parse_object(first.body);
  if (first.status == no_such_job) {
    session.output.say(
        error_line("job " + id + " has been removed since: how it ended is not known any more",
                   session.output.err()));
    return ExitCode::refused;
  }
  if (!first.is_good() || !job) return refuse(session, first);
  BoardFollower follower(session.output, *job, first.at);
  const Answer last = [&] {
    const Interruption interruption(
        session.output.quiet()
            ? ""
            : "\nthe job goes on; to look at it again: stepctl job watch " + printable(id) + "\n");
    return follow(session, id, follower);
  }();
  follower.draw_now(false);
  // The board stays on the screen, above the result.
  session.output.keep_status();
  if (!last.is_good()) return refuse(session, last);
  print_document(session, last);
  return report_end(session, last);
}

}  // namespace stepd::stepctl
