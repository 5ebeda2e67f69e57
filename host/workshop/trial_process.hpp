#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/contained/live_process.hpp"
#include "host/contained/process_floor.hpp"
#include "host/workshop/module_copy.hpp"
#include "host/workshop/trial_job.hpp"

namespace stepd::workshop {

/// How a call in a trial ended: as the step says, or with its process.
struct CallEnd {
  std::variant<engine::Outcome, contained::Death> how;
  std::chrono::microseconds took{};
  bool was_stopped = false;  // it was asked to stop before it ended

  [[nodiscard]] const engine::Outcome* outcome() const {
    return std::get_if<engine::Outcome>(&how);
  }
  [[nodiscard]] const contained::Death* death() const {
    return std::get_if<contained::Death>(&how);
  }
};

/// One process that has loaded a plugin and started it, for trials. Any thread.
class TrialProcess final {
 public:
  struct Setting {
    std::vector<std::string> command;  // see process_main
    std::string configuration = "{}";
    // From the wish that a call stop until the process is killed.
    std::chrono::milliseconds stop_grace = std::chrono::seconds(5);
    // What the plugin says outside of calls, and what it prints.
    std::function<void(std::string_view text)> heard = [](std::string_view) {};
  };
  /// What is wrong, to be read after the file's name.
  struct Fault {
    std::string fact;
    std::optional<plugin::PluginDescription> description{};  // then it is its init that fails
  };
  /// Throws std::system_error when there is no process to be had. The copy is borrowed.
  [[nodiscard]] static std::variant<std::unique_ptr<TrialProcess>, Fault> start(
      const ModuleCopy& module, const Setting& setting);
  ~TrialProcess();
  TrialProcess(const TrialProcess&) = delete;
  TrialProcess& operator=(const TrialProcess&) = delete;

  [[nodiscard]] const plugin::PluginDescription& description() const { return description_; }
  [[nodiscard]] pid_t number() const { return live_->number(); }

  /// Has the next call of the job's step run, asks it to stop once the limit is over (zero: never)
  /// or the token says so, and notes in the job how it ended.
  struct Wish {
    engine::Phase phase = engine::Phase::execute;
    std::chrono::milliseconds limit{};
    bool quick = false;  // the step is known to take next to no time
    std::stop_token stop{};
  };
  [[nodiscard]] CallEnd call(TrialJob& job, const Wish& wish, const Listener& listener);

  /// No call is under way. Nothing: it ended in good order; else what is wrong with that.
  [[nodiscard]] std::optional<std::string> quiesce(std::chrono::milliseconds budget);
  /// Sends the process away and says how it ended.
  [[nodiscard]] const contained::Death& end();

 private:
  TrialProcess(const ModuleCopy& module, const Setting& setting);

  contained::ProcessFloor floor_;
  std::shared_ptr<contained::LiveProcess> live_;  // owned by what watches it, too
  plugin::PluginDescription description_;
};

}  // namespace stepd::workshop
