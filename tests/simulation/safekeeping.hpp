#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "host/engine/engine.hpp"
#include "storage/store.hpp"
#include "tests/simulation/world.hpp"

namespace stepd::simulation {

/// What calls saved before they were over, memos and checkpoints, held against the disk (A10, A6).
class Safekeeping {
 public:
  /// A call wants this kept; `is_over`: it has reported before.
  void offered(const engine::BlobOffered& offer, engine::StepIndex step, engine::Phase phase,
               bool is_over);
  /// The host's answer; throws Broken where the disk says otherwise.
  void answered(engine::ReplyToken token, engine::BlobStatus status, storage::Reader& disk,
                Sights& seen);
  /// The record says that a call has gone on, which left a checkpoint with its answer (W3).
  void went_on(engine::CallId call, engine::StepIndex step, engine::Phase phase,
               storage::Reader& disk);
  /// What a call leaves with its answer, if it goes on.
  void leaves(engine::CallId call, std::string bytes) { left_[call] = std::move(bytes); }
  /// Nobody is answered any more.
  void host_dies() { offered_.clear(); }

  /// The call sees what calls before it have saved.
  void judge_start(const engine::CallRequest& request, storage::Reader& disk) const;
  /// An undo that goes on with another one takes over what its compensations kept.
  void goes_on(engine::JobId undo, engine::JobId with);
  void removed(engine::JobId job);
  /// All that was acknowledged is there.
  void judge(storage::Reader& disk) const;

 private:
  /// Of a job and a step: the phase, and what a memo is called; a checkpoint has no name.
  using Place = std::tuple<engine::JobId, engine::StepIndex, engine::Phase, std::string>;
  struct Offered {
    Place place{};
    std::string bytes{};
    bool is_over = false;
  };

  static std::optional<std::string> on_disk(storage::Reader& disk, const Place& place);
  static void judge_one(storage::Reader& disk, const Place& place, const std::string& known);

  std::map<engine::ReplyToken, Offered> offered_;
  std::map<engine::CallId, std::string> left_;
  std::map<Place, std::string> kept_;  // a memo's first bytes, a checkpoint's last
};

}  // namespace stepd::simulation
