#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/codec.hpp"
#include "host/engine/job_state.hpp"
#include "host/engine/why.hpp"
#include "host/runtime/host.hpp"

namespace stepd::http::testing {

/// A host that keeps jobs and runs none: the test appends what happens to them. Any thread.
class FakeHost final : public runtime::Host, private storage::Reader {
 public:
  FakeHost() : catalogue_(std::make_shared<engine::Catalogue>()) {}

  // What a test says and asks --------------------------------------------------------------------

  /// A job of plain steps with these ids, as if it had been submitted.
  engine::JobId add(const std::vector<std::string>& steps, const std::string& tenant = "default",
                    const std::string& output = {}) {
    engine::JobDefinition definition;
    definition.name = "made";
    definition.tenant = tenant;
    definition.args = engine::JsonText("{}");
    definition.output = engine::JsonText(output);
    for (const std::string& id : steps) {
      engine::StepDefinition step{.id = id, .type = "demo.greet"};
      if (!definition.steps.empty()) {
        step.after = {static_cast<engine::StepIndex>(definition.steps.size() - 1)};
      }
      step.args = engine::JsonText("{}");
      step.snapshot = engine::StepTypeSnapshot{};
      definition.steps.push_back(std::move(step));
    }
    const std::lock_guard lock(mutex_);
    return keep(definition, std::nullopt);
  }

  /// One more row; told to those who watch.
  void append(engine::JobId id, std::vector<engine::Entry> entries) {
    append_silently(id, entries);
    std::uint64_t row = 0;
    engine::TimePoint at;
    {
      const std::lock_guard lock(mutex_);
      row = jobs_.at(id).rows.back().number;
      at = jobs_.at(id).rows.back().at;
    }
    tell({.job = id, .row = row, .at = at, .entries = std::move(entries)});
  }

  /// One more row that nobody is told of, as when news is dropped on the way.
  void append_silently(engine::JobId id, const std::vector<engine::Entry>& entries) {
    const std::lock_guard lock(mutex_);
    engine::LoadedJob& job = jobs_.at(id);
    job.rows.push_back({.number = job.rows.back().number + 1,
                        .at = tick(),
                        .entries = engine::encode(std::span<const engine::Entry>(entries))});
    const engine::JobState state = engine::fold(job);
    job.head.word = engine::word_of(state);
    if (state.settled) job.head.settled_at = state.last_at;
  }

  /// What the job's steps have started, as the store has counted them.
  void set_children(engine::JobId id, std::vector<engine::ChildCounts> counts) {
    const std::lock_guard lock(mutex_);
    jobs_.at(id).children = std::move(counts);
  }

  /// What is recorded of the job is no record any more.
  void damage(engine::JobId id) {
    const std::lock_guard lock(mutex_);
    jobs_.at(id).definition = "\xFF damaged";
  }

  void tell(const runtime::JobNews& news) {
    const std::lock_guard lock(subscribers_mutex_);
    for (const auto& [number, on_news] : subscribers_) on_news(news);
  }

  /// False: it did not come to that many within a good while.
  [[nodiscard]] bool await_subscribers(std::size_t count) {
    std::unique_lock lock(subscribers_mutex_);
    return subscribers_changed_.wait_for(lock, std::chrono::seconds(20),
                                         [&] { return subscribers_.size() == count; });
  }

  void set_catalogue(engine::Catalogue catalogue) {
    const std::lock_guard lock(mutex_);
    catalogue_ = std::make_shared<const engine::Catalogue>(std::move(catalogue));
  }

  [[nodiscard]] std::size_t jobs_kept() {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
  }

  /// What the host says when it is asked.
  struct Script {
    std::vector<plugin::PluginLine> plugin_lines{};
    runtime::HostHealth health{};
    std::vector<runtime::StepLoad> step_loads{};
    std::optional<runtime::SubmitAnswer> submit_answer{};  // to every offer; nothing is kept
    std::optional<storage::StoreError> reader_trouble{};
    engine::Verdict verdict = engine::Accepted{};
    std::vector<storage::ChildLine> children{};
    std::optional<engine::JobId> undo{};                 // of every job but itself
    std::optional<runtime::EventAnswer> event_answer{};  // to every event; nothing is kept
    std::function<void()> before_journal{};  // once, when a journal is read: before the look
    std::function<void()> after_journal{};   // likewise, after it
  };
  void script(const std::function<void(Script&)>& change) {
    const std::lock_guard lock(mutex_);
    change(script_);
  }

  struct Act {
    engine::JobId job;
    engine::Verb verb;
  };
  [[nodiscard]] std::vector<Act> acts() {
    const std::lock_guard lock(mutex_);
    return acts_;
  }
  /// Of the lists that were asked for.
  [[nodiscard]] std::vector<storage::JobFilter> filters() {
    const std::lock_guard lock(mutex_);
    return filters_;
  }
  [[nodiscard]] std::vector<std::size_t> submit_sizes() {
    const std::lock_guard lock(mutex_);
    return submit_sizes_;
  }

  // runtime::Host --------------------------------------------------------------------------------

  std::vector<runtime::SubmitAnswer> submit(std::vector<runtime::JobOffer> offers) override {
    const std::lock_guard lock(mutex_);
    submit_sizes_.push_back(offers.size());
    std::vector<runtime::SubmitAnswer> answers;
    for (const runtime::JobOffer& offer : offers) answers.push_back(answer(offer));
    return answers;
  }

  std::vector<engine::Verdict> act_on_each(std::vector<engine::JobId> jobs,
                                           const engine::Verb& verb) override {
    const std::lock_guard lock(mutex_);
    for (const engine::JobId job : jobs) acts_.push_back({job, verb});
    return std::vector<engine::Verdict>(jobs.size(), script_.verdict);
  }

  runtime::EventAnswer send(engine::SentEvent event) override {
    const std::lock_guard lock(mutex_);
    if (script_.event_answer) return *script_.event_answer;
    events_.push_back({.number = {events_.size() + 1},
                       .id = event.id,
                       .key = event.key,
                       .data = event.data,
                       .at = tick(),
                       .job = event.job,
                       .given_to = {}});
    return runtime::EventAccepted{};
  }

  std::shared_ptr<const engine::Catalogue> catalogue() const override {
    const std::lock_guard lock(mutex_);
    return catalogue_;
  }
  std::vector<plugin::PluginLine> plugins() const override {
    const std::lock_guard lock(mutex_);
    return script_.plugin_lines;
  }
  storage::Reader& reader() override { return *this; }
  void found_damage(const std::string& what) override {
    const std::lock_guard lock(mutex_);
    script_.health.storage_trouble = what;
  }
  runtime::HostHealth health() const override {
    const std::lock_guard lock(mutex_);
    return script_.health;
  }
  std::vector<runtime::StepLoad> step_loads() override {
    const std::lock_guard lock(mutex_);
    return script_.step_loads;
  }
  engine::Now now() const override { return {}; }

  std::unique_ptr<Subscription> subscribe(
      std::function<void(const runtime::JobNews&)> on_news) override {
    class Entry final : public Subscription {
     public:
      Entry(FakeHost& host, std::uint64_t number) : host_(host), number_(number) {}
      ~Entry() override { host_.unsubscribe(number_); }

     private:
      FakeHost& host_;
      std::uint64_t number_;
    };
    const std::lock_guard lock(subscribers_mutex_);
    subscribers_.emplace(++last_subscriber_, std::move(on_news));
    subscribers_changed_.notify_all();
    return std::make_unique<Entry>(*this, last_subscriber_);
  }

 private:
  // storage::Reader ------------------------------------------------------------------------------

  std::vector<storage::JobLine> page(const storage::JobFilter& filter,
                                     std::optional<engine::JobId> before,
                                     std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    check();
    filters_.push_back(filter);
    std::vector<storage::JobLine> lines;
    for (auto job = jobs_.rbegin(); job != jobs_.rend() && lines.size() < limit; ++job) {
      const engine::LoadedJob& kept = job->second;
      if (before && kept.id >= *before) continue;
      if (matches(filter, kept)) {
        lines.push_back({kept.id, kept.tenant, kept.name, kept.key, kept.head});
      }
    }
    return lines;
  }

  static bool matches(const storage::JobFilter& filter, const engine::LoadedJob& job) {
    const auto& words = filter.words;
    return (filter.tenant.empty() || filter.tenant == job.tenant) &&
           (filter.name.empty() || filter.name == job.name) &&
           (filter.key.empty() || filter.key == job.key) &&
           (!filter.attention || *filter.attention == job.head.attention) &&
           (words.empty() || std::find(words.begin(), words.end(), job.head.word) != words.end());
  }

  std::optional<engine::LoadedJob> find(engine::JobId id) override {
    const std::lock_guard lock(mutex_);
    check();
    const auto job = jobs_.find(id);
    return job == jobs_.end() ? std::nullopt : std::optional(job->second);
  }

  std::vector<engine::StoredRow> journal(engine::JobId id, std::uint64_t after,
                                         std::size_t limit) override {
    run_once(&Script::before_journal);
    std::vector<engine::StoredRow> rows;
    {
      const std::lock_guard lock(mutex_);
      check();
      for (const engine::StoredRow& row : jobs_.at(id).rows) {
        if (row.number > after && rows.size() < limit) rows.push_back(row);
      }
    }
    run_once(&Script::after_journal);
    return rows;
  }

  std::vector<engine::StepBlob> blobs(engine::JobId, engine::StepIndex) override { return {}; }

  std::vector<storage::EventLine> events(const storage::EventFilter& filter,
                                         std::optional<engine::EventNumber> before,
                                         std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    check();
    std::vector<storage::EventLine> lines;
    for (auto each = events_.rbegin(); each != events_.rend() && lines.size() < limit; ++each) {
      if (before && each->number >= *before) continue;
      if (!filter.key.empty() && each->key != filter.key) continue;
      if (!filter.kept_only || !each->given_to) lines.push_back(*each);
    }
    return lines;
  }

  std::vector<storage::DerivedLine> derived(engine::JobId origin, std::size_t) override {
    const std::lock_guard lock(mutex_);
    std::vector<storage::DerivedLine> lines;
    for (const auto& [id, job] : jobs_) {
      if (job.definition.starts_with('\xFF')) continue;
      const auto from = engine::decode_definition(job.definition).origin;
      if (from && from->job == origin) lines.push_back({from->kind, id});
    }
    return lines;
  }

  std::optional<engine::JobId> undo_of(engine::JobId origin) override {
    const std::lock_guard lock(mutex_);
    return script_.undo == origin ? std::nullopt : script_.undo;
  }

  std::vector<storage::ChildLine> children(engine::JobId, const std::optional<storage::ChildPlace>&,
                                           std::size_t) override {
    const std::lock_guard lock(mutex_);
    return script_.children;
  }
  std::optional<storage::ChildLine> child(engine::JobId, const storage::ChildPlace&) override {
    return std::nullopt;
  }
  std::vector<storage::ChildLine> settled_children(engine::JobId, engine::StepIndex, std::uint32_t,
                                                   std::size_t) override {
    return {};
  }

  std::vector<storage::Count> counts() override {
    const std::lock_guard lock(mutex_);
    std::map<engine::JobWord, std::uint64_t> counted;
    for (const auto& [id, job] : jobs_) ++counted[job.head.word];
    std::vector<storage::Count> counts;
    for (const auto& [word, jobs] : counted) counts.push_back({word, jobs});
    return counts;
  }

  storage::Facts facts() override {
    return {.backend = "fake", .place = "memory", .bytes = 4096, .attention = 1};
  }

  std::optional<engine::JobId> oldest_unsettled() override { return std::nullopt; }

  void run_once(std::function<void()> Script::*hook) {
    std::function<void()> run;
    {
      const std::lock_guard lock(mutex_);
      run = std::exchange(script_.*hook, nullptr);
    }
    if (run) run();
  }

  // Under the mutex ------------------------------------------------------------------------------

  void check() const {
    if (script_.reader_trouble) throw *script_.reader_trouble;
  }

  engine::TimePoint tick() {
    time_ += std::chrono::milliseconds(1);
    return time_;
  }

  engine::JobId keep(const engine::JobDefinition& definition,
                     const std::optional<engine::SubmitKey>& key) {
    const engine::TimePoint at = tick();
    const engine::JobId id = ids_.next(at);
    const std::vector<engine::Entry> entries{engine::Submitted{}};
    const std::string first = engine::encode(std::span<const engine::Entry>(entries));
    jobs_[id] = {.id = id,
                 .tenant = definition.tenant,
                 .name = definition.name,
                 .key = definition.key,
                 .head = {},
                 .definition = engine::encode(definition),
                 .rows = {{.number = 1, .at = at, .entries = first}}};
    if (key) keys_.insert_or_assign({definition.tenant, key->key}, std::pair(id, key->content));
    return id;
  }

  runtime::SubmitAnswer answer(const runtime::JobOffer& offer) {
    if (script_.submit_answer) return *script_.submit_answer;
    if (offer.key) {
      const auto taken = keys_.find({offer.definition->tenant, offer.key->key});
      if (taken != keys_.end()) {
        const auto& [id, content] = taken->second;
        if (content == offer.key->content) return runtime::JobExists{id};
        return runtime::KeyTaken{id};
      }
    }
    return runtime::JobAccepted{keep(engine::decode_definition(offer.encoded), offer.key)};
  }

  void unsubscribe(std::uint64_t number) {
    const std::lock_guard lock(subscribers_mutex_);
    subscribers_.erase(number);
    subscribers_changed_.notify_all();
  }

  mutable std::mutex mutex_;
  Script script_;
  std::map<engine::JobId, engine::LoadedJob> jobs_;
  std::map<std::pair<std::string, std::string>, std::pair<engine::JobId, engine::ContentHash>>
      keys_;
  std::vector<Act> acts_;
  std::vector<storage::JobFilter> filters_;
  std::vector<storage::EventLine> events_;
  std::vector<std::size_t> submit_sizes_;
  std::shared_ptr<const engine::Catalogue> catalogue_;
  engine::JobIdSource ids_{engine::JobId{}};
  engine::TimePoint time_{std::chrono::sys_days(std::chrono::year(2024) / 5 / 1)};

  std::mutex subscribers_mutex_;
  std::condition_variable subscribers_changed_;
  std::map<std::uint64_t, std::function<void(const runtime::JobNews&)>> subscribers_;
  std::uint64_t last_subscriber_ = 0;
};

}  // namespace stepd::http::testing
