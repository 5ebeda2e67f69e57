#include "host/http/head.hpp"

#include <algorithm>
#include <charconv>

#include "host/http/problem.hpp"

namespace stepd::http {
namespace {

char lower(char character) {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character + ('a' - 'A'))
                                              : character;
}

bool is_token_character(char character) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return (character >= '0' && character <= '9') ||
         (lower(character) >= 'a' && lower(character) <= 'z') ||
         marks.find(character) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

[[noreturn]] void malformed(std::string detail) {
  refuse(400, "malformed_request", std::move(detail));
}

/// Takes the next line off the text; lines end with CR LF and hold no other control character.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  if (end == std::string_view::npos)
    malformed("a line of the request head does not end with CR LF");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  const auto is_control = [](char character) {
    return (static_cast<unsigned char>(character) < 0x20 && character != '\t') || character == 0x7F;
  };
  if (std::any_of(line.begin(), line.end(), is_control)) {
    malformed("the request head holds a control character");
  }
  return line;
}

void parse_target(std::string_view target, const HeadLimits& limits, Head& head) {
  if (target.size() > limits.target_bytes_max) {
    refuse(414, "target_too_long",
           "the request target has " + std::to_string(target.size()) + " bytes; at most " +
               std::to_string(limits.target_bytes_max) + " are taken");
  }
  const auto visible = [](char character) { return character > 0x20 && character < 0x7F; };
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), visible)) {
    malformed("the request target is no path: it begins with / and holds visible ASCII only");
  }
  const auto question = target.find('?');
  head.path = target.substr(0, question);
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
}

/// Returns the minor version: HTTP/1.x.
int parse_request_line(std::string_view line, const HeadLimits& limits, Head& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    malformed("the request line is not METHOD TARGET VERSION");
  }
  head.method = line.substr(0, first);
  if (!is_token(head.method) || head.method.size() > 32) malformed("the method is no token");
  const std::string_view version = line.substr(last + 1);
  if (!version.starts_with("HTTP/")) malformed("the request line does not end with a version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    refuse(505, "version_not_supported", "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  parse_target(line.substr(first + 1, last - first - 1), limits, head);
  return version.back() - '0';
}

Field parse_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    malformed("a header field is not NAME: VALUE");
  }
  return {line.substr(0, colon), trimmed(line.substr(colon + 1))};
}

std::size_t count(const Head& head, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(head.fields.begin(), head.fields.end(),
                    [&](const Field& field) { return same_name(field.name, name); }));
}

void parse_framing(Head& head, int minor_version) {
  const auto length = head.field("Content-Length");
  const auto coding = head.field("Transfer-Encoding");
  if (count(head, "Content-Length") + count(head, "Transfer-Encoding") > 1) {
    malformed("the request says more than once how long its body is");
  }
  if (coding) {
    if (minor_version == 0) malformed("HTTP/1.0 knows no Transfer-Encoding");
    if (!same_name(*coding, "chunked")) {
      refuse(501, "coding_not_supported", "the only Transfer-Encoding taken is chunked");
    }
    head.chunked = true;
  }
  if (length) {
    const auto end = length->data() + length->size();
    const auto [stop, error] = std::from_chars(length->data(), end, head.length);
    if (error != std::errc() || stop != end) malformed("Content-Length is no number");
  }
}

void parse_connection(Head& head, int minor_version) {
  const auto connection = head.field("Connection");
  head.keeps_alive = minor_version == 1 && !(connection && same_name(*connection, "close"));
  if (const auto expect = head.field("Expect")) {
    if (!same_name(*expect, "100-continue")) {
      refuse(417, "expectation_failed", "the only expectation met is 100-continue");
    }
    head.expects_continue = minor_version == 1;
  }
  if (count(head, "Host") > 1) malformed("the request has more than one Host");
}

}  // namespace

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char one, char other) { return lower(one) == lower(other); });
}

std::optional<std::string_view> Head::field(std::string_view name) const {
  for (const Field& each : fields) {
    if (same_name(each.name, name)) return each.value;
  }
  return std::nullopt;
}

Head parse_head(std::string_view text, const HeadLimits& limits) {
  Head head;
  const int minor_version = parse_request_line(take_line(text), limits, head);
  head.fields.reserve(8);
  for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
    if (head.fields.size() == limits.fields_max) {
      refuse(431, "too_many_fields",
             "the request has more than " + std::to_string(limits.fields_max) + " header fields");
    }
    head.fields.push_back(parse_field(line));
  }
  parse_framing(head, minor_version);
  parse_connection(head, minor_version);
  return head;
}

}  // namespace stepd::http
