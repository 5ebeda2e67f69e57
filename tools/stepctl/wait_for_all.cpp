#include <poll.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "tools/stepctl/follow.hpp"
#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t page_jobs = 200;
constexpr std::size_t ends_told_max = 10;

/// Asks again and again how a set of jobs is doing. A page of the list answers for many jobs at
/// once, and nothing is lost when the daemon restarts in between.
class Census final {
 public:
  Census(const Session& session, const std::vector<std::string>& ids)
      : session_(session), open_(ids.begin(), ids.end()), total_(open_.size()) {}

  [[nodiscard]] bool is_complete() const { return open_.empty(); }
  [[nodiscard]] const std::map<std::string, std::string>& ends() const { return ends_; }

  /// The daemon will not tell of a job, however often it is asked.
  struct Declined {
    Answer answer;
  };

  /// Looks once at every job that is not known to have settled. Throws as Client does, and
  /// Declined.
  void look() {
    parked_ = 0;
    const std::vector<std::string> ids(open_.rbegin(), open_.rend());
    std::size_t at = 0;
    while (at < ids.size()) {
      look_at(ids[at]);
      at = look_below(ids, at);
      draw(false);
    }
    tell_of_parked();
  }

  void draw(bool lost) const {
    if (!session_.output.shows_status()) return;
    std::map<std::string, std::size_t> counts;
    for (const auto& [id, state] : ends_) ++counts[state];
    const Screen& screen = session_.output.err();
    std::string text = grouped(ends_.size()) + " of " + grouped(total_) + " settled";
    for (const auto& [state, count] : counts) {
      text += "  " + paint(grouped(count) + " " + state, tone_of_state(state), screen);
    }
    if (parked_ > 0) {
      text += "  " + paint(grouped(parked_) + " parked, see stepctl job list --state parked",
                           Tone::bad, screen);
    }
    if (lost) text += "  waits for the daemon";
    session_.output.status(text + "\n");
  }

 private:
  /// Parked jobs do not go on by themselves; a terminal shows them all the time.
  void tell_of_parked() {
    if (parked_ > told_ && !session_.output.shows_status()) {
      session_.output.note(grouped(parked_) +
                           " parked: they wait for an operator (see: stepctl job "
                           "list --state parked)\n");
    }
    told_ = parked_;
  }

  void record(const json::object& job) {
    const std::string id = text_at(job, "id");
    const std::string state = text_at(job, "state");
    if (state == "parked") ++parked_;
    if (member(job, "settled_at") == nullptr || open_.erase(id) == 0) return;
    ends_[id] = state;
  }

  void look_at(const std::string& id) {
    const Answer answer = session_.client.get("/v1/jobs/" + encoded(id));
    if (const auto job = parse_object(answer.body); answer.is_good() && job) {
      record(*job);
    } else if (answer.status == 404 && open_.erase(id) > 0) {
      ends_[id] = "gone";  // deleted meanwhile
    } else if (answer.status >= 500) {
      throw ConnectionLost("the daemon answers " + std::to_string(answer.status) + " to how job " +
                           id + " is doing");
    } else if (answer.status >= 400 && answer.status != 404) {
      throw Declined{answer};
    }
  }

  /// Judges the jobs behind `ids[at]` by the page of the list below it; answers with the first
  /// that is not judged yet.
  std::size_t look_below(const std::vector<std::string>& ids, std::size_t at) {
    if (at + 1 == ids.size()) return ids.size();
    const Answer answer = session_.client.get("/v1/jobs?limit=" + std::to_string(page_jobs) +
                                              "&before=" + encoded(ids[at]));
    const std::optional<json::object> page = parse_object(answer.body);
    if (!answer.is_good() || !page) return at + 1;
    std::set<std::string> seen;
    for (const json::value& entry : list_at(*page, "jobs")) {
      if (!entry.is_object()) continue;
      seen.insert(text_at(entry.get_object(), "id"));
      if (open_.contains(text_at(entry.get_object(), "id"))) record(entry.get_object());
    }
    const bool is_last = member(*page, "next") == nullptr;
    std::size_t next = at + 1;
    while (next < ids.size() && (is_last || (!seen.empty() && ids[next] >= *seen.begin()))) {
      if (!seen.contains(ids[next])) look_at(ids[next]);
      ++next;
    }
    return next;
  }

  const Session& session_;
  std::set<std::string> open_;
  std::size_t total_;
  std::map<std::string, std::string> ends_;  // id: the state it settled in
  std::size_t parked_ = 0;
  std::size_t told_ = 0;
};

void tell_end(const Session& session, const std::string& id, const std::string& state) {
  std::string text = id + "  " + paint(state, tone_of_state(state), session.output.err());
  const Answer answer = session.client.get("/v1/jobs/" + encoded(id));
  if (const auto job = parse_object(answer.body); answer.is_good() && job) {
    text += "  " + printable(text_at(*job, "reason"));
  }
  session.output.note(text + "\n");
}

ExitCode report(const Session& session, const std::vector<std::string>& ids,
                const std::map<std::string, std::string>& ends) {
  std::map<std::string, std::size_t> counts;
  std::size_t told = 0;
  for (const std::string& id : ids) {
    const std::string& state = ends.at(id);
    ++counts[state];
    if (session.json) {
      session.output.print("{\"id\":\"" + id + "\",\"state\":\"" + state + "\"}\n");
    }
    if (state == "succeeded" || session.output.quiet()) continue;
    if (++told <= ends_told_max) tell_end(session, id, state);
  }
  if (told > ends_told_max) {
    session.output.note("and " + grouped(told - ends_told_max) +
                        " more that did not succeed (see: stepctl job list)\n");
  }
  std::string text;
  for (const auto& [state, count] : counts) {
    text += (text.empty() ? "" : ", ") + grouped(count) + " " + state;
  }
  session.output.note(grouped(ids.size()) + " jobs settled: " + text + "\n");
  return counts["succeeded"] == ids.size() ? ExitCode::done : ExitCode::refused;
}

}  // namespace

ExitCode wait_for_all(const Session& session, const std::vector<std::string>& ids) {
  if (ids.empty()) return ExitCode::done;
  constexpr std::chrono::milliseconds pause_least(150);
  Census census(session, ids);
  Patience patience;
  while (!census.is_complete()) {
    const auto began = steady_clock::now();
    try {
      census.look();
      patience.renew();
    } catch (const Census::Declined& declined) {
      session.output.clear_status();
      return refuse(session, declined.answer);
    } catch (const Unreachable&) {
      census.draw(true);
      if (!patience.wait_again()) throw;
      continue;
    } catch (const ConnectionLost&) {
      census.draw(true);
      if (!patience.wait_again()) throw;
      continue;
    }
    census.draw(false);
    if (census.is_complete()) break;
    // Asking takes the daemon's time too: at most a third of it.
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - began);
    ::poll(nullptr, 0, static_cast<int>(std::max(pause_least, 2 * took).count()));
  }
  session.output.clear_status();
  return report(session, ids, census.ends());
}

}  // namespace stepd::stepctl
