#include "plugins/long_request/partner.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/URI.h>

#include <algorithm>
#include <array>
#include <istream>
#include <string_view>
#include <utility>

#include "plugins/long_request/records.hpp"

namespace long_request {
namespace {

struct Address {
  std::string host;
  Poco::UInt16 port = 0;
  std::string path;  // and query, encoded as they came: Poco::URI would decode them
};

[[noreturn]] void refuse_url(const std::string& url) {
  throw stepd::Refused{"bad_url", "/url: \"" + url + "\" is no http://HOST[:PORT]/PATH"};
}

[[nodiscard]] bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

[[nodiscard]] Address address_in(const std::string& url) {
  const bool is_word = is_printable(url) && url.find(' ') == std::string::npos;
  if (!is_word || !url.starts_with("http://")) refuse_url(url);
  const auto path = url.find('/', std::string_view{"http://"}.size());
  try {
    const Poco::URI parsed{url};
    const bool names_one = !parsed.getHost().empty() && parsed.getUserInfo().empty();
    if (!names_one || path == std::string::npos) refuse_url(url);
    return {parsed.getHost(), parsed.getPort(), url.substr(path, url.find('#') - path)};
  } catch (const Poco::SyntaxException&) {
    refuse_url(url);
  }
}

/// The message without the query of its URL, which can hold secrets.
[[nodiscard]] std::string subject_of(const Message& message) {
  return message.method + " " + message.url.substr(0, message.url.find_first_of("?#"));
}

[[nodiscard]] std::string read_body(const stepd::Context& context, std::istream& stream) {
  std::string body;
  std::array<char, 4096> block{};
  while (stream.good() && body.size() < Answer::body_bytes_max) {
    context.throw_if_stop_requested();
    stream.read(block.data(), block.size());
    body.append(block.data(), static_cast<std::size_t>(stream.gcount()));
  }
  return body;
}

[[nodiscard]] Answer send(const stepd::Context& context, const Message& message,
                          const Address& address, std::chrono::milliseconds timeout) {
  Poco::Net::HTTPClientSession session{address.host, address.port};
  session.setTimeout(Poco::Timespan{std::chrono::microseconds{timeout}.count()});
  Poco::Net::HTTPRequest request{message.method, address.path, Poco::Net::HTTPMessage::HTTP_1_1};
  request.setContentType("application/json");
  request.setContentLength64(static_cast<Poco::Int64>(message.body.size()));
  request.set("Idempotency-Key", std::string{context.idempotency_key()});
  session.sendRequest(request) << message.body;
  Poco::Net::HTTPResponse response;
  auto& stream = session.receiveResponse(response);
  auto body = read_body(context, stream);
  if (body.size() < Answer::body_bytes_max && response.hasContentLength() &&
      static_cast<Poco::Int64>(body.size()) < response.getContentLength64()) {
    throw Poco::IOException{"the connection ended in the middle of the answer"};
  }
  return {response.getStatus(), is_printable(response.getReason()) ? response.getReason() : "",
          std::move(body)};
}

}  // namespace

Partner::Partner(std::filesystem::path database, std::chrono::milliseconds timeout)
    : database_{std::move(database)}, timeout_{timeout} {}

Answer Partner::exchange(const stepd::Context& context, const Message& message) const {
  const auto address = address_in(message.url);
  const auto subject = subject_of(message);
  if (message.correlation_id.empty()) {
    throw stepd::Refused{"no_correlation_id",
                         "a message has no correlation id: wrap the request "
                         "with long_request.wrap, which gives it one"};
  }
  context.throw_if_stop_requested();
  Records records{database_};
  records.audit(context, {Direction::out, message.correlation_id, subject});
  Answer answer;
  try {
    answer = send(context, message, address, timeout_);
  } catch (const Poco::Exception& error) {
    throw stepd::Retry{"no_answer", subject + ": " + error.displayText()};
  }
  records.audit(context, {Direction::in, message.correlation_id,
                          std::to_string(answer.status) + " " + answer.reason});
  return answer;
}

}  // namespace long_request
