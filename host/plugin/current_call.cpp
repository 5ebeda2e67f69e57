#include "host/plugin/current_call.hpp"

#include <atomic>

namespace stepd::plugin {
namespace {

// Initial-exec: allocated with the thread, not on first use inside a signal handler.
__attribute__((tls_model("initial-exec"))) constinit thread_local std::atomic<const CurrentCall*>
    running{nullptr};
static_assert(std::atomic<const CurrentCall*>::is_always_lock_free);

}  // namespace

const CurrentCall* current_call() noexcept { return running.load(std::memory_order_relaxed); }

CallMark::CallMark(const CurrentCall& call) noexcept {
  // The mark must be whole before a handler on this thread can see it.
  std::atomic_signal_fence(std::memory_order_release);
  running.store(&call, std::memory_order_relaxed);
}

CallMark::~CallMark() { running.store(nullptr, std::memory_order_relaxed); }

}  // namespace stepd::plugin
