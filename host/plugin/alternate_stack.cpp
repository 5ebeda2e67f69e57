#include "host/plugin/alternate_stack.hpp"

#include <signal.h>

#include <array>

namespace stepd::plugin {

struct AlternateStack::Saved {
  stack_t before{};
  bool in_use = false;
  alignas(64) std::array<char, 64 * 1024> memory;  // sanitizers want it aligned
};

AlternateStack::AlternateStack() : saved_(std::make_unique_for_overwrite<Saved>()) {
  stack_t ours{};
  ours.ss_sp = saved_->memory.data();
  ours.ss_size = saved_->memory.size();
  saved_->in_use = ::sigaltstack(&ours, &saved_->before) == 0;
}

AlternateStack::~AlternateStack() {
  if (saved_->in_use) ::sigaltstack(&saved_->before, nullptr);
}

}  // namespace stepd::plugin
