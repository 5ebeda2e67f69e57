#pragma once

#include <memory>
#include <string_view>

#include "host/engine/json_text.hpp"

namespace boost::json {
class value;
}

namespace stepd::engine {

/// A step type's schema of its arguments or outputs: a text, read once for the many checks that
/// follow. The text must be JSON; copies are cheap and may be read by several threads.
class StepSchema {
 public:
  StepSchema() = default;
  // Not explicit: it is that text, and a reader of step types need not know that it is more.
  StepSchema(JsonText text);  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool empty() const { return text_.empty(); }
  [[nodiscard]] std::string_view view() const { return text_.view(); }
  /// Only when it is not empty.
  [[nodiscard]] const boost::json::value& value() const { return *value_; }
  operator const JsonText&() const { return text_; }  // NOLINT(google-explicit-constructor)

  friend bool operator==(const StepSchema& left, const StepSchema& right) {
    return left.text_ == right.text_;
  }

 private:
  JsonText text_;
  std::shared_ptr<const boost::json::value> value_;  // owned by every copy alike; never changes
};

}  // namespace stepd::engine
