#include "host/plugin/call_records.hpp"

#include "host/plugin/borrowed.hpp"
#include "host/plugin/call_limits.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::plugin {
namespace {

using namespace call_limits;
using Kind = engine::StepBlob::Kind;

constexpr std::size_t memos_max = 10'000;  // of one phase of one step

stepd_status status_of(engine::BlobStatus status) {
  return status == engine::BlobStatus::stored ? STEPD_OK : STEPD_FENCED;
}

}  // namespace

bool CallRecords::may_read(std::int32_t phase) const {
  return phase == static_cast<std::int32_t>(request_.phase) || phase == STEPD_PHASE_EXECUTE;
}

void CallRecords::read_once() {
  if (read_ || !request_.has_blobs) return;
  for (engine::StepBlob& blob : ports_.blobs()) {
    const auto phase = static_cast<std::size_t>(blob.phase);
    if (blob.kind == Kind::memo) {
      memos_[phase].emplace(std::move(blob.key), std::move(blob.bytes));
    } else {
      checkpoints_[phase].bytes = std::make_unique<const std::string>(std::move(blob.bytes));
    }
  }
  read_ = true;
}

stepd_status CallRecords::load_checkpoint(std::int32_t phase, stepd_str* bytes) {
  if (bytes == nullptr || !may_read(phase)) return STEPD_INVALID;
  const std::lock_guard lock(mutex_);
  read_once();
  Checkpoint& checkpoint = checkpoints_[static_cast<std::size_t>(phase)];
  if (!checkpoint.bytes) return STEPD_NONE;
  checkpoint.lent = true;
  *bytes = lend(*checkpoint.bytes);
  return STEPD_OK;
}

stepd_status CallRecords::save_checkpoint(stepd_str bytes) {
  if (!is_sound(bytes)) return STEPD_INVALID;
  if (bytes.len > record_bytes_max) return STEPD_TOO_BIG;
  const std::lock_guard lock(mutex_);
  // What is on record must not come in over what is saved now.
  read_once();
  auto copy = std::make_unique<const std::string>(view(bytes));
  const auto status = ports_.save(Kind::checkpoint, {}, *copy);
  if (status != engine::BlobStatus::stored) return status_of(status);
  Checkpoint& checkpoint = checkpoints_[own_phase()];
  if (checkpoint.lent) superseded_.push_back(std::move(checkpoint.bytes));
  checkpoint = {std::move(copy), false};
  return STEPD_OK;
}

stepd_status CallRecords::load_memo(std::int32_t phase, stepd_str key, stepd_str* bytes) {
  if (bytes == nullptr || !is_sound(key) || !may_read(phase)) return STEPD_INVALID;
  const std::lock_guard lock(mutex_);
  read_once();
  const auto& memos = memos_[static_cast<std::size_t>(phase)];
  const auto found = memos.find(view(key));
  if (found == memos.end()) return STEPD_NONE;
  *bytes = lend(found->second);
  return STEPD_OK;
}

stepd_status CallRecords::save_memo(stepd_str key, stepd_str bytes) {
  const bool sound = is_sound(key) && is_sound(bytes) && key.len != 0;
  if (!sound || utf8_prefix(view(key)) != key.len) return STEPD_INVALID;
  if (key.len > memo_key_bytes_max || bytes.len > record_bytes_max) return STEPD_TOO_BIG;
  const std::lock_guard lock(mutex_);
  read_once();
  auto& memos = memos_[own_phase()];
  if (memos.find(view(key)) != memos.end()) return STEPD_NONE;
  if (memos.size() >= memos_max) return STEPD_TOO_BIG;
  std::string name(view(key));
  std::string copy(view(bytes));
  const auto status = ports_.save(Kind::memo, name, copy);
  if (status == engine::BlobStatus::stored) memos.emplace(std::move(name), std::move(copy));
  return status_of(status);
}

}  // namespace stepd::plugin
