#include "host/runtime/committer.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

namespace stepd::runtime {

namespace {

constexpr std::chrono::minutes expiry_interval{30};

// Between two removals of what has expired, while there is other work.
constexpr std::chrono::milliseconds expiry_pause{100};

// With nothing committed for so long, the store may take its time.
constexpr std::chrono::milliseconds quiet_after{250};

// Mail to the committer is bounded by the engine's window, never by waiting.
constexpr std::size_t mailbox_capacity = 1024;

}  // namespace

Committer::Committer(Surroundings surroundings, CommitterSettings settings, Listeners listeners)
    : at_(surroundings),
      settings_(settings),
      listeners_(std::move(listeners)),
      mailbox_(mailbox_capacity),
      pause_(settings.pause_first),
      expire_at_(surroundings.clock.now().steady),
      thread_([this] { run(); }) {}

Committer::~Committer() { stop(); }

void Committer::post(engine::Turn turn) {
  mailbox_.put([&](std::vector<engine::Turn>& turns) { turns.push_back(std::move(turn)); });
}

void Committer::stop() {
  mailbox_.close();
  if (thread_.joinable()) thread_.join();
}

std::string Committer::trouble() const {
  const std::scoped_lock lock(trouble_mutex_);
  return trouble_;
}

void Committer::run() {
  std::vector<engine::Turn> turns;
  while (true) {
    turns.clear();
    const bool last = mailbox_.closed();
    if (busy() || last) {
      mailbox_.take_now(turns);
    } else {
      mailbox_.take(turns, wake_at());
    }
    absorb(turns);
    if (last && blocked_) retry_at_.reset();
    work(last);
    if (last && (lost_ || blocked_ || !busy())) return;
  }
}

bool Committer::busy() const {
  return !lost_ && !blocked_ && (!turns_.empty() || !requests_.empty());
}

std::optional<engine::SteadyPoint> Committer::wake_at() const {
  if (lost_) return std::nullopt;
  if (blocked_) return retry_at_;
  engine::SteadyPoint earliest = expire_at_;
  if (retry_at_) earliest = std::min(earliest, *retry_at_);
  if (tidy_at_) earliest = std::min(earliest, *tidy_at_);
  return earliest;
}

void Committer::absorb(std::vector<engine::Turn>& turns) {
  for (auto& turn : turns) {
    turns_.push_back({.turn = std::move(turn), .lost = {}});
    if (blocked_) refuse_submits(turns_.back());
  }
}

/// The disk is known to be full: these are answered at once instead of waiting with the rest.
void Committer::refuse_submits(Waiting& waiting) {
  auto& turn = waiting.turn;
  std::vector<ReplyDesk::Delivery> replies;
  const auto message = trouble();
  std::erase_if(turn.effects, [&](const engine::CommitEffect& effect) {
    if (const auto* answer = std::get_if<engine::AnswerSubmit>(&effect.action)) {
      replies.emplace_back(answer->reply, SubmitAnswer{NotStored{message}});
      return true;
    }
    if (const auto* answer = std::get_if<engine::AnswerDerived>(&effect.action)) {
      replies.emplace_back(answer->reply, engine::Verdict{engine::Refused{
                                              engine::Refused::Why::not_stored, message}});
      return true;
    }
    return effect.on == engine::CommitEffect::On::submit;
  });
  for (const auto& submit : turn.submits) waiting.lost.push_back(submit.id);
  turn.submits.clear();
  at_.desk.deliver(std::move(replies));
}

void Committer::work(bool last) {
  if (lost_) {
    turns_.clear();
    return;
  }
  if (retry_at_) {
    if (at_.clock.now().steady < *retry_at_) {
      if (blocked_) return;
    } else {
      retry_at_.reset();
      if (!blocked_) say_trouble({});
    }
  }
  blocked_ = false;
  told_engine_ = false;
  try {
    commit_next();
    serve_requests();
    if (holding_.load()) recovered();
    if (told_engine_) at_.inbox.wake();
    if (!last) keep_house();
  } catch (const storage::StoreError& error) {
    on_error(error);
    at_.inbox.wake();
  } catch (const std::exception& error) {
    lose(StoreLoss::broken, error.what());
  }
}

void Committer::commit_next() {
  while (!turns_.empty() && (batch_.empty() || batch_.size() < settings_.items_max)) {
    batch_.add(std::move(turns_.front().turn), std::move(turns_.front().lost));
    turns_.pop_front();
  }
  if (batch_.empty()) return;
  const bool records = batch_.open() != 0;
  batch_.commit(at_.store, settings_.epoch);
  if (records) {
    recovered();
    tidy_at_ = at_.clock.now().steady + quiet_after;
  }
  carry_out(std::exchange(batch_, Batch{}).conclude(at_.feed.heard()));
}

void Committer::carry_out(Consequences consequences) {
  // The engine hears of the commit before it can hear of what the commit set going.
  if (!consequences.outcomes.empty()) {
    told_engine_ = true;
    at_.inbox.put_quietly([&](EngineMail& mail) {
      std::move(consequences.outcomes.begin(), consequences.outcomes.end(),
                std::back_inserter(mail.outcomes));
    });
  }
  if (!consequences.events.empty()) {
    told_engine_ = true;
    at_.inbox.put_quietly([&](EngineMail& mail) {
      std::move(consequences.events.begin(), consequences.events.end(),
                std::back_inserter(mail.events));
    });
  }
  if (!consequences.starts.empty()) at_.runner.start(std::move(consequences.starts));
  for (const auto& stop : consequences.stops) at_.runner.stop(stop.call, stop.cause);
  if (!consequences.replies.empty()) at_.desk.deliver(std::move(consequences.replies));
  if (!consequences.rows.empty()) at_.feed.publish(std::move(consequences.rows));
  std::move(consequences.requests.begin(), consequences.requests.end(),
            std::back_inserter(requests_));
}

void Committer::serve_requests() {
  while (!requests_.empty() && serve(requests_.front())) requests_.pop_front();
}

/// False: there is more to do for it, after whatever else has collected meanwhile.
bool Committer::serve(const engine::StoreRequest& request) {
  const auto now = at_.clock.now().wall;
  if (const auto* claim = std::get_if<engine::ClaimJobs>(&request)) {
    auto claimed = at_.store.claim(settings_.epoch, now, claim->limit);
    put_event(engine::JobsClaimed{.jobs = std::move(claimed.jobs), .next_due = claimed.next_due});
  } else if (const auto* load = std::get_if<engine::LoadJob>(&request)) {
    put_event(engine::JobLoaded{.id = load->id, .job = at_.store.load(settings_.epoch, load->id)});
  } else if (const auto* shorten = std::get_if<engine::ShortenWaits>(&request)) {
    at_.store.shorten_waits(settings_.epoch, now, shorten->by);
    tidy_at_ = at_.clock.now().steady + quiet_after;
    put_event(engine::WaitsShortened{});
  } else if (const auto* offer = std::get_if<engine::OfferTypes>(&request)) {
    tidy_at_ = at_.clock.now().steady + quiet_after;
    return at_.store.offer(settings_.epoch, offer->types, now, settings_.offer_max) <
           settings_.offer_max;
  }
  return true;
}

void Committer::put_event(engine::Event event) {
  told_engine_ = true;
  at_.inbox.put_quietly([&](EngineMail& mail) { mail.events.push_back(std::move(event)); });
}

/// One piece of what can wait, so that new mail is never kept waiting for more than that.
void Committer::keep_house() {
  const auto now = at_.clock.now();
  const bool idle = turns_.empty() && requests_.empty() && !mailbox_.stirred();
  if (now.steady >= expire_at_) {
    const storage::Expiry expiry{.succeeded_before = now.wall - settings_.retention.succeeded,
                                 .unsuccessful_before = now.wall - settings_.retention.unsuccessful,
                                 .events_before = now.wall - settings_.retention.events,
                                 .keys_before = now.wall - settings_.retention.keys};
    const auto removed = at_.store.expire(settings_.epoch, expiry, settings_.expire_max);
    expire_at_ = now.steady + (removed == 0 ? engine::Duration(expiry_interval)
                               : idle       ? engine::Duration::zero()
                                            : engine::Duration(expiry_pause));
    if (removed != 0) tidy_at_ = now.steady + quiet_after;
    return;
  }
  if (!idle || !tidy_at_) return;
  const bool quiet = now.steady >= *tidy_at_;
  const bool more = at_.store.tidy(quiet ? storage::Lull::quiet : storage::Lull::moment);
  if (quiet && !more) tidy_at_.reset();
}

void Committer::on_error(const storage::StoreError& error) {
  switch (error.kind) {
    case storage::StoreError::Kind::full:
      return hold(error.what());
    case storage::StoreError::Kind::fenced:
      return lose(StoreLoss::fenced, error.what());
    case storage::StoreError::Kind::refused:  // of a claim or a load: what is stored is damaged
    case storage::StoreError::Kind::broken:
    case storage::StoreError::Kind::damaged:
      return lose(StoreLoss::broken, error.what());
  }
}

void Committer::hold(const std::string& message) {
  if (!std::exchange(full_, true) && listeners_.on_trouble) listeners_.on_trouble(message);
  say_trouble(message);
  batch_.give_up_submits(message);
  if (!batch_.empty() && batch_.open() == 0) {
    carry_out(std::exchange(batch_, Batch{}).conclude(at_.feed.heard()));
  }
  for (auto& waiting : turns_) refuse_submits(waiting);
  blocked_ = !batch_.empty() || !turns_.empty() || !requests_.empty();
  holding_.store(blocked_);
  if (blocked_) {
    at_.desk.give_up(Question::verb,
                     message +
                         ". What you asked for is not recorded yet; ask again later with the "
                         "same request id");
    at_.desk.give_up(Question::event,
                     message +
                         ". The event is not recorded yet; send it again later with the "
                         "same id");
  }
  // With nothing held the next submit tries by itself; until one does, this is all that is known.
  retry_at_ = at_.clock.now().steady + (blocked_ ? pause_ : settings_.pause_max);
  expire_at_ = std::max(expire_at_, *retry_at_);
  tidy_at_.reset();
  pause_ = std::min(pause_ * 2, settings_.pause_max);
}

void Committer::recovered() {
  if (!std::exchange(full_, false)) return;
  if (listeners_.on_trouble) listeners_.on_trouble({});
  pause_ = settings_.pause_first;
  retry_at_.reset();
  holding_.store(false);
  say_trouble({});
}

void Committer::lose(StoreLoss loss, const std::string& message) {
  lost_ = true;
  say_trouble(message);
  turns_.clear();
  requests_.clear();
  listeners_.on_loss(loss, message);
}

void Committer::say_trouble(const std::string& message) {
  const std::scoped_lock lock(trouble_mutex_);
  trouble_ = message;
}

}  // namespace stepd::runtime
