#pragma once

#include <memory>

namespace stepd::plugin {

/// A stack for signal handlers on this thread, so that a call that has used up its own is blamed
/// too. Lives on the thread it serves.
class AlternateStack {
 public:
  AlternateStack();
  ~AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;

 private:
  struct Saved;
  std::unique_ptr<Saved> saved_;
};

}  // namespace stepd::plugin
