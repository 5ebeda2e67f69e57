#include "plugins/http/exchange.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/SocketStream.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/String.h>

#include <algorithm>
#include <charconv>
#include <istream>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include "plugins/http/interruption.hpp"

namespace http {
namespace {

using Cause = ExchangeFailed::Cause;

constexpr int header_fields_max = 200;
constexpr std::size_t chunk_line_max = 1024;
constexpr std::size_t block_bytes = 64 * 1024;

[[noreturn]] void throw_broken(const std::string& message) {
  throw ExchangeFailed{Cause::broken_answer, message};
}

/// The connection, or why this address gives none.
[[nodiscard]] std::variant<Poco::Net::StreamSocket, std::string> connect(
    const Poco::Net::SocketAddress& address, Interruption& interruption) {
  Poco::Net::StreamSocket socket;
  try {
    socket.connectNB(address);
  } catch (const Poco::Exception& error) {
    return error.displayText();
  }
  if (!interruption.wait_writable(socket.impl()->sockfd())) return "it did not answer in time";
  if (const int error = socket.impl()->socketError(); error != 0) {
    return std::generic_category().message(error);
  }
  socket.setBlocking(true);
  socket.setNoDelay(true);
  return socket;
}

/// An address is taken as it is: Poco::Net::DNS::resolve would ask for its name, and have none
/// without one.
[[nodiscard]] std::vector<Poco::Net::IPAddress> addresses_of(const std::string& host) {
  Poco::Net::IPAddress address;
  if (Poco::Net::IPAddress::tryParse(host, address)) return {address};
  return Poco::Net::DNS::hostByName(host).addresses();
}

[[nodiscard]] Poco::Net::StreamSocket connect(const Poco::URI& url, Interruption& interruption) {
  std::string trouble = "it has no address";
  for (const auto& address : addresses_of(url.getHost())) {
    const Poco::Net::SocketAddress place{address, url.getPort()};
    auto connected = connect(place, interruption);
    if (const auto* socket = std::get_if<Poco::Net::StreamSocket>(&connected)) return *socket;
    trouble = std::get<std::string>(std::move(connected));
    if (interruption.cause() != Interruption::Cause::none) break;
  }
  throw ExchangeFailed{Cause::unreachable,
                       "could not connect to " + url.getAuthority() + ": " + trouble};
}

void send(std::ostream& stream, const Outgoing& outgoing) {
  Poco::Net::HTTPRequest request{outgoing.method, outgoing.target,
                                 Poco::Net::HTTPMessage::HTTP_1_1};
  request.setHost(outgoing.url.getHost(), outgoing.url.getPort());
  request.setKeepAlive(false);
  for (const auto& [name, value] : outgoing.headers) request.set(name, value);
  if (!outgoing.body.empty() || outgoing.method != "GET") {
    request.setContentLength64(static_cast<Poco::Int64>(outgoing.body.size()));
  }
  request.write(stream);
  stream << outgoing.body;
  stream.flush();
}

/// Appends up to `length` bytes of the stream, as far as the limit allows; false when it cuts.
/// Memory grows with what has come, not with what was promised.
[[nodiscard]] bool append(std::istream& stream, std::size_t length, std::size_t limit,
                          std::string& body) {
  const auto end = body.size() + std::min(length, limit - body.size());
  const bool whole = length <= limit - body.size();
  while (body.size() < end) {
    const auto before = body.size();
    const auto wanted = std::min(end - before, block_bytes);
    body.resize(before + wanted);
    stream.read(body.data() + before, static_cast<std::streamsize>(wanted));
    if (static_cast<std::size_t>(stream.gcount()) != wanted) {
      throw_broken("the connection ended in the middle of the answer");
    }
  }
  return whole;
}

[[nodiscard]] std::size_t chunk_length(std::istream& stream) {
  std::string line;
  for (int c = stream.get(); c != '\n'; c = stream.get()) {
    if (c == std::char_traits<char>::eof() || line.size() == chunk_line_max) {
      throw_broken("the answer ended without its last chunk");
    }
    line += static_cast<char>(c);
  }
  std::size_t length = 0;
  const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), length, 16);
  const std::string_view after{rest, static_cast<std::size_t>(line.data() + line.size() - rest)};
  if (error != std::errc{} || after.find_first_not_of("\r \t;") == 0) {
    throw_broken("the answer has a chunk without a length");
  }
  return length;
}

[[nodiscard]] bool read_chunks(std::istream& stream, std::size_t limit, std::string& body) {
  // Trailers are left unread: the connection is not used again.
  while (const auto length = chunk_length(stream)) {
    if (!append(stream, length, limit, body)) return false;
    if (stream.get() != '\r' || stream.get() != '\n') {
      throw_broken("the answer has a chunk longer than it says");
    }
  }
  return true;
}

[[nodiscard]] bool read_to_end(std::istream& stream, std::size_t limit, std::string& body) {
  for (int c = stream.get(); c != std::char_traits<char>::eof(); c = stream.get()) {
    if (body.size() == limit) return false;
    body += static_cast<char>(c);
  }
  return true;
}

/// The body, as its length is told by the headers (RFC 9112, 6.3); false when it was cut.
[[nodiscard]] bool read_body(std::istream& stream, const Poco::Net::HTTPResponse& response,
                             std::size_t limit, std::string& body) {
  const int status = response.getStatus();
  if (status == 204 || status == 304) return true;
  if (response.getChunkedTransferEncoding()) return read_chunks(stream, limit, body);
  if (response.getTransferEncoding() != Poco::Net::HTTPMessage::IDENTITY_TRANSFER_ENCODING) {
    throw_broken("the answer is encoded as " + response.getTransferEncoding());
  }
  if (!response.hasContentLength()) return read_to_end(stream, limit, body);
  const auto length = response.getContentLength64();
  if (length < 0) throw_broken("the answer's Content-Length is below zero");
  return append(stream, static_cast<std::size_t>(length), limit, body);
}

[[nodiscard]] Incoming receive(std::istream& stream, std::size_t body_bytes_max) {
  Poco::Net::HTTPResponse response;
  do {
    response.clear();
    response.setFieldLimit(header_fields_max);
    response.read(stream);
  } while (response.getStatus() >= 100 && response.getStatus() < 200);
  Incoming incoming{.status = response.getStatus(), .reason = response.getReason()};
  for (const auto& [name, value] : response) {
    auto& field = incoming.headers[Poco::toLower(name)];
    field += (field.empty() ? "" : ", ") + value;
  }
  incoming.body_cut = !read_body(stream, response, body_bytes_max, incoming.body);
  return incoming;
}

[[nodiscard]] Incoming converse(const Outgoing& outgoing, const Bounds& bounds,
                                Interruption& interruption, const Poco::Net::Context::Ptr& tls) {
  auto socket = connect(outgoing.url, interruption);
  const Interruption::Watch watch{interruption, socket.impl()->sockfd()};
  if (outgoing.url.getScheme() == "https") {
    socket = Poco::Net::SecureStreamSocket::attach(socket, outgoing.url.getHost(), tls);
  }
  Poco::Net::SocketStream stream{socket};
  // A stream would turn what went wrong into a silent end.
  stream.exceptions(std::ios::badbit);
  send(stream, outgoing);
  return receive(stream, bounds.body_bytes_max);
}

}  // namespace

Incoming exchange(const Outgoing& outgoing, const Bounds& bounds,
                  const Poco::Net::Context::Ptr& tls) {
  Interruption interruption{bounds.stop_fd, bounds.timeout};
  // A socket shut down in the middle fails in many ways; they all mean the interruption.
  const auto failed = [&](Cause cause, const std::string& message) {
    switch (interruption.cause()) {
      case Interruption::Cause::stopped:
        return ExchangeFailed{Cause::stopped, "asked to stop"};
      case Interruption::Cause::timed_out:
        return ExchangeFailed{Cause::timed_out, "no whole answer within " +
                                                    std::to_string(bounds.timeout.count()) + " ms"};
      case Interruption::Cause::none:
        break;
    }
    return ExchangeFailed{cause, message};
  };
  try {
    return converse(outgoing, bounds, interruption, tls);
  } catch (const ExchangeFailed& error) {
    throw failed(error.cause(), error.what());
  } catch (const Poco::Net::SSLException& error) {
    throw failed(Cause::tls, error.displayText());
  } catch (const Poco::Net::DNSException& error) {
    throw failed(Cause::unreachable, error.displayText());
  } catch (const Poco::Net::NoMessageException&) {
    throw failed(Cause::broken_answer, "the connection ended before the answer began");
  } catch (const Poco::Net::MessageException& error) {
    throw failed(Cause::broken_answer, "the answer is no HTTP: " + error.displayText());
  } catch (const Poco::Exception& error) {
    throw failed(Cause::broken_answer, error.displayText());
  }
}

}  // namespace http
