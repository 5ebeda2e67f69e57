#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "host/runtime/step_caller.hpp"

namespace stepd::tests {

/// Step types whose code is a function of the test's. A type without one succeeds with `{}`.
class ScriptedCaller final : public runtime::StepCaller {
 public:
  struct Call {
    const engine::CallRequest& request;
    plugin::CallPorts& ports;
    std::stop_token stop;
  };
  using Body = std::function<engine::Outcome(const Call&)>;

  void script(const std::string& type, Body body) {
    const std::scoped_lock lock(mutex_);
    bodies_[type] = std::move(body);
  }

  [[nodiscard]] engine::Outcome run(const engine::CallRequest& request, plugin::CallPorts& ports,
                                    std::stop_token stop) override {
    const auto body = find(request.type);
    if (body) return body({request, ports, std::move(stop)});
    return succeeded("{}");
  }

  [[nodiscard]] static engine::Outcome succeeded(std::string output) {
    engine::Outcome outcome;
    outcome.output = engine::JsonText(std::move(output));
    return outcome;
  }
  [[nodiscard]] static engine::Outcome ended(engine::OutcomeKind kind, std::string code) {
    engine::Outcome outcome;
    outcome.kind = kind;
    outcome.error = {.code = std::move(code), .message = "as the test says", .details = {}};
    return outcome;
  }

 private:
  [[nodiscard]] Body find(const std::string& type) {
    const std::scoped_lock lock(mutex_);
    const auto found = bodies_.find(type);
    return found == bodies_.end() ? Body{} : found->second;
  }

  std::mutex mutex_;  // guards bodies_
  std::map<std::string, Body> bodies_;
};

}  // namespace stepd::tests
