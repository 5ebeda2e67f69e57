#include "host/runtime/engine_thread.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <span>
#include <utility>

namespace stepd::runtime {

namespace {

/// Due times are wall clock and the wait is not: the clock may be set, or the machine sleep, while
/// we wait. So a wait for something due is looked at again after at most this long (T1).
constexpr std::chrono::seconds recheck{60};

/// Of much mail at once a part is handed on already while the rest is looked at, so that the
/// committer need not wait for all of it.
constexpr std::size_t events_at_a_time = 128;

}  // namespace

EngineThread::EngineThread(std::unique_ptr<engine::Engine> engine, Surroundings surroundings)
    : engine_(std::move(engine)), at_(std::move(surroundings)), thread_([this] { run(); }) {}

EngineThread::~EngineThread() { stop(); }

void EngineThread::stop() {
  at_.inbox.close();
  if (thread_.joinable()) thread_.join();
}

bool EngineThread::wind_down(engine::SteadyPoint until) {
  at_.inbox.put([](EngineMail& mail) {
    mail.events.emplace_back(engine::ShutdownAsked{});
    mail.winding_down = true;
  });
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [this] { return wound_down_; });
}

engine::Engine::Load EngineThread::load() const {
  return {.jobs = jobs_.load(std::memory_order_relaxed),
          .calls = calls_.load(std::memory_order_relaxed)};
}

StepsByType EngineThread::steps_now() {
  constexpr std::chrono::seconds waited_for_at_most{1};
  std::promise<StepsByType> promise;
  auto answer = promise.get_future();
  at_.inbox.put([&](EngineMail& mail) { mail.asked_for_steps.push_back(std::move(promise)); });
  if (answer.wait_for(waited_for_at_most) != std::future_status::ready) return {};
  try {
    return answer.get();
  } catch (const std::future_error&) {
    return {};  // nobody takes in mail any more
  }
}

void EngineThread::run() {
  EngineMail mail;
  try {
    turn(mail);
    while (true) {
      mail.clear();
      const bool last = at_.inbox.closed();
      at_.inbox.take(mail, wake_at());
      turn(mail);
      if (last) return;
    }
  } catch (const std::exception& error) {
    at_.on_failure(error.what());
  }
}

void EngineThread::turn(EngineMail& mail) {
  for (const auto& outcome : mail.outcomes) engine_->settled(outcome);
  std::span<engine::Event> rest = mail.events;
  do {
    const auto piece = rest.first(std::min(rest.size(), events_at_a_time));
    rest = rest.subspan(piece.size());
    auto turn = engine_->turn(piece, at_.clock.now());
    const bool says_something = turn.batch != 0 || !turn.effects.empty() || !turn.requests.empty();
    if (says_something) at_.hand_on(std::move(turn));
  } while (!rest.empty());
  for (auto& asked : mail.asked_for_steps) asked.set_value(engine_->steps_now());
  const auto load = engine_->load();
  jobs_.store(load.jobs, std::memory_order_relaxed);
  calls_.store(load.calls, std::memory_order_relaxed);
  if (mail.winding_down) winding_down_ = true;
  if (!winding_down_ || !engine_->idle()) return;
  const std::scoped_lock lock(mutex_);
  wound_down_ = true;
  changed_.notify_all();
}

std::optional<engine::SteadyPoint> EngineThread::wake_at() const {
  const auto due = engine_->wake_at();
  if (!due) return std::nullopt;
  return std::min(*due, at_.clock.now().steady + engine::Duration(recheck));
}

}  // namespace stepd::runtime
