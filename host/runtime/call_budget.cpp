#include "host/runtime/call_budget.hpp"

namespace stepd::runtime {

namespace {

struct Breach {
  std::string budget;  // its key in the configuration
  std::string did;     // "used 2004 ms of processor time"
  engine::Duration allowed{};
  engine::Duration used{};
};

std::string milliseconds_of(engine::Duration span) {
  return std::to_string(std::chrono::floor<std::chrono::milliseconds>(span).count());
}

engine::Error over_budget(const Breach& breach) {
  const std::string allowed = milliseconds_of(breach.allowed);
  std::string message = "the call " + breach.did + ", and " + breach.budget +
                        " of its step type in the configuration of stepd is " + allowed + " ms";
  const std::string details = R"({"budget":")" + breach.budget + R"(","allowed_ms":)" + allowed +
                              R"(,"used_ms":)" + milliseconds_of(breach.used) + "}";
  return {"over_budget", std::move(message), engine::JsonText(details)};
}

}  // namespace

engine::Error over_cpu_budget(const CallBudget& budget, engine::Duration used) {
  return over_budget(
      {"cpu_max", "used " + milliseconds_of(used) + " ms of processor time", *budget.cpu, used});
}

engine::Error over_time_budget(const CallBudget& budget, engine::Duration used) {
  return over_budget({"time_max", "took " + milliseconds_of(used) + " ms", *budget.time, used});
}

}  // namespace stepd::runtime
