#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

#include "storage/store.hpp"

namespace stepd::support {

/// Thrown where the host dies: nothing of that process may be used any more.
struct HostDied : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A working store whose commits go wrong where a test wants it. Commits are counted from 1.
class FaultyStore final : public storage::Store {
 public:
  enum class Fault {
    fails,             // an error; nothing is kept
    kept_but_unknown,  // an error; yet all of it is kept
    dies_before,       // the host dies; nothing is kept
    dies_after         // the host dies; all of it is kept, and nobody was told
  };

  explicit FaultyStore(storage::Store& store) : store_(store) {}

  /// Plants a fault at one commit; `kind` is that of the error, where there is one.
  void plant(std::uint64_t commit_number, Fault fault,
             storage::StoreError::Kind kind = storage::StoreError::Kind::full) {
    planted_[commit_number] = {fault, kind};
  }
  /// From now on every batch that holds this job is refused, whatever else is in it (D1).
  void refuse(storage::JobId id) { refused_.insert(id); }
  void take_again(storage::JobId id) { refused_.erase(id); }

  [[nodiscard]] std::uint64_t commits() const { return commits_; }

  using Store::commit;
  [[nodiscard]] storage::BatchResult commit(storage::Epoch epoch,
                                            std::span<const storage::NewJob> submits,
                                            std::span<const storage::Change> changes,
                                            std::span<const storage::SentEvent> events) override {
    ++commits_;
    const auto planted = planted_.find(commits_);
    if (planted != planted_.end()) before_commit(planted->second);
    if (const auto id = refused_among(submits, changes)) {
      throw storage::StoreError{storage::StoreError::Kind::refused,
                                "job " + engine::to_text(*id) + " cannot be kept: planted"};
    }
    storage::BatchResult result = store_.commit(epoch, submits, changes, events);
    if (planted != planted_.end()) after_commit(planted->second);
    return result;
  }

  [[nodiscard]] storage::Epoch acquire() override { return store_.acquire(); }
  [[nodiscard]] storage::Claim claim(storage::Epoch epoch, storage::TimePoint now,
                                     std::size_t limit) override {
    return store_.claim(epoch, now, limit);
  }
  [[nodiscard]] std::optional<storage::LoadedJob> load(storage::Epoch epoch,
                                                       storage::JobId id) override {
    return store_.load(epoch, id);
  }
  std::size_t offer(storage::Epoch epoch, const std::set<std::string>& types,
                    storage::TimePoint now, std::size_t limit) override {
    return store_.offer(epoch, types, now, limit);
  }
  std::size_t expire(storage::Epoch epoch, const storage::Expiry& expiry,
                     std::size_t limit) override {
    return store_.expire(epoch, expiry, limit);
  }
  void shorten_waits(storage::Epoch epoch, storage::TimePoint now, engine::Duration by) override {
    store_.shorten_waits(epoch, now, by);
  }
  bool tidy(storage::Lull lull) override { return store_.tidy(lull); }
  [[nodiscard]] storage::JobId highest_id() override { return store_.highest_id(); }

 private:
  struct Planted {
    Fault fault = Fault::fails;
    storage::StoreError::Kind kind = storage::StoreError::Kind::full;
  };

  [[nodiscard]] std::string here() const { return "planted at commit " + std::to_string(commits_); }

  void before_commit(const Planted& planted) const {
    if (planted.fault == Fault::fails) throw storage::StoreError{planted.kind, here()};
    if (planted.fault == Fault::dies_before) throw HostDied{here()};
  }
  void after_commit(const Planted& planted) const {
    if (planted.fault == Fault::kept_but_unknown) throw storage::StoreError{planted.kind, here()};
    if (planted.fault == Fault::dies_after) throw HostDied{here()};
  }

  [[nodiscard]] std::optional<storage::JobId> refused_among(
      std::span<const storage::NewJob> submits, std::span<const storage::Change> changes) const {
    for (const auto& submit : submits) {
      if (refused_.contains(submit.id)) return submit.id;
    }
    for (const auto& change : changes) {
      if (refused_.contains(change.job)) return change.job;
    }
    return std::nullopt;
  }

  storage::Store& store_;
  std::uint64_t commits_ = 0;
  std::map<std::uint64_t, Planted> planted_;
  std::set<storage::JobId> refused_;
};

}  // namespace stepd::support
