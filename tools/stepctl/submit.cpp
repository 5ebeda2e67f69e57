#include <chrono>
#include <span>

#include "tools/stepctl/follow.hpp"
#include "tools/stepctl/job_input.hpp"
#include "tools/stepctl/job_reader.hpp"
#include "tools/stepctl/problem.hpp"

namespace stepd::stepctl {
namespace {

constexpr std::size_t batch_jobs_max = 500;
constexpr std::size_t batch_bytes_max = std::size_t{4} << 20U;

std::string query(const SubmitJobs& command) { return command.strict ? "?strict=true" : ""; }

std::string name_of(const SubmitJobs& command) {
  return command.file == "-" ? "stdin" : command.file;
}

void say_array_hint(const Session& session, const SubmitJobs& command, const std::string& text) {
  if (!text.starts_with('[')) return;
  const std::string file = command.file == "-" ? "" : " " + command.file;
  session.output.say("  many jobs go as JSON Lines: jq -c '.[]'" + file +
                     " | stepctl job submit -\n");
}

void note_existing(const Session& session, const std::string& id, const std::string& place) {
  session.output.note((place.empty() ? "" : place + ": ") + "its key names job " + id +
                      " already; nothing new was started\n");
}

Answer post_one(const Session& session, const SubmitJobs& command, const std::string& text) {
  try {
    return session.client.post("/v1/jobs" + query(command), text);
  } catch (const ConnectionLost& lost) {
    throw ConnectionLost(std::string(lost.what()) +
                         "; whether the job was accepted is not known: look with stepctl job "
                         "list, or submit it again (with a key it is never doubled)");
  }
}

/// What flags add to the one job of the file.
std::vector<JobMember> members_given(const SubmitJobs& command) {
  std::vector<JobMember> members;
  if (command.key) members.push_back({"key", json::serialize(json::string(*command.key))});
  if (command.priority) members.push_back({"priority", std::to_string(*command.priority)});
  return members;
}

ExitCode submit_one(const Session& session, const SubmitJobs& command, const JobText& job) {
  const Screen& screen = session.output.err();
  if (!job.trouble.empty()) {
    session.output.say(error_line(job.trouble, screen));
    return ExitCode::refused;
  }
  std::string text = job.text;
  for (const JobMember& member : members_given(command)) {
    const std::optional<std::string> more = with_member(text, member);
    if (!more) {
      session.output.say(error_line("the job in " + name_of(command) + " has a " + member.name +
                                        " already: leave out --" + member.name + ", or take \"" +
                                        member.name + "\" out of the file",
                                    screen));
      return ExitCode::usage;
    }
    text = *more;
  }
  const Answer answer = post_one(session, command, text);
  const std::optional<json::object> accepted = parse_object(answer.body);
  if (!answer.is_good() || !accepted) {
    const ExitCode code = refuse(session, answer, command.file == "-" ? "" : command.file);
    say_array_hint(session, command, job.text);
    return code;
  }
  const std::string id = text_at(*accepted, "id");
  session.output.note(warnings_text(*accepted, "", screen));
  if (true_at(*accepted, "existing")) note_existing(session, id, "");
  if (!session.json) session.output.print(id + "\n");
  if (command.wait) {
    if (session.json) session.output.note("job " + id + "\n");
    return wait_for(session, id);
  }
  if (session.json) session.output.print(indented(answer.body));
  return ExitCode::done;
}

/// Sends jobs in batches and tells what became of each.
class BatchSubmit final {
 public:
  BatchSubmit(const Session& session, const SubmitJobs& command, std::uint64_t bytes_total)
      : session_(session), command_(command), bytes_total_(bytes_total) {}

  void add(JobText job, std::uint64_t bytes_read) {
    if (!job.trouble.empty()) return give_up(job);
    const std::size_t size = job.text.size();
    if (!batch_.empty() &&
        (batch_.size() == batch_jobs_max || batch_bytes_ + size > batch_bytes_max)) {
      flush();
    }
    batch_bytes_ += size;
    bytes_read_ = bytes_read;
    batch_.push_back(std::move(job));
  }

  /// Sends what is there. Throws Stopped when going on would be in vain.
  void flush() {
    if (!batch_.empty()) send(batch_);
    batch_.clear();
    batch_bytes_ = 0;
    draw();
  }

  struct Stopped {
    ExitCode code = ExitCode::refused;
  };

  [[nodiscard]] const std::vector<std::string>& accepted() const { return ids_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  void report() const {
    session_.output.clear_status();
    std::string text = grouped(ids_.size()) + " accepted";
    if (existing_ > 0) text += " (" + grouped(existing_) + " of them known already by their key)";
    if (refused_ > 0) text += ", " + grouped(refused_) + " refused";
    session_.output.note(text + "\n");
  }

 private:
  /// What was read before it is sent all the same; behind it nothing is read.
  void give_up(const JobText& job) {
    flush();
    ++refused_;
    session_.output.say(
        name_of(command_) + ":" + std::to_string(job.line) + ": " +
        error_line(job.trouble + "; from here on nothing was submitted", session_.output.err()));
  }

  void send(std::span<const JobText> jobs) {
    std::string body;
    for (const JobText& job : jobs) body += on_one_line(job.text) + "\n";
    Answer answer;
    try {
      answer =
          session_.client.post("/v1/jobs:batch" + query(command_), body, "application/x-ndjson");
    } catch (const ConnectionLost& lost) {
      throw ConnectionLost(std::string(lost.what()) + "; whether the jobs of " + lines_of(jobs) +
                           " were accepted is not known: submit them again (a job with a key is "
                           "never doubled)");
    } catch (const Unreachable& gone) {
      if (ids_.empty()) throw;
      throw Unreachable(std::string(gone.what()) + "; nothing from " + lines_of(jobs) +
                        " on was submitted");
    }
    if (answer.is_good()) return tell(jobs, answer.body);
    constexpr int too_large = 413;
    if (answer.status == too_large && jobs.size() > 1) {
      send(jobs.first(jobs.size() / 2));
      return send(jobs.subspan(jobs.size() / 2));
    }
    refused_ += jobs.size();
    session_.output.say(
        refusal_text(answer.status, answer.body, lines_of(jobs), session_.output.err()));
    if (answer.status != too_large) throw Stopped{};
  }

  void tell(std::span<const JobText> jobs, const std::string& body) {
    std::string printed;
    std::size_t at = 0;
    for (const JobText& job : jobs) {
      const std::size_t end = std::min(body.find('\n', at), body.size());
      const std::string line = body.substr(at, end - at);
      at = std::min(end + 1, body.size());
      tell(job, line, printed);
    }
    if (!printed.empty()) session_.output.print(printed);
  }

  void tell(const JobText& job, const std::string& line, std::string& printed) {
    const Screen& screen = session_.output.err();
    const std::string place = name_of(command_) + ":" + std::to_string(job.line);
    const std::optional<json::object> answer = parse_object(line);
    if (!answer) {
      ++refused_;
      const std::string silence = "the daemon gave no answer to this job; submit it again";
      session_.output.say(place + ": " + error_line(silence, screen));
      return;
    }
    if (session_.json) {
      printed += "{\"line\":" + std::to_string(job.line) + "," + compact(line).substr(1) + "\n";
    }
    constexpr std::int64_t bad = 300;  // a refusal may name the job that has the key
    if (number_at(*answer, "status") >= bad) {
      ++refused_;
      session_.output.say(problem_text(*answer, place, screen));
      return;
    }
    const std::string id = text_at(*answer, "id");
    ids_.push_back(id);
    if (!session_.json) printed += id + "\n";
    session_.output.note(warnings_text(*answer, place, screen));
    if (!true_at(*answer, "existing")) return;
    ++existing_;
    note_existing(session_, id, place);
  }

  [[nodiscard]] std::string lines_of(std::span<const JobText> jobs) const {
    return name_of(command_) + ":" + std::to_string(jobs.front().line) + "-" +
           std::to_string(jobs.back().line);
  }

  void draw() const {
    if (!session_.output.shows_status()) return;
    const Screen& screen = session_.output.err();
    std::string text;
    if (bytes_total_ > 0) {
      constexpr std::size_t cells = 30;
      const std::size_t full = std::min(cells, cells * bytes_read_ / bytes_total_);
      for (std::size_t cell = 0; cell < cells; ++cell) {
        text += cell < full ? (screen.unicode ? "█" : "#") : (screen.unicode ? "░" : "-");
      }
      text += " " + std::to_string(std::min<std::uint64_t>(100, 100 * bytes_read_ / bytes_total_)) +
              "%  ";
    }
    text += grouped(ids_.size()) + " accepted";
    if (refused_ > 0) text += "  " + paint(grouped(refused_) + " refused", Tone::bad, screen);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    const double rate = static_cast<double>(ids_.size()) / std::max(took.count(), 0.001);
    session_.output.status(text + "  " + grouped(static_cast<std::uint64_t>(rate)) + "/s\n");
  }

  const Session& session_;
  const SubmitJobs& command_;
  std::uint64_t bytes_total_;
  std::uint64_t bytes_read_ = 0;
  std::vector<JobText> batch_;
  std::size_t batch_bytes_ = 0;
  std::vector<std::string> ids_;
  std::uint64_t refused_ = 0;
  std::uint64_t existing_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

ExitCode submit_many(const Session& session, const SubmitJobs& command, JobReader& reader,
                     std::vector<JobText> first, std::uint64_t bytes_total) {
  BatchSubmit batches(session, command, bytes_total);
  try {
    for (JobText& job : first) batches.add(std::move(job), reader.bytes_read());
    while (std::optional<JobText> job = reader.next()) {
      batches.add(std::move(*job), reader.bytes_read());
    }
    batches.flush();
  } catch (const BatchSubmit::Stopped& stopped) {
    batches.report();
    session.output.say(
        error_line("stopped; what comes after was not submitted", session.output.err()));
    return stopped.code;
  } catch (const BrokenPipe&) {
    session.output.say(error_line("stopped: nobody reads the ids any more, after " +
                                      grouped(batches.accepted().size()) + " accepted jobs",
                                  session.output.err()));
    return ExitCode::refused;
  }
  batches.report();
  ExitCode code = batches.refused() > 0 ? ExitCode::refused : ExitCode::done;
  if (command.wait) {
    const ExitCode ended = wait_for_all(session, batches.accepted());
    if (ended != ExitCode::done) code = ended;
  }
  return code;
}

ExitCode submit_from(const Session& session, const SubmitJobs& command, std::istream& in,
                     std::uint64_t bytes_total) {
  JobReader reader(in);
  std::optional<JobText> first = reader.next();
  if (!first) {
    session.output.say(error_line("there is no job in " + name_of(command) +
                                      ": it is empty (a job is a JSON object, many are JSON Lines)",
                                  session.output.err()));
    return ExitCode::refused;
  }
  std::optional<JobText> second = reader.next();
  if (!second) return submit_one(session, command, *first);
  for (const JobMember& member : members_given(command)) {
    session.output.say(error_line("--" + member.name + " is for one job, and " + name_of(command) +
                                      " holds more: give each line its own \"" + member.name + "\"",
                                  session.output.err()));
    return ExitCode::usage;
  }
  std::vector<JobText> begun;
  begun.push_back(std::move(*first));
  begun.push_back(std::move(*second));
  return submit_many(session, command, reader, std::move(begun), bytes_total);
}

}  // namespace

ExitCode run(const Session& session, const SubmitJobs& command) {
  JobInput input(command.file, session.output);
  return submit_from(session, command, input.stream(), input.bytes_total());
}

}  // namespace stepd::stepctl
