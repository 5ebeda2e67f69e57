#include "plugins/http/request.hpp"

#include <Poco/Base64Encoder.h>
#include <Poco/Exception.h>
#include <Poco/Latin1Encoding.h>
#include <Poco/String.h>
#include <Poco/TextConverter.h>
#include <Poco/UTF8Encoding.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sstream>
#include <string_view>
#include <utility>

#include "plugins/http/retry_after.hpp"

namespace http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t shown_bytes_max = 2048;

[[noreturn]] void refuse(std::string code, std::string message) {
  throw stepd::Refused{std::move(code), std::move(message)};
}

[[nodiscard]] Poco::URI parsed_url(const std::string& text) {
  Poco::URI url;
  try {
    url = Poco::URI{text};
  } catch (const Poco::Exception& error) {
    refuse("bad_url", "/url: " + error.displayText());
  }
  if (url.getScheme() != "http" && url.getScheme() != "https") {
    refuse("bad_url", "/url: must begin with http:// or https://");
  }
  if (url.getHost().empty()) refuse("bad_url", "/url: names no host");
  if (!url.getUserInfo().empty()) {
    refuse("bad_url", "/url: must not hold a password; send an Authorization header");
  }
  return url;
}

/// The path and query as they were given, since Poco::URI would decode an encoded slash or
/// ampersand and not encode it again; what cannot stand in a request line is encoded (RFC 3986, 2).
[[nodiscard]] std::string target_of(const std::string& url) {
  constexpr std::string_view never = "\"<>\\^`{|}";
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto path = url.find_first_of("/?#", url.find("://") + 3);
  std::string target;
  for (const char each : url.substr(std::min(path, url.size()))) {
    if (each == '#') break;
    const auto byte = static_cast<unsigned char>(each);
    if (byte > 0x20 && byte < 0x7f && never.find(each) == std::string_view::npos) {
      target += each;
    } else {
      target += {'%', digits[byte >> 4U], digits[byte & 0xfU]};
    }
  }
  return target.starts_with('/') ? target : "/" + target;
}

[[nodiscard]] bool is_token(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

/// Headers that frame the message are this step's own business.
void judge_header(const std::string& name, const std::string& value) {
  constexpr std::array framing{"connection", "content-length",    "host",   "te",
                               "trailer",    "transfer-encoding", "upgrade"};
  if (!is_token(name)) refuse("bad_header", "/headers: \"" + name + "\" cannot be a header");
  if (std::any_of(value.begin(), value.end(),
                  [](char c) { return c == '\r' || c == '\n' || !c; })) {
    refuse("bad_header", "/headers/" + name + ": must be one line");
  }
  const auto lower = Poco::toLower(name);
  if (std::find(framing.begin(), framing.end(), lower) != framing.end()) {
    refuse("bad_header", "/headers/" + name + ": is set by the step itself");
  }
}

/// A header of the step's own, unless the caller gave one of that name.
void set_unless_given(std::map<std::string, std::string>& headers, const std::string& name,
                      const std::string& value) {
  const bool given = std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
    return Poco::icompare(header.first, name) == 0;
  });
  if (!given) headers.emplace(name, value);
}

[[nodiscard]] Outgoing outgoing_of(const RequestArguments& arguments, std::string_view key) {
  if (arguments.json && arguments.body) {
    refuse("two_bodies", "/json and /body: give at most one of them");
  }
  Outgoing outgoing{.method = boost::describe::enum_to_string(arguments.method, ""),
                    .url = parsed_url(arguments.url),
                    .target = target_of(arguments.url),
                    .headers = arguments.headers};
  for (const auto& [name, value] : arguments.headers) judge_header(name, value);
  if (arguments.json) {
    outgoing.body = boost::json::serialize(*arguments.json);
    set_unless_given(outgoing.headers, "Content-Type", "application/json");
  } else if (arguments.body) {
    outgoing.body = *arguments.body;
    set_unless_given(outgoing.headers, "Content-Type", "text/plain; charset=utf-8");
  }
  set_unless_given(outgoing.headers, "Accept", "*/*");
  set_unless_given(outgoing.headers, "Accept-Encoding", "identity");
  set_unless_given(outgoing.headers, "Idempotency-Key", std::string{key});
  set_unless_given(outgoing.headers, "User-Agent", "stepd-http/" STEPD_SDK_VERSION);
  return outgoing;
}

/// What may be written into a journal: the query can hold secrets.
[[nodiscard]] std::string shown(const Outgoing& outgoing) {
  return outgoing.method + " " + outgoing.url.getScheme() + "://" + outgoing.url.getAuthority() +
         outgoing.url.getPath();
}

[[nodiscard]] bool is_utf8(std::string_view text) {
  const Poco::UTF8Encoding utf8;
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    const int length = utf8.sequenceLength(at, 1);
    if (length < 1 || end - at < length || !Poco::UTF8Encoding::isLegal(at, length)) return false;
    at += length;
  }
  return true;
}

[[nodiscard]] bool says_json(const Incoming& incoming) {
  const auto found = incoming.headers.find("content-type");
  if (found == incoming.headers.end()) return false;
  const auto type = Poco::toLower(Poco::trim(found->second.substr(0, found->second.find(';'))));
  return type == "application/json" || type.ends_with("+json");
}

[[nodiscard]] std::optional<boost::json::value> json_in(const Incoming& incoming) {
  if (!says_json(incoming)) return std::nullopt;
  boost::system::error_code error;
  boost::json::parse_options options;
  options.max_depth = 64;
  auto value = boost::json::parse(incoming.body, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

[[nodiscard]] std::string base64(const std::string& bytes) {
  std::ostringstream text;
  Poco::Base64Encoder encoder{text};
  encoder.rdbuf()->setLineLength(0);
  encoder << bytes;
  encoder.close();
  return text.str();
}

/// A header is UTF-8 or, by old habit, ISO 8859-1 (RFC 9110, 5.5).
[[nodiscard]] std::string header_text(const std::string& value) {
  if (is_utf8(value)) return value;
  std::string text;
  Poco::TextConverter{Poco::Latin1Encoding{}, Poco::UTF8Encoding{}}.convert(value, text);
  return text;
}

[[nodiscard]] Response response_of(const Incoming& incoming) {
  Response response{.status = incoming.status};
  for (const auto& [name, value] : incoming.headers) response.headers[name] = header_text(value);
  if (incoming.body.empty()) return response;
  response.json = json_in(incoming);
  if (response.json) return response;
  if (is_utf8(incoming.body)) {
    response.body = incoming.body;
  } else {
    response.body_base64 = base64(incoming.body);
  }
  return response;
}

/// The beginning of the body, for a person who looks for the cause.
[[nodiscard]] boost::json::object details_of(const Incoming& incoming) {
  boost::json::object details{{"status", incoming.status}};
  auto start = incoming.body.substr(0, shown_bytes_max);
  // The cut may have gone through a character.
  for (int bytes = 0; bytes < 3 && !is_utf8(start); ++bytes) start.pop_back();
  if (!start.empty() && is_utf8(start)) details["body"] = start;
  return details;
}

[[nodiscard]] bool is_refusal(int status) {
  return status / 100 == 4 && status != 408 && status != 425 && status != 429;
}

/// Without the query, which can hold secrets.
[[nodiscard]] std::string redirection(const Incoming& incoming) {
  const auto location = incoming.headers.find("location");
  if (location == incoming.headers.end()) return {};
  const auto address = header_text(location->second);
  return "; redirects are not followed: ask " + address.substr(0, address.find_first_of("?#"));
}

[[noreturn]] void throw_unsuccessful(const Incoming& incoming, const std::string& request,
                                     Instant now) {
  const auto code = "http_" + std::to_string(incoming.status);
  auto message = request + " was answered " + std::to_string(incoming.status);
  if (is_utf8(incoming.reason) && !incoming.reason.empty()) message += " " + incoming.reason;
  if (is_refusal(incoming.status)) throw stepd::Refused{code, message, details_of(incoming)};
  if (incoming.status / 100 == 3) {
    // A server that sends one elsewhere may have acted before: 303 says just that.
    throw stepd::Failed{code, message + redirection(incoming), details_of(incoming)};
  }
  const auto header = incoming.headers.find("retry-after");
  if (header != incoming.headers.end()) {
    if (const auto delay = retry_after(header->second, now)) {
      throw stepd::RetryAfter{*delay, code, message, details_of(incoming)};
    }
  }
  throw stepd::Retry{code, message, details_of(incoming)};
}

[[noreturn]] void throw_failed(const ExchangeFailed& failed, const std::string& request) {
  const auto message = request + ": " + failed.what();
  switch (failed.cause()) {
    case ExchangeFailed::Cause::stopped:
      throw stepd::Cancelled{};
    case ExchangeFailed::Cause::unreachable:
      throw stepd::Retry{"unreachable", message};
    case ExchangeFailed::Cause::tls:
      throw stepd::Retry{"tls", message};
    case ExchangeFailed::Cause::timed_out:
      throw stepd::Retry{"timed_out", message};
    case ExchangeFailed::Cause::broken_answer:
      break;
  }
  throw stepd::Retry{"broken_answer", message};
}

}  // namespace

Response Request::execute(stepd::Context& context, const RequestArguments& arguments) {
  if (arguments.timeout && arguments.timeout->count() <= 0) {
    refuse("bad_timeout", "/timeout: must be above zero");
  }
  const auto outgoing = outgoing_of(arguments, context.idempotency_key());
  const auto request = shown(outgoing);
  context.throw_if_stop_requested();
  Incoming incoming;
  try {
    incoming = (*client_)->send(outgoing, arguments.timeout, context.stop_fd());
  } catch (const ExchangeFailed& failed) {
    throw_failed(failed, request);
  }
  if (incoming.status / 100 != 2) throw_unsuccessful(incoming, request, context.now());
  if (incoming.body_cut) {
    throw stepd::Failed{"body_too_large",
                        request + " was answered with more than the " +
                            std::to_string(incoming.body.size()) +
                            " bytes allowed: raise body_bytes_max of the http plugin",
                        {{"status", incoming.status}}};
  }
  return response_of(incoming);
}

void describe(stepd::Plugin& plugin, const SharedClient& client) {
  plugin.on_init<Settings>([client](const Settings& settings) { client->emplace(settings); });
  plugin.step<Request>("http.request", client)
      .title("Send an HTTP request")
      .description(
          "2xx succeeds; 4xx is refused, but for 408, 425 and 429; 3xx fails for good, for "
          "redirects are not followed; everything else is tried again, no sooner than Retry-After "
          "says. The idempotency key is sent as Idempotency-Key.")
      .default_value(&RequestArguments::method, Method::GET)
      .default_value(&RequestArguments::headers, {});
}

}  // namespace http
