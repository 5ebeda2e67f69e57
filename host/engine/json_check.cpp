#include "host/engine/json_check.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cstdint>
#include <forward_list>
#include <limits>
#include <span>
#include <system_error>
#include <vector>

#include "host/engine/json_cursor.hpp"
#include "host/engine/json_pointer.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

/// Takes every event of the parser and keeps nothing: the parser itself is the check.
struct Nothing {
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  using Text = json::string_view;
  using Code = json::error_code;
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t, Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t, Code&) { return true; }
  bool on_key_part(Text, std::size_t, Code&) { return true; }
  bool on_key(Text, std::size_t, Code&) { return true; }
  bool on_string_part(Text, std::size_t, Code&) { return true; }
  bool on_string(Text, std::size_t, Code&) { return true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return true; }
  bool on_uint64(std::uint64_t, Text, Code&) { return true; }
  bool on_double(double, Text, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

JsonFault fault_at(std::string_view text, std::size_t offset, std::string code,
                   std::string message) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return {.code = std::move(code),
          .message = std::move(message),
          .offset = before.size(),
          .line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n')),
          .column = 1 + before.size() - line_begin};
}

/// The length of the well-formed UTF-8 sequence at the front (RFC 3629); 0: there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t place) { return static_cast<unsigned char>(text[place]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80U) return 1;
  const std::size_t length = lead >= 0xf0U ? 4 : lead >= 0xe0U ? 3 : 2;
  if (lead < 0xc2U || lead > 0xf4U || text.size() < length) return 0;
  for (std::size_t place = 1; place < length; ++place) {
    if ((byte(place) & 0xc0U) != 0x80U) return 0;
  }
  const bool overlong = (lead == 0xe0U && byte(1) < 0xa0U) || (lead == 0xf0U && byte(1) < 0x90U);
  const bool surrogate = lead == 0xedU && byte(1) > 0x9fU;
  const bool beyond = lead == 0xf4U && byte(1) > 0x8fU;
  return overlong || surrogate || beyond ? 0 : length;
}

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
  for (std::size_t place = 0; place < text.size();) {
    const std::size_t length = sequence_length(text.substr(place));
    if (length == 0) return place;
    place += length;
  }
  return std::nullopt;
}

std::string reason_of(json::error_code error, std::size_t depth_max) {
  if (error == json::error::too_deep) {
    return "it nests deeper than " + std::to_string(depth_max) + " levels, the limit";
  }
  if (error == json::error::incomplete) return "it ends before its value does";
  if (error == json::error::extra_data) return "more follows after its value";
  if (error == json::error::syntax) return "it is no JSON from here on";
  return "it is no JSON from here on: " + error.message();
}

std::optional<JsonFault> find_syntax_fault(std::string_view text, std::size_t depth_max) {
  json::parse_options options;
  options.max_depth = depth_max;
  json::basic_parser<Nothing> parser(options);
  json::error_code error;
  std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) error = json::error::extra_data;
  if (!error) return std::nullopt;
  // The parser may stop at any byte of a character.
  if (const auto invalid = first_invalid_utf8(text);
      invalid && *invalid <= read + 3 && error == json::error::syntax) {
    return fault_at(text, *invalid, "malformed_json", "it is not UTF-8 from here on");
  }
  const bool deep = error == json::error::too_deep;
  return fault_at(text, read, deep ? "too_deep" : "malformed_json", reason_of(error, depth_max));
}

bool fits(std::string_view number) {
  const char* const begin = number.data();
  const char* const end = begin + number.size();
  if (number.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t whole = 0;
    std::uint64_t large = 0;
    return std::from_chars(begin, end, whole).ec == std::errc{} ||
           std::from_chars(begin, end, large).ec == std::errc{};
  }
  // Only an exponent or hundreds of digits lead beyond a double.
  if (number.size() < 300 && number.find_first_of("eE") == std::string_view::npos) return true;
  double fraction = 0;
  return std::from_chars(begin, end, fraction).ec == std::errc{};
}

/// Looks for what is sound JSON and would still be lost. Recursion is as deep as the text nests,
/// which has been checked.
class LossSearch {
 public:
  explicit LossSearch(std::string_view text) : text_(text), cursor_(text) {
    keys_.reserve(32);
    path_.reserve(8);
  }

  std::optional<JsonFault> fault() && {
    if (passes_value()) return std::nullopt;
    return std::move(fault_);
  }

 private:
  struct Key {
    std::string_view name;
    std::size_t offset = 0;
  };
  struct Token {
    std::string_view key;
    std::optional<std::size_t> index;  // of an element
  };

  bool passes_value() {
    switch (cursor_.kind()) {
      case JsonCursor::Kind::object:
        return passes_object();
      case JsonCursor::Kind::array:
        return passes_array();
      case JsonCursor::Kind::number:
        return passes_number();
      default:
        cursor_.take();
        return true;
    }
  }

  bool passes_object() {
    const std::size_t first = keys_.size();
    cursor_.open();
    while (cursor_.more()) {
      const std::size_t offset = cursor_.place();
      const std::string_view name = name_of_key(cursor_.key());
      keys_.push_back({name, offset});
      path_.push_back({name, {}});
      if (!passes_value()) return false;
      path_.pop_back();
    }
    if (!are_distinct(std::span(keys_).subspan(first))) return false;
    keys_.resize(first);
    return true;
  }

  bool passes_array() {
    cursor_.open();
    for (std::size_t index = 0; cursor_.more(); ++index) {
      path_.push_back({{}, index});
      if (!passes_value()) return false;
      path_.pop_back();
    }
    return true;
  }

  bool passes_number() {
    const std::size_t offset = cursor_.place();
    const std::string_view number = cursor_.take();
    if (fits(number)) return true;
    return refuse(offset, "number_out_of_range",
                  std::string(number.substr(0, 40)) + (number.size() > 40 ? "…" : "") +
                      " is beyond what can be kept exactly: whole numbers have at most 64 bits, "
                      "others the range of a double (send it as text)");
  }

  bool are_distinct(std::span<Key> keys) {
    constexpr std::size_t few = 8;
    const auto same = [](const Key& left, const Key& right) { return left.name == right.name; };
    if (keys.size() <= few) {
      for (std::size_t later = 1; later < keys.size(); ++later) {
        for (std::size_t earlier = 0; earlier < later; ++earlier) {
          if (same(keys[earlier], keys[later])) return refuse_repeated(keys[later]);
        }
      }
      return true;
    }
    std::ranges::sort(keys, [](const Key& left, const Key& right) {
      return std::pair(left.name, left.offset) < std::pair(right.name, right.offset);
    });
    const auto pair = std::ranges::adjacent_find(keys, same);
    return pair == keys.end() || refuse_repeated(*std::next(pair));
  }

  bool refuse_repeated(const Key& key) {
    path_.push_back({key.name, {}});
    return refuse(key.offset, "duplicate_member",
                  "the member " + in_quotes(key.name) + " stands here twice; leave one out");
  }

  bool refuse(std::size_t offset, std::string code, std::string message) {
    fault_ = fault_at(text_, offset, std::move(code), std::move(message));
    for (const Token& token : path_) {
      fault_.pointer = token.index ? pointer_to(fault_.pointer, *token.index)
                                   : pointer_to(fault_.pointer, token.key);
    }
    return false;
  }

  /// What the literal says; in the text itself unless it has escapes.
  std::string_view name_of_key(std::string_view literal) {
    if (literal.find('\\') != std::string_view::npos) {
      return unescaped_.emplace_front(unquoted(literal));
    }
    return literal.size() < 2 ? literal : literal.substr(1, literal.size() - 2);
  }

  std::string_view text_;
  JsonCursor cursor_;
  std::vector<Key> keys_;  // of all objects from the outermost down to the one walked
  std::vector<Token> path_;
  std::forward_list<std::string> unescaped_;  // names that are not in the text as they are meant
  JsonFault fault_;
};

}  // namespace

std::optional<JsonFault> find_fault(std::string_view text, std::size_t depth_max) {
  if (auto fault = find_syntax_fault(text, depth_max)) return fault;
  return LossSearch(text).fault();
}

}  // namespace stepd::engine
