#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepd::http {

/// One header field; the name as it was sent.
struct Field {
  std::string_view name;
  std::string_view value;
};

/// The head of a request (RFC 9112): views into the text it was parsed from.
struct Head {
  std::string_view method;
  std::string_view path;   // as sent, percent-encoded
  std::string_view query;  // likewise, without the question mark
  std::vector<Field> fields;
  bool keeps_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  std::uint64_t length = 0;  // of the body, unless chunked

  /// The field's value whatever the case of its name; the first one when it is repeated.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const;
};

/// How much of a head is taken before it is refused.
struct HeadLimits {
  std::size_t bytes_max = 32 * 1024;
  std::size_t target_bytes_max = 8 * 1024;
  std::size_t fields_max = 100;
};

/// Parses a whole head, from the request line to the empty line, strictly: what two readers could
/// take for two different things is refused. Throws Refusal.
[[nodiscard]] Head parse_head(std::string_view text, const HeadLimits& limits);

[[nodiscard]] bool same_name(std::string_view left, std::string_view right);

}  // namespace stepd::http
