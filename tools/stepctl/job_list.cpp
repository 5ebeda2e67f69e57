#include <algorithm>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/table.hpp"

namespace stepd::stepctl {
namespace {

constexpr std::uint64_t page_jobs_max = 500;

std::string query_of(const ListJobs& command, std::uint64_t limit, const std::string& before) {
  std::string query = "?limit=" + std::to_string(limit);
  const JobSelection& selection = command.selection;
  for (const std::string& state : selection.states) query += "&state=" + encoded(state);
  if (!selection.name.empty()) query += "&name=" + encoded(selection.name);
  if (!selection.key.empty()) query += "&key=" + encoded(selection.key);
  if (selection.attention) query += "&attention=true";
  if (selection.no_children) query += "&child=false";
  if (!before.empty()) query += "&before=" + encoded(before);
  return query;
}

std::string age_of(const json::object& job, std::optional<Instant> now) {
  const std::optional<Instant> created = parse_instant(text_at(job, "created_at"));
  return created ? relative_text(*created, now) : "";
}

std::string took_of(const json::object& job) {
  const std::optional<Instant> created = parse_instant(text_at(job, "created_at"));
  const std::optional<Instant> settled = parse_instant(text_at(job, "settled_at"));
  return created && settled ? span_text(*settled - *created) : "";
}

/// Empty for a job that nothing keeps from going on.
std::string next_of(const json::object& job, std::optional<Instant> now) {
  if (member(job, "settled_at") != nullptr) return {};
  const std::optional<Instant> due = parse_instant(text_at(job, "due"));
  return due && (!now || *due > *now) ? relative_text(*due, now) : "";
}

void print_table(const Session& session, const json::array& jobs, std::optional<Instant> now) {
  const bool ranked = std::ranges::any_of(jobs, [](const json::value& job) {
    return job.is_object() && number_at(job.get_object(), "priority") != 0;
  });
  std::vector<std::string> headings{"ID", "STATE", "NAME", "KEY", "SUBMITTED", "TOOK", "DUE"};
  if (ranked) headings.insert(headings.begin() + 2, "PRIORITY");
  Table table(headings);
  for (const json::value& entry : jobs) {
    if (!entry.is_object()) continue;
    const json::object& job = entry.get_object();
    const std::string state = text_at(job, "state");
    const bool attention = true_at(job, "attention");
    std::vector<Cell> cells{
        {text_at(job, "id")},
        {state + (attention ? " !" : ""), attention ? Tone::bad : tone_of_state(state)},
        {text_at(job, "name")},
        {text_at(job, "key")},
        {age_of(job, now), Tone::dim},
        {took_of(job)},
        {next_of(job, now)}};
    if (ranked) cells.insert(cells.begin() + 2, {std::to_string(number_at(job, "priority"))});
    table.add(std::move(cells));
  }
  session.output.print(table.text(session.output.out()));
}

struct Pages {
  json::array jobs;
  std::string next;  // empty: no more
  std::optional<Instant> at;
};

void print_ids(const Session& session, const json::array& jobs) {
  std::string text;
  for (const json::value& job : jobs) {
    if (job.is_object()) text += text_at(job.get_object(), "id") + "\n";
  }
  session.output.print(text);
}

void print(const Session& session, const ListJobs& command, const Pages& pages) {
  if (session.json) {
    json::object document;
    document["jobs"] = pages.jobs;
    document["next"] = pages.next.empty() ? json::value() : json::value(pages.next);
    session.output.print(indented(one_line(document)));
    return;
  }
  if (session.output.quiet()) return print_ids(session, pages.jobs);
  if (pages.jobs.empty()) {
    const bool filtered = !command.selection.empty() || !command.before.empty();
    session.output.note(filtered ? "no such jobs\n"
                                 : "no jobs yet (submit one: stepctl job submit FILE)\n");
    return;
  }
  print_table(session, pages.jobs, pages.at);
  if (!pages.next.empty()) {
    session.output.note("there are more: --all, --limit N, or --before " + pages.next + "\n");
  }
}

}  // namespace

ExitCode run(const Session& session, const ListJobs& command) {
  Pages pages;
  pages.next = command.before;
  std::uint64_t left = command.limit;
  do {
    const std::uint64_t limit = command.all ? page_jobs_max : std::min(left, page_jobs_max);
    const Answer answer = session.client.get("/v1/jobs" + query_of(command, limit, pages.next));
    std::optional<json::object> page = parse_object(answer.body);
    if (!answer.is_good() || !page) return refuse(session, answer);
    const json::array& jobs = list_at(*page, "jobs");
    left -= std::min<std::uint64_t>(left, jobs.size());
    const std::string next = text_at(*page, "next");
    const bool stuck = next == pages.next;
    pages.jobs.insert(pages.jobs.end(), jobs.begin(), jobs.end());
    pages.next = stuck ? "" : next;
    pages.at = answer.at;
  } while (!pages.next.empty() && (command.all || left > 0));
  print(session, command, pages);
  return ExitCode::done;
}

}  // namespace stepd::stepctl
