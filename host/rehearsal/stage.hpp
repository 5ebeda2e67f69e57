#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/batch.hpp"
#include "storage/store.hpp"

namespace stepd::rehearsal {

/// Any instant does; always the same one, so that runs repeat exactly.
inline constexpr engine::Now curtain_up{engine::TimePoint(std::chrono::hours(500'000)),
                                        engine::SteadyPoint(std::chrono::hours(1))};

/// The place of a crash: at which commit, counted from 1, and on which side of it.
struct CrashPoint {
  std::uint64_t commit = 0;
  bool after = false;  // the batch is on disk, and nothing that it was to bring about has happened
  friend auto operator<=>(const CrashPoint&, const CrashPoint&) = default;
};

/// A whole host in one thread, without its calls: the real engine, the real batches, a store and a
/// clock that is pushed. Who drives it runs the calls and says when the host dies.
class Stage {
 public:
  struct Setting {
    engine::PolicyDefaults defaults{};
    engine::Limits limits{};
    std::set<CrashPoint> crashes{};
    engine::JobId ids_above{};  // the job's id is higher
  };
  /// Room for the engine on this store: it must outlive the stage, or another takes its place.
  Stage(storage::Store& store, std::shared_ptr<const engine::Catalogue> catalogue, Setting setting,
        engine::Now begin);

  /// Another host goes on with what is on disk. Of the calls in `crashed` it is proven that they
  /// ended the one before.
  void restart(storage::Store& store, std::set<engine::CallId> crashed);
  void show(std::shared_ptr<const engine::Catalogue> catalogue);
  void post(engine::Event event) { events_.push_back(std::move(event)); }
  void pass_to(engine::SteadyPoint time);

  enum class Advance : std::uint8_t { busy, quiet, died };
  /// One turn of the engine, and its commit. Died: a point of the setting is reached; restart.
  [[nodiscard]] Advance advance();

  [[nodiscard]] std::optional<engine::SteadyPoint> wake_at() const { return engine_->wake_at(); }
  [[nodiscard]] bool idle() const { return engine_->idle(); }
  [[nodiscard]] engine::Now now() const { return now_; }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }

  // What the commits so far brought about; each is handed out once.
  [[nodiscard]] std::vector<runtime::NewsFeed::Row> take_rows() { return std::exchange(rows_, {}); }
  [[nodiscard]] std::vector<engine::BoxedCall> take_starts() { return std::exchange(starts_, {}); }
  [[nodiscard]] std::vector<engine::StopCall> take_stops() { return std::exchange(stops_, {}); }
  [[nodiscard]] std::vector<runtime::ReplyDesk::Delivery> take_replies() {
    return std::exchange(replies_, {});
  }

 private:
  struct Serve;
  [[nodiscard]] bool dies_at(bool after) const {
    return setting_.crashes.contains({commits_, after});
  }

  storage::Store* store_;
  std::shared_ptr<const engine::Catalogue> catalogue_;  // the engine's and the owner's
  Setting setting_;
  engine::Now now_;
  engine::Epoch epoch_{};
  std::unique_ptr<engine::Engine> engine_;
  std::vector<engine::Event> events_;
  std::uint64_t commits_ = 0;
  std::vector<runtime::NewsFeed::Row> rows_;
  std::vector<engine::BoxedCall> starts_;
  std::vector<engine::StopCall> stops_;
  std::vector<runtime::ReplyDesk::Delivery> replies_;
};

}  // namespace stepd::rehearsal
