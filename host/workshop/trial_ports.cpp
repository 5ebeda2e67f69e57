#include "host/workshop/trial_ports.hpp"

#include <algorithm>
#include <utility>

namespace stepd::workshop {

void TrialRecords::save(engine::StepBlob blob) {
  const std::scoped_lock lock(mutex_);
  const auto place = std::ranges::find_if(blobs_, [&](const engine::StepBlob& other) {
    return other.kind == blob.kind && other.phase == blob.phase && other.key == blob.key;
  });
  if (place == blobs_.end()) {
    blobs_.push_back(std::move(blob));
  } else {
    *place = std::move(blob);
  }
}

std::vector<engine::StepBlob> TrialRecords::all() const {
  const std::scoped_lock lock(mutex_);
  return blobs_;
}

engine::BlobStatus TrialPorts::save(engine::StepBlob::Kind kind, std::string key,
                                    std::string bytes) {
  records_.save({.kind = kind, .phase = phase_, .key = std::move(key), .bytes = std::move(bytes)});
  return engine::BlobStatus::stored;
}

plugin::SendStatus TrialPorts::send(engine::SentEvent event) {
  if (listener_.event) listener_.event(event);
  return plugin::SendStatus::stored;
}

plugin::CheckedJob TrialPorts::check_job(std::string_view) {
  return std::string(
      "there is no daemon here that could run the jobs a step starts; submit a job of this step to "
      "a stepd");
}

plugin::CheckedUndo TrialPorts::check_undo(const std::string&) { return plugin::NothingToUndo{}; }

void TrialPorts::heartbeat() {
  if (listener_.sign_of_life) listener_.sign_of_life();
}

void TrialPorts::progress(std::uint32_t permille, std::string note) {
  if (listener_.sign_of_life) listener_.sign_of_life();
  if (listener_.progress) listener_.progress(permille, note);
}

void TrialPorts::log(std::int32_t level, std::string_view message, std::string_view fields_json) {
  if (listener_.log) listener_.log(level, message, fields_json);
}

}  // namespace stepd::workshop
