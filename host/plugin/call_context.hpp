#pragma once

#include <stepd/plugin.h>

#include <condition_variable>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/plugin/call_answer.hpp"
#include "host/plugin/call_records.hpp"
#include "host/plugin/call_stop.hpp"
#include "host/plugin/step_call.hpp"

namespace stepd::plugin {

/// The functions every call is offered.
[[nodiscard]] const stepd_host_calls& host_calls();

/// Counts the host functions that are running, and ends their admission with the call.
class Visits final {
 public:
  [[nodiscard]] bool enter();
  void leave();
  /// Nobody is let in any more, whoever waits for the stop is released, and nobody is inside when
  /// it returns.
  void close(CallStop& stop);

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  std::size_t inside_ = 0;
  bool closed_ = false;
};

/// One call as the plugin sees it: the opaque end of stepd_context.
class CallContext final : public stepd_context {
 public:
  CallContext(const StepModule& module, const engine::CallRequest& called, CallPorts& behind,
              std::stop_token stop_token, const engine::Limits& bounds);
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;

  [[nodiscard]] const stepd_call& facts() const { return facts_; }
  /// Until the time-out or the deadline, whichever is first; INT64_MAX: neither.
  [[nodiscard]] std::int64_t milliseconds_left();
  /// As the ABI has it.
  [[nodiscard]] stepd_status wait_result(std::string_view key, std::uint32_t index,
                                         stepd_str* json) const;
  /// Stays as it is until the call ends. Any thread.
  [[nodiscard]] stepd_str lend_text(std::string text);

  const StepModule& step;
  const engine::CallRequest& request;
  CallPorts& ports;
  const engine::Limits& limits;
  CallStop stop;
  Visits visits;
  CallRecords records;
  std::mutex answer_mutex;
  CallAnswer answer;  // guarded by answer_mutex while the call runs

 private:
  void fill_facts();
  void tell_events();

  engine::SteadyPoint started_{};    // known when there is a time-out
  std::mutex lent_mutex_;            // guards lent_
  std::list<std::string> lent_;      // unlike a deque, nothing to allocate while it is empty
  std::vector<std::string> events_;  // by ended wait; empty: its time was up
  std::string job_id_;
  std::string idempotency_key_;
  std::string execute_key_;  // empty: it is the same
  stepd_call facts_{};
};

}  // namespace stepd::plugin
