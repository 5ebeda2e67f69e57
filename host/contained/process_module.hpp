#pragma once

#include <chrono>
#include <compare>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "host/contained/live_process.hpp"
#include "host/contained/process_floor.hpp"
#include "host/plugin/containment.hpp"

namespace stepd::contained {

/// A module that outlives its processes: when one ends, the next call starts another. It knows who
/// may have brought one down (A7).
class ProcessModule final : public plugin::ContainedModule {
 public:
  /// The first process has been opened, and is started with the plugin. The floor is borrowed.
  ProcessModule(ProcessFloor& floor, std::filesystem::path module, std::string plugin,
                std::shared_ptr<LiveProcess> first);
  ~ProcessModule() override;
  ProcessModule(const ProcessModule&) = delete;
  ProcessModule& operator=(const ProcessModule&) = delete;

  std::optional<std::string> start(const std::string& configuration) override;
  engine::Outcome run(const engine::CallRequest& request, plugin::CallPorts& ports,
                      std::stop_token stop) override;
  void retire() override;
  void recall() override;
  std::optional<std::string> quiesce(std::chrono::milliseconds budget) override;

 private:
  using Process = std::shared_ptr<LiveProcess>;
  /// A step whose call was under way when a process ended, and nobody knows whose fault it was.
  struct Suspect {
    engine::JobId job;
    engine::StepIndex step = 0;
    friend auto operator<=>(const Suspect&, const Suspect&) = default;
  };
  /// The call has not begun, and may later.
  struct NotNow {
    std::string why;
    std::chrono::milliseconds again_after{};
  };
  /// One call, and what it is run with.
  struct Call {
    const engine::CallRequest& request;
    plugin::CallPorts& ports;
    const std::stop_token stop;
  };
  /// A call under way: the process of a retired module ends with the last of them.
  class CountedCall {
   public:
    explicit CountedCall(ProcessModule& module);
    ~CountedCall();
    CountedCall(const CountedCall&) = delete;
    CountedCall& operator=(const CountedCall&) = delete;

   private:
    ProcessModule& module_;
  };

  [[nodiscard]] bool is_suspect(const engine::CallRequest& request);
  [[nodiscard]] Process take_if_idle();
  static void end_gently(const Process& process);
  [[nodiscard]] std::variant<engine::Outcome, NotNow> run_beside_others(const Call& call);
  [[nodiscard]] std::variant<engine::Outcome, NotNow> run_alone(const Call& call);
  [[nodiscard]] std::optional<engine::Outcome> run_in(const Process& process, const Call& call,
                                                      bool alone);
  [[nodiscard]] std::variant<Process, NotNow> process(const std::stop_token& stop);
  [[nodiscard]] std::variant<Process, NotNow> new_process() const;
  [[nodiscard]] engine::Outcome outcome_of(const Death& death, std::uint32_t line,
                                           const engine::CallRequest& request, bool alone);
  void count_death(const Process& process);
  void is_well(const engine::CallRequest& request);
  void suspect(const Suspect& suspect);

  ProcessFloor& floor_;
  const std::filesystem::path module_;
  const std::string plugin_;
  std::string configuration_;  // set once, before any call

  std::mutex alone_;  // held while a suspect runs

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any started_;
  Process process_;
  bool starting_ = false;
  bool retired_ = false;
  std::uint32_t calls_ = 0;  // under way
  std::uint32_t deaths_in_row_ = 0;
  std::chrono::steady_clock::time_point not_before_{};
  std::set<Suspect> suspects_;
};

}  // namespace stepd::contained
