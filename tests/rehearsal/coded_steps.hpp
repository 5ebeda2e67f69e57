#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/rehearsal/performance.hpp"
#include "tests/rehearsal/small_bank.hpp"

/// Steps with code of their own, and a participant that books what they do.
namespace stepd::rehearsal::testing {

using engine::CallRequest;
using engine::Outcome;
using engine::OutcomeKind;
using engine::Phase;

inline Outcome answer(OutcomeKind kind, std::string code = "by_itself") {
  return {.kind = kind, .error = {std::move(code), "in the test", {}}};
}

inline Outcome success(std::string output = "{}") {
  return {.kind = OutcomeKind::succeeded, .output = engine::JsonText(std::move(output))};
}

/// Runs what a test gives for each step, in place of a plugin.
class CodedSteps final : public StepCode {
 public:
  using Code = std::function<Outcome(const Call& call, CodeNeeds& needs)>;
  std::map<std::string, Code> by_step;
  std::vector<std::string> called;  // "key", in order; the key is the idempotency key's
  std::string silent_at;            // "step/phase" that does not return

  std::optional<Outcome> run(const Call& call, CodeNeeds& needs) override {
    const CallRequest& request = call.request;
    called.push_back(engine::idempotency_key(request.id.job, request.step, request.phase));
    if (!silent_at.empty() && called.back().ends_with("/" + silent_at)) return std::nullopt;
    return by_step.at(request.step)(call, needs);
  }
  [[nodiscard]] std::string why_silent() const override { return "it does not return"; }
  [[nodiscard]] engine::JobId ids_above(engine::TimePoint) override {
    return {std::int64_t{1} << 62U | ++jobs_};
  }

  [[nodiscard]] std::size_t calls_of(const std::string& step_and_phase) const {
    std::size_t found = 0;
    for (const std::string& key : called) found += key.ends_with("/" + step_and_phase) ? 1 : 0;
    return found;
  }

 private:
  std::int64_t jobs_ = 0;
};

/// A participant that keeps the promise of C7: what it books, it books once for each key, and what
/// was undone before it was booked is never booked.
class Book {
 public:
  Outcome operator()(const StepCode::Call& call, CodeNeeds&) {
    const CallRequest& request = call.request;
    const std::string key = engine::idempotency_key(request.id.job, request.step, Phase::execute);
    if (call.asked_to_stop) return answer(OutcomeKind::cancelled);
    if (request.phase == Phase::compensate) {
      undone_.insert(key);
      return success();
    }
    if (request.phase == Phase::probe) {
      return booked_.contains(key) ? success(booked_.at(key)) : answer(OutcomeKind::no_effect);
    }
    if (undone_.contains(key)) return answer(OutcomeKind::refused, "undone");
    const auto [booking, is_new] =
        booked_.emplace(key, R"({"receipt":)" + std::to_string(booked_.size() + 1) + "}");
    return success(booking->second);
  }

  /// Bookings that stand, of the step.
  [[nodiscard]] std::size_t standing(const std::string& step) const {
    std::size_t found = 0;
    for (const auto& [key, output] : booked_) {
      found += key.ends_with("/" + step + "/execute") && !undone_.contains(key) ? 1 : 0;
    }
    return found;
  }

 private:
  std::map<std::string, std::string> booked_;
  std::set<std::string> undone_;
};

/// The setting with all steps real.
inline RehearsalSetting real(const std::string& job, CodedSteps& code) {
  RehearsalSetting setting = setting_of(job);
  for (engine::StepIndex step = 0; step < setting.job->steps.size(); ++step) {
    setting.real.insert(step);
  }
  setting.code = &code;
  setting.now = [] { return curtain_up; };
  return setting;
}

}  // namespace stepd::rehearsal::testing
