#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace stepd {

/// A JSON value that does not fit its C++ type: where it stands (RFC 6901; empty is the whole
/// document) and what is wrong with it. `what()` reads "/times: must be a whole number".
class BadValue : public std::runtime_error {
 public:
  BadValue(std::string pointer, std::string problem)
      : std::runtime_error((pointer.empty() ? "the document" : pointer) + ": " + problem),
        pointer_(std::move(pointer)),
        problem_(std::move(problem)) {}

  [[nodiscard]] const std::string& pointer() const noexcept { return pointer_; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  std::string pointer_;
  std::string problem_;
};

namespace detail {

/// Where a reader stands. Kept as a chain on the stack, because the text is wanted only for errors.
class ValuePath {
 public:
  ValuePath() = default;
  ValuePath(const ValuePath& parent, std::string_view member) : parent_(&parent), member_(member) {}
  ValuePath(const ValuePath& parent, std::size_t index)
      : parent_(&parent), index_(index), in_list_(true) {}

  [[nodiscard]] std::string pointer() const {
    if (parent_ == nullptr) return {};
    return parent_->pointer() + "/" + (in_list_ ? std::to_string(index_) : escaped());
  }

 private:
  [[nodiscard]] std::string escaped() const {
    std::string text;
    for (const char letter : member_) {
      if (letter == '~') {
        text += "~0";
      } else if (letter == '/') {
        text += "~1";
      } else {
        text += letter;
      }
    }
    return text;
  }

  const ValuePath* parent_ = nullptr;
  std::string_view member_;
  std::size_t index_ = 0;
  bool in_list_ = false;
};

}  // namespace detail
}  // namespace stepd
