#include "storage/sqlite/unfiled_rows.hpp"

#include <algorithm>
#include <utility>

namespace stepd::storage::sqlite {
namespace {

using engine::StoredRow;

constexpr std::string_view insert_commit = "INSERT INTO unfiled (number, rows) VALUES (?, ?)";

constexpr std::string_view delete_commits = "DELETE FROM unfiled WHERE number < ?";

constexpr std::string_view select_last = "SELECT max(number) FROM unfiled";

// Whoever reads the journal of a job under way goes through all of them.
constexpr std::size_t commits_max = 64;
constexpr std::size_t bytes_max = std::size_t{4} << 20U;

// Of one commit, beside its own work.
constexpr std::size_t filed_max = 500;

}  // namespace

JournalEnds::JournalEnds(Database& database) {
  database.define("has_unfiled_rows", [this](std::int64_t job) { return has({job}); });
}

UnfiledRows::UnfiledRows(Database& database)
    : JournalEnds(database),
      first_(1 + static_cast<std::uint64_t>(database.number(select_last))),
      insert_(database, insert_commit),
      delete_(database, delete_commits) {}

void UnfiledRows::add(const PackedRow& row) {
  if (adding_.empty()) commits_.emplace_back();
  const std::size_t before = adding_.size();
  pack(row, adding_);
  Commit& commit = commits_.back();
  commit.jobs.push_back(row.job);
  commit.bytes += adding_.size() - before;
  ++commit.unfiled;
  OfJob& rows = jobs_[row.job.value];
  done_.push_back({row.job, rows.packed.size()});
  rows.packed.append(adding_, before);
  rows.commits.push_back(first_ + commits_.size() - 1);
}

std::string UnfiledRows::take(JobId job) {
  const auto found = jobs_.find(job.value);
  if (found == jobs_.end()) return {};
  Done& done = done_.emplace_back(Done{.job = job, .taken = std::move(found->second)});
  jobs_.erase(found);
  for (const std::uint64_t number : done.taken.commits) --commit(number).unfiled;
  return done.taken.packed;
}

std::vector<JobId> UnfiledRows::overdue() const {
  std::vector<JobId> jobs;
  std::size_t left = commits_.size();
  std::size_t bytes = bytes_;
  for (std::uint64_t number = first_; left > commits_max || bytes > bytes_max; ++number) {
    const Commit& commit = commits_[static_cast<std::size_t>(number - first_)];
    for (const JobId job : commit.jobs) {
      const auto found = jobs_.find(job.value);
      if (found == jobs_.end() || found->second.commits.front() != number) continue;
      if (jobs.size() == filed_max) return jobs;
      jobs.push_back(job);
    }
    --left;
    bytes -= commit.bytes;
  }
  return jobs;
}

std::vector<JobId> UnfiledRows::all() const {
  std::vector<JobId> jobs;
  for (const auto& [job, rows] : jobs_) jobs.push_back({job});
  return jobs;
}

std::size_t UnfiledRows::bytes_of(JobId job) const {
  const auto found = jobs_.find(job.value);
  return found == jobs_.end() ? 0 : found->second.packed.size();
}

void UnfiledRows::append(JobId job, std::uint64_t after, std::vector<StoredRow>& rows) {
  const auto found = jobs_.find(job.value);
  if (found != jobs_.end()) unpack(found->second.packed, job, after, rows);
}

std::uint64_t UnfiledRows::first_needed() const {
  const auto needed =
      std::ranges::find_if(commits_, [](const Commit& commit) { return commit.unfiled != 0; });
  return first_ + static_cast<std::uint64_t>(needed - commits_.begin());
}

void UnfiledRows::write() {
  if (!adding_.empty() && commits_.back().unfiled != 0) {
    insert_.run(static_cast<std::int64_t>(first_ + commits_.size() - 1), Bytes{adding_});
  }
  const std::uint64_t needed = first_needed();
  if (needed != first_) delete_.run(static_cast<std::int64_t>(needed));
}

void UnfiledRows::keep() {
  if (!adding_.empty()) bytes_ += commits_.back().bytes;
  adding_.clear();
  done_.clear();
  while (!commits_.empty() && commits_.front().unfiled == 0) {
    bytes_ -= commits_.front().bytes;
    commits_.pop_front();
    ++first_;
  }
}

void UnfiledRows::undo() {
  for (; !done_.empty(); done_.pop_back()) put_back(done_.back());
  if (!adding_.empty()) commits_.pop_back();
  adding_.clear();
}

void UnfiledRows::put_back(Done& done) {
  OfJob& rows = jobs_[done.job.value];
  if (!done.taken.commits.empty()) {
    rows = std::move(done.taken);
    for (const std::uint64_t number : rows.commits) ++commit(number).unfiled;
    return;
  }
  rows.packed.resize(done.bytes_before);
  rows.commits.pop_back();
  if (rows.commits.empty()) jobs_.erase(done.job.value);
}

UnfiledLines::UnfiledLines(Database& database)
    : JournalEnds(database), all_(database, select_unfiled) {}

void UnfiledLines::append(JobId job, std::uint64_t after, std::vector<StoredRow>& rows) {
  Rows found = all_.query();
  while (found.next()) unpack(found.view(0), job, after, rows);
}

bool UnfiledLines::has(JobId job) {
  if (!jobs_) {
    jobs_.emplace();
    Rows found = all_.query();
    while (found.next()) {
      PackedRows rows{found.view(0)};
      while (const auto row = rows.next()) jobs_->insert(row->job.value);
    }
  }
  return jobs_->contains(job.value);
}

}  // namespace stepd::storage::sqlite
