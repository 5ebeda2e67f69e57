#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/attempt_runner.hpp"
#include "host/runtime/batch.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/engine_inbox.hpp"
#include "host/runtime/news_feed.hpp"
#include "host/runtime/reply_desk.hpp"
#include "storage/store.hpp"

namespace stepd::runtime {

/// How long settled jobs and keys are kept (D5, J3).
struct Retention {
  std::chrono::seconds succeeded = std::chrono::days(7);
  std::chrono::seconds unsuccessful = std::chrono::days(7);
  std::chrono::seconds events = std::chrono::days(7);  // from when they arrived
  std::chrono::seconds keys = std::chrono::days(90);
  friend bool operator==(const Retention&, const Retention&) = default;
};

struct CommitterSettings {
  engine::Epoch epoch;
  Retention retention;
  // In one transaction, unless a single turn brings more. So many jobs as the engine holds keep the
  // workers and the engine busy while this is written.
  std::size_t items_max = 256;
  std::size_t expire_max = 200;  // jobs or keys removed at a time
  std::size_t offer_max = 500;   // jobs made due at a time
  std::chrono::milliseconds pause_first = std::chrono::seconds(1);  // on a full disk; then doubled
  std::chrono::milliseconds pause_max = std::chrono::seconds(15);
};

/// Why nothing can be recorded any more in this process.
enum class StoreLoss : std::uint8_t { broken, fenced };

/// Owns the writing side of the store: records what the engine decides, several turns in one
/// transaction, and only then lets it happen (D1). It takes whatever has collected as soon as it is
/// free; it never waits for more. A full disk is waited out: submits are answered at once, changes
/// are held until there is room (D4).
class Committer {
 public:
  /// Borrowed; all outlive the committer.
  struct Surroundings {
    storage::Store& store;
    AttemptRunner& runner;
    ReplyDesk& desk;
    NewsFeed& feed;
    EngineInbox& inbox;
    const Clock& clock;
  };

  /// Called on the committer's thread; must not block.
  struct Listeners {
    std::function<void(StoreLoss, const std::string&)> on_loss;  // once at most
    // The disk is full, and how; or empty: it has room again. May be absent.
    std::function<void(const std::string&)> on_trouble;
  };
  Committer(Surroundings surroundings, CommitterSettings settings, Listeners listeners);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// The engine's thread. Always taken: the engine's window bounds what can be on its way.
  void post(engine::Turn turn);

  /// Records what has been posted and ends. Nobody posts any more; may be called twice.
  void stop();

  /// Any thread. What is wrong with the storage; empty when all is well.
  [[nodiscard]] std::string trouble() const;

  /// Any thread. The disk is full and changes are held until there is room. Those who ask for a
  /// change open their question first and look at this afterwards; then they are never left
  /// waiting.
  [[nodiscard]] bool holding() const { return holding_.load(); }

 private:
  struct Waiting {
    engine::Turn turn;
    std::vector<engine::JobId> lost;  // see Batch::add
  };

  void run();
  void absorb(std::vector<engine::Turn>& turns);
  void refuse_submits(Waiting& waiting);
  void work(bool last);
  void commit_next();
  void carry_out(Consequences consequences);
  void serve_requests();
  [[nodiscard]] bool serve(const engine::StoreRequest& request);
  void keep_house();
  void on_error(const storage::StoreError& error);
  void hold(const std::string& message);
  void lose(StoreLoss loss, const std::string& message);
  void recovered();
  void say_trouble(const std::string& message);
  [[nodiscard]] bool busy() const;
  [[nodiscard]] std::optional<engine::SteadyPoint> wake_at() const;
  void put_event(engine::Event event);

  const Surroundings at_;
  const CommitterSettings settings_;
  const Listeners listeners_;

  Mailbox<std::vector<engine::Turn>> mailbox_;

  // The committer's thread alone:
  std::deque<Waiting> turns_;
  Batch batch_;  // not empty while the disk is full: held
  std::deque<engine::StoreRequest> requests_;
  bool blocked_ = false;  // something is held until `retry_at_`; a try at it is made unblocked
  std::optional<engine::SteadyPoint> retry_at_;
  std::chrono::milliseconds pause_;
  std::optional<engine::SteadyPoint> tidy_at_{engine::SteadyPoint{}};  // steady; none: all is tidy
  engine::SteadyPoint expire_at_;
  bool full_ = false;  // as far as is known
  bool lost_ = false;
  bool told_engine_ = false;

  std::atomic<bool> holding_{false};
  mutable std::mutex trouble_mutex_;  // guards trouble_
  std::string trouble_;

  std::jthread thread_;
};

}  // namespace stepd::runtime
