#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/runtime/attempt_runner.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/committer.hpp"
#include "host/runtime/engine_inbox.hpp"
#include "host/runtime/engine_thread.hpp"
#include "host/runtime/host.hpp"
#include "host/runtime/news_feed.hpp"
#include "host/runtime/reply_desk.hpp"
#include "storage/store.hpp"

namespace stepd::runtime {

struct HostSettings {
  engine::EngineSettings engine;  // the epoch and the highest id are filled in from the store
  CommitterSettings committer;    // likewise
  std::size_t submits_waiting_max = 8192;  // jobs; whoever brings more waits
};

/// Why the host cannot go on.
enum class HostLoss : std::uint8_t {
  storage_broken,  // another process may fare better
  fenced,          // another host has taken over
  engine_failed    // a bug
};

/// The running host: the engine's thread and the committer's, and what leads into them. `start`,
/// `stop` and the end of its life are one thread's business; all else any thread's.
class LiveHost final : public Host, public AttemptSink {
 public:
  /// Borrowed; all outlive the host. The store is the committer's from `start` on.
  struct Surroundings {
    storage::Store& store;
    storage::Reader& reader;
    const Clock& clock;
    const StepCounters& counters;
  };
  struct Plugins {
    std::shared_ptr<const engine::Catalogue> catalogue;  // shared with whoever asked; never changes
    std::vector<plugin::PluginLine> lines;
  };
  LiveHost(Surroundings surroundings, HostSettings settings, Plugins plugins);
  ~LiveHost() override;

  /// Called from threads of the host's; must not block.
  struct Listeners {
    // Once at most; afterwards nothing is acknowledged any more.
    std::function<void(HostLoss, const std::string&)> on_loss;
    // The disk is full, and how; or empty: it has room again. May be absent.
    std::function<void(const std::string&)> on_trouble{};
  };
  /// Takes over the jobs of the store and begins. Throws StoreError. The runner is borrowed and
  /// outlives `stop`.
  void start(AttemptRunner& runner, Listeners listeners);

  /// The plugins have changed.
  void offer(Plugins plugins);

  /// Takes in nothing new, asks the running calls to stop, waits for them for up to `grace`,
  /// records what there is and ends. False: calls are still under way; what they report is lost.
  /// May be called twice, and before `start`.
  bool stop(engine::Duration grace);

  [[nodiscard]] std::vector<SubmitAnswer> submit(std::vector<JobOffer> offers) override;
  [[nodiscard]] std::vector<engine::Verdict> act_on_each(std::vector<engine::JobId> jobs,
                                                         const engine::Verb& verb) override;
  [[nodiscard]] EventAnswer send(engine::SentEvent event) override;
  [[nodiscard]] std::shared_ptr<const engine::Catalogue> catalogue() const override;
  [[nodiscard]] std::vector<plugin::PluginLine> plugins() const override;
  [[nodiscard]] storage::Reader& reader() override { return at_.reader; }
  [[nodiscard]] HostHealth health() const override;
  [[nodiscard]] std::vector<StepLoad> step_loads() override;
  void found_damage(const std::string& what) override;
  [[nodiscard]] engine::Now now() const override { return at_.clock.now(); }
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(
      std::function<void(const JobNews&)> on_news) override;

  void ended(std::vector<engine::CallReported> reports) override;
  void overran(engine::CallOverran overran) override;
  [[nodiscard]] engine::BlobStatus save(const engine::CallId& call, engine::StepBlob::Kind kind,
                                        std::string key, std::string bytes) override;
  [[nodiscard]] plugin::SendStatus send(const engine::CallId& call,
                                        engine::SentEvent event) override;
  [[nodiscard]] plugin::CheckedJob check_job(const std::string& tenant,
                                             std::string_view json) override;
  [[nodiscard]] std::optional<plugin::ChildNow> child(engine::JobId job, engine::StepIndex step,
                                                      const std::string& key) override;
  [[nodiscard]] std::vector<plugin::ChildNow> settled_children(engine::JobId job,
                                                               engine::StepIndex step,
                                                               std::uint32_t after,
                                                               std::size_t limit) override;
  [[nodiscard]] plugin::CheckedUndo check_undo(const engine::CallRequest& call,
                                               const std::string& key) override;
  [[nodiscard]] std::optional<plugin::ChildNow> child_undo(engine::JobId job,
                                                           engine::StepIndex step,
                                                           const std::string& key) override;
  [[nodiscard]] std::vector<engine::StepBlob> blobs(engine::JobId job,
                                                    engine::StepIndex step) override;
  void progressed(const engine::CallId& call, std::string step, std::uint32_t permille,
                  std::string note) override;

 private:
  [[nodiscard]] EventAnswer record(engine::EventSent sent);
  void lose(HostLoss loss, const std::string& message);
  void close_doors(const std::string& why);
  [[nodiscard]] std::string refusal() const;
  [[nodiscard]] std::string damage() const;
  [[nodiscard]] bool is_up() const { return committer_ != nullptr; }

  const Surroundings at_;
  HostSettings settings_;
  const engine::TimePoint started_at_;

  EngineInbox inbox_;
  ReplyDesk desk_;
  NewsFeed feed_;

  mutable std::mutex mutex_;  // guards plugins_, refusal_ and damage_
  Plugins plugins_;
  std::string refusal_;                // why nothing is taken in any more; empty: it is
  std::string damage_;                 // what readers met; empty: nothing
  std::atomic<bool> refusing_{false};  // refusal_ is set
  std::atomic<bool> damaged_{false};   // damage_ is set
  std::atomic<bool> lost_{false};      // the listener has been told
  std::atomic<bool> closed_{false};    // what is put in now is not looked at any more
  bool all_over_ = true;
  bool stopped_ = false;

  Listeners listeners_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<EngineThread> engine_;
};

}  // namespace stepd::runtime
