#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/mailbox.hpp"

namespace stepd::runtime {

using StepsByType = std::map<std::string, engine::Engine::StepsNow, std::less<>>;

/// What the engine thread is told. An outcome is always put in before any event that its effects
/// bring about, so the engine may take in all outcomes of a handful first.
struct EngineMail {
  std::vector<engine::Event> events;
  std::vector<engine::BatchOutcome> outcomes;
  bool winding_down = false;  // ShutdownAsked is among the events
  std::vector<std::promise<StepsByType>> asked_for_steps;

  [[nodiscard]] std::size_t size() const { return events.size(); }
  void clear() {
    events.clear();
    outcomes.clear();
    winding_down = false;
    asked_for_steps.clear();
  }
};

using EngineInbox = Mailbox<EngineMail>;

}  // namespace stepd::runtime
