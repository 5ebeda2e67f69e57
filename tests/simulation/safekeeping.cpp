#include "tests/simulation/safekeeping.hpp"

#include <utility>
#include <vector>

namespace stepd::simulation {

using namespace engine;

namespace {

/// Checkpoints are numbers that rise, all of one length.
bool is_as_new(const std::string& bytes, const std::string& than) { return bytes >= than; }

}  // namespace

void Safekeeping::offered(const BlobOffered& offer, StepIndex step, Phase phase, bool is_over) {
  offered_[offer.reply] = {{offer.call.job, step, phase, offer.key}, offer.bytes, is_over};
}

void Safekeeping::answered(ReplyToken token, BlobStatus status, storage::Reader& disk,
                           Sights& seen) {
  const auto found = offered_.find(token);
  if (found == offered_.end()) throw Broken("A10: an answer about what nobody saved");
  const Offered offer = std::move(found->second);
  offered_.erase(found);
  if (status != BlobStatus::stored) return;
  const JobId job = std::get<JobId>(offer.place);
  if (offer.is_over) throw Broken("A10: a call of job " + to_text(job) + " saved and was over");
  const bool is_memo = !std::get<std::string>(offer.place).empty();
  const auto bytes = on_disk(disk, offer.place);
  if (!bytes) throw Broken("A10: what a call of job " + to_text(job) + " saved is not on disk");
  if (!is_memo && !is_as_new(*bytes, offer.bytes)) {
    throw Broken("A10: job " + to_text(job) + " has an older checkpoint than the one it saved");
  }
  ++seen[is_memo ? "memos" : "checkpoints"];
  const auto [known, is_first] = kept_.try_emplace(offer.place, *bytes);
  if (!is_first) judge_one(disk, known->first, known->second);
  if (!is_memo) known->second = *bytes;
}

void Safekeeping::went_on(CallId call, StepIndex step, Phase phase, storage::Reader& disk) {
  const auto left = left_.extract(call);
  if (left.empty()) return;
  const Place place{call.job, step, phase, {}};
  judge_one(disk, place, left.mapped());
  kept_[place] = *on_disk(disk, place);
}

std::optional<std::string> Safekeeping::on_disk(storage::Reader& disk, const Place& place) {
  const auto& [job, step, phase, key] = place;
  for (const StepBlob& blob : disk.blobs(job, step)) {
    const bool is_memo = blob.kind == StepBlob::Kind::memo;
    if (blob.phase == phase && blob.key == key && is_memo == !key.empty()) return blob.bytes;
  }
  return std::nullopt;
}

void Safekeeping::judge_one(storage::Reader& disk, const Place& place, const std::string& known) {
  const auto bytes = on_disk(disk, place);
  const auto& [job, step, phase, key] = place;
  const std::string of = " of step " + std::to_string(step) + " of job " + to_text(job);
  if (!bytes) throw Broken("A10: what was saved is gone" + of);
  const bool is_right = key.empty() ? is_as_new(*bytes, known) : *bytes == known;
  if (!is_right) throw Broken("A10: what was saved is not what is kept" + of);
}

void Safekeeping::judge_start(const CallRequest& request, storage::Reader& disk) const {
  const JobId job = request.id.job;
  for (auto known = kept_.lower_bound({job, request.step_index, Phase{}, {}});
       known != kept_.end() && std::get<0>(known->first) == job &&
       std::get<1>(known->first) == request.step_index;
       ++known) {
    judge_one(disk, known->first, known->second);
    if (!request.has_blobs) throw Broken("A6: a call of job " + to_text(job) + " is told of none");
  }
}

void Safekeeping::goes_on(JobId undo, JobId with) {
  std::map<Place, std::string> taken_over;
  for (const auto& [place, bytes] : kept_) {
    const auto& [job, step, phase, key] = place;
    if (job != with || phase != Phase::compensate) continue;
    taken_over.emplace(Place{undo, step, phase, key}, bytes);
  }
  kept_.merge(taken_over);
}

void Safekeeping::removed(JobId job) {
  std::erase_if(kept_, [job](const auto& known) { return std::get<0>(known.first) == job; });
}

void Safekeeping::judge(storage::Reader& disk) const {
  for (const auto& [place, bytes] : kept_) judge_one(disk, place, bytes);
}

}  // namespace stepd::simulation
