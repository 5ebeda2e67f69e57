#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace stepd::contained {

/// What a process prints, made into lines. Any thread.
class PrintLog final {
 public:
  using OnLine = std::function<void(std::string_view line)>;
  explicit PrintLog(OnLine on_line) : on_line_(std::move(on_line)) {}

  /// Reads what there is, but no more than leaves time for others. False: nothing more will come.
  [[nodiscard]] bool take_from(int descriptor);
  /// The process has ended: its last line may have no end.
  void finish();
  /// The end of all it has printed.
  [[nodiscard]] std::string last() const;

 private:
  void take(std::string_view bytes);

  const OnLine on_line_;
  mutable std::mutex mutex_;  // guards what follows
  std::string line_;          // that has not ended
  std::string last_;
};

}  // namespace stepd::contained
