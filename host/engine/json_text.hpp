#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace stepd::engine {

/// JSON as immutable text, cheap to copy and to hand to another thread. Empty means "no value",
/// which is not the same as `null`.
class JsonText {
 public:
  JsonText() = default;
  explicit JsonText(std::string text)
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}

  [[nodiscard]] bool empty() const { return text_ == nullptr; }
  [[nodiscard]] std::string_view view() const {
    return text_ ? std::string_view(*text_) : std::string_view{};
  }
  [[nodiscard]] std::string text() const { return std::string(view()); }

  friend bool operator==(const JsonText& left, const JsonText& right) {
    return left.text_ == right.text_ || left.view() == right.view();
  }

 private:
  // Owned by every copy alike: the definition, the state and the calls that were given it.
  std::shared_ptr<const std::string> text_;
};

}  // namespace stepd::engine
