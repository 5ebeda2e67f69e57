#include "host/rehearsal/stage.hpp"

#include <algorithm>
#include <iterator>

namespace stepd::rehearsal {

using namespace engine;

namespace {

constexpr std::size_t offered_at_once = 100;

template <typename T>
void append(std::vector<T>& to, std::vector<T> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

struct Stage::Serve {
  Stage& stage;

  void operator()(const ClaimJobs& request) const {
    auto claimed = stage.store_->claim(stage.epoch_, stage.now_.wall, request.limit);
    stage.post(JobsClaimed{std::move(claimed.jobs), claimed.next_due});
  }
  void operator()(const LoadJob& request) const {
    stage.post(JobLoaded{request.id, stage.store_->load(stage.epoch_, request.id)});
  }
  void operator()(const OfferTypes& request) const {
    while (stage.store_->offer(stage.epoch_, request.types, stage.now_.wall, offered_at_once) ==
           offered_at_once) {
    }
  }
  void operator()(const ShortenWaits& request) const {
    stage.store_->shorten_waits(stage.epoch_, stage.now_.wall, request.by);
    stage.post(WaitsShortened{});
  }
};

Stage::Stage(storage::Store& store, std::shared_ptr<const Catalogue> catalogue, Setting setting,
             Now begin)
    : store_(&store), catalogue_(std::move(catalogue)), setting_(std::move(setting)), now_(begin) {
  restart(store, {});
}

void Stage::restart(storage::Store& store, std::set<CallId> crashed) {
  store_ = &store;
  events_.clear();
  starts_.clear();
  stops_.clear();
  replies_.clear();
  epoch_ = store_->acquire();
  store_->shorten_waits(epoch_, now_.wall, Duration::zero());
  EngineSettings settings{.epoch = epoch_,
                          .highest_id = std::max(setting_.ids_above, store_->highest_id())};
  settings.limits = setting_.limits;
  settings.defaults = setting_.defaults;
  settings.crashed = std::move(crashed);
  engine_ = std::make_unique<Engine>(std::move(settings), catalogue_);
}

void Stage::show(std::shared_ptr<const Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  post(CatalogueChanged{catalogue_});
}

void Stage::pass_to(SteadyPoint time) {
  const Duration by = std::max(Duration::zero(), time - now_.steady);
  now_ = {now_.wall + by, now_.steady + by};
}

Stage::Advance Stage::advance() {
  Turn turn = engine_->turn(events_, now_);
  events_.clear();
  if (turn.batch == 0 && turn.requests.empty()) return Advance::quiet;
  runtime::Batch batch;
  batch.add(std::move(turn), {});
  if (batch.size() != 0) {
    ++commits_;
    if (dies_at(false)) {
      // None, or a batch that acts ahead of its record has been found out.
      append(starts_, batch.conclude(false).starts);
      return Advance::died;
    }
    batch.commit(*store_, epoch_);
  }
  const bool records = batch.size() != 0;
  runtime::Consequences consequences = batch.conclude(true);
  append(rows_, std::move(consequences.rows));
  if (records && dies_at(true)) return Advance::died;
  append(starts_, std::move(consequences.starts));
  append(stops_, std::move(consequences.stops));
  append(replies_, std::move(consequences.replies));
  for (const BatchOutcome& outcome : consequences.outcomes) engine_->settled(outcome);
  for (Event& event : consequences.events) post(std::move(event));
  for (const StoreRequest& request : consequences.requests) std::visit(Serve{*this}, request);
  return Advance::busy;
}

}  // namespace stepd::rehearsal
