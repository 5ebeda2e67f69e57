#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace stepd::engine {

/// Walks over the text of JSON that is known to be valid (`find_fault` has seen it), without making
/// values of it: what is passed on keeps the very bytes that were sent, every digit of a number
/// among them. On text that is not valid it stops early and never reads past the end.
///
///   cursor.open();                        // '{' or '['
///   while (cursor.more()) {
///     const auto key = cursor.key();      // of an object's member
///     … cursor.take() or a walk inside …
///   }
class JsonCursor {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  explicit JsonCursor(std::string_view text) : text_(text) { skip_blanks(); }

  /// Of the value it stands before.
  [[nodiscard]] Kind kind() const;

  /// The value it stands before, as it was written; goes on behind it.
  std::string_view take();

  void open() { ++place_; }
  /// There is another member or element, and the cursor stands before it. Goes on behind the
  /// closing bracket when there is none.
  [[nodiscard]] bool more();
  /// The key of a member, in its quotes; goes on before its value.
  [[nodiscard]] std::string_view key();

  [[nodiscard]] std::size_t place() const { return place_ < text_.size() ? place_ : text_.size(); }

 private:
  [[nodiscard]] char now() const { return place_ < text_.size() ? text_[place_] : '\0'; }
  void skip_blanks();
  void skip_string();
  void skip_nested();
  void skip_plain();

  std::string_view text_;
  std::size_t place_ = 0;
};

/// What a string literal, quotes included, says.
[[nodiscard]] std::string unquoted(std::string_view literal);
/// The same text as a string literal, with no more escapes than JSON asks for.
[[nodiscard]] std::string in_quotes(std::string_view text);
void append_quoted(std::string& to, std::string_view text);
/// True when the literal stands for the text; compares without making a copy where it can.
[[nodiscard]] bool stands_for(std::string_view literal, std::string_view text);

/// The same JSON without blanks between its tokens.
[[nodiscard]] std::string without_blanks(std::string_view json);

/// The part of a value that a token of a JSON pointer names, as it was written: an object's member,
/// or an array's element. Empty when there is none.
[[nodiscard]] std::string_view child(std::string_view value, std::string_view token);

}  // namespace stepd::engine
