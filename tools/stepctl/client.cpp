#include "tools/stepctl/client.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>
#include <Poco/Timestamp.h>
#include <Poco/URI.h>
#include <Poco/UUIDGenerator.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace stepd::stepctl {
namespace {

namespace net = Poco::Net;
using Poco::Net::HTTPMessage;
using Poco::Net::HTTPRequest;

constexpr std::size_t answer_bytes_max = std::size_t{1} << 30U;
const Poco::Timespan connect_time(5, 0);
const Poco::Timespan answer_time(120, 0);
const Poco::Timespan without_end(0);

net::StreamSocket connect(const Address& address) {
  try {
    net::StreamSocket socket;
    if (address.kind == Address::Kind::unix_socket) {
      socket.connect(net::SocketAddress(net::SocketAddress::UNIX_LOCAL, address.path));
    } else {
      socket.connect(net::SocketAddress(address.host, address.port), connect_time);
      socket.setNoDelay(true);
    }
    return socket;
  } catch (const net::ConnectionRefusedException&) {
    throw Unreachable("nobody listens there (any more)");
  } catch (const Poco::IOException& trouble) {
    if (trouble.code() == ENOENT) throw Unreachable("there is no such socket");
    if (trouble.code() == EACCES) {
      throw Unreachable("this user may not open the socket; the user stepd runs as may (sudo -u)");
    }
    throw Unreachable(trouble.displayText());
  } catch (const Poco::Exception& trouble) {
    throw Unreachable(trouble.displayText());
  }
}

HTTPRequest request_for(const std::string& method, const std::string& path, const Address& address,
                        const Client::Credentials& credentials) {
  HTTPRequest request(method, path, HTTPMessage::HTTP_1_1);
  if (address.kind == Address::Kind::tcp) {
    request.setHost(address.host, address.port);
  } else {
    request.setHost("localhost");
  }
  request.setKeepAlive(false);
  if (!credentials.token.empty()) request.set("Authorization", "Bearer " + credentials.token);
  if (!credentials.tenant.empty()) request.set("X-Stepd-Tenant", credentials.tenant);
  return request;
}

/// By the daemon's clock where it says so, else by this machine's, on which it mostly runs.
Instant date_of(const net::HTTPResponse& response) {
  Poco::Timestamp date;
  try {
    if (response.has("Date")) date = response.getDate();
  } catch (const Poco::SyntaxException&) {
    // No date after all.
  }
  return Instant(std::chrono::microseconds(date.epochMicroseconds()));
}

std::string body_of(std::istream& stream, const net::HTTPResponse& response) {
  std::string body;
  std::array<char, 16384> piece{};
  while (body.size() < answer_bytes_max) {
    stream.read(piece.data(), piece.size());
    const std::streamsize count = stream.gcount();
    if (count <= 0) break;
    body.append(piece.data(), static_cast<std::size_t>(count));
  }
  const auto promised = response.getContentLength64();
  if (promised != HTTPMessage::UNKNOWN_CONTENT_LENGTH &&
      body.size() != static_cast<std::size_t>(promised)) {
    throw ConnectionLost("the answer ended after " + std::to_string(body.size()) + " of " +
                         std::to_string(promised) + " bytes");
  }
  return body;
}

void send(net::HTTPClientSession& session, HTTPRequest& request, const std::string& body) {
  if (request.getMethod() == HTTPRequest::HTTP_POST) {
    request.setContentLength64(static_cast<Poco::Int64>(body.size()));
  }
  std::ostream& out = session.sendRequest(request);
  out.write(body.data(), static_cast<std::streamsize>(body.size()));
  out.flush();
}

Answer exchange(const Address& address, HTTPRequest request, const std::string& body,
                const Poco::Timespan& patience = answer_time) {
  net::StreamSocket socket = connect(address);
  socket.setReceiveTimeout(patience);
  socket.setSendTimeout(answer_time);
  net::HTTPClientSession session(socket);
  try {
    send(session, request, body);
  } catch (const Poco::Exception&) {
    // A daemon that refuses early answers before it has read everything; hear what it says.
  }
  try {
    net::HTTPResponse response;
    std::istream& stream = session.receiveResponse(response);
    Answer answer;
    answer.status = response.getStatus();
    answer.at = date_of(response);
    answer.body = body_of(stream, response);
    return answer;
  } catch (const Poco::Exception& trouble) {
    throw ConnectionLost(trouble.displayText());
  }
}

class SocketFeed final : public EventFeed {
 public:
  explicit SocketFeed(net::StreamSocket socket)
      : socket_(std::move(socket)), session_(std::make_unique<net::HTTPClientSession>(socket_)) {}

  ~SocketFeed() override {
    reader_.request_stop();
    room_.notify_all();
    try {
      socket_.shutdown();
    } catch (const Poco::Exception&) {
      // The other side was faster; the reader has seen it too.
    }
  }

  /// The answer's head; a body only when it is no stream.
  Answer open(HTTPRequest request) {
    try {
      send(*session_, request, "");
      net::HTTPResponse response;
      std::istream& stream = session_->receiveResponse(response);
      Answer answer;
      answer.status = response.getStatus();
      answer.at = date_of(response);
      if (!answer.is_good()) {
        answer.body = body_of(stream, response);
        return answer;
      }
      socket_.setReceiveTimeout(without_end);
      reader_ = std::jthread([this, &stream](std::stop_token stop) { read(stream, stop); });
      return answer;
    } catch (const Poco::Exception& trouble) {
      throw ConnectionLost(trouble.displayText());
    }
  }

  std::optional<News> next(std::chrono::milliseconds patience) override {
    std::unique_lock lock(mutex_);
    if (!news_.wait_for(lock, patience, [this] { return !mailbox_.empty(); })) {
      return std::nullopt;
    }
    News news = std::move(mailbox_.front());
    mailbox_.pop_front();
    lock.unlock();
    room_.notify_all();
    return news;
  }

 private:
  void read(std::istream& stream, std::stop_token stop) {
    EventParser parser;
    std::string line;
    // A stream turns an exception of its socket into an end of the text.
    while (!stop.stop_requested() && std::getline(stream, line)) {
      if (std::optional<StreamEvent> event = parser.add(line)) put(std::move(*event), stop);
    }
    put(StreamEnded{}, stop);
  }

  void put(News news, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, stop, [this] { return mailbox_.size() < mailbox_max; });
    mailbox_.push_back(std::move(news));
    lock.unlock();
    news_.notify_all();
  }

  static constexpr std::size_t mailbox_max = 256;

  net::StreamSocket socket_;
  std::unique_ptr<net::HTTPClientSession> session_;
  std::mutex mutex_;
  std::condition_variable_any news_;
  std::condition_variable_any room_;
  std::deque<News> mailbox_;
  std::jthread reader_;  // the last member: it ends before what it uses
};

}  // namespace

Answer Client::get(const std::string& path) const {
  return exchange(address_, request_for(HTTPRequest::HTTP_GET, path, address_, credentials_), "");
}

Answer Client::post(const std::string& path, const std::string& body,
                    const std::string& content_type) const {
  HTTPRequest request = request_for(HTTPRequest::HTTP_POST, path, address_, credentials_);
  request.setContentType(content_type);
  return exchange(address_, std::move(request), body);
}

Answer Client::post_patiently(const std::string& path, const std::string& body) const {
  HTTPRequest request = request_for(HTTPRequest::HTTP_POST, path, address_, credentials_);
  request.setContentType("application/json");
  return exchange(address_, std::move(request), body, without_end);
}

Answer Client::remove(const std::string& path) const {
  return exchange(address_, request_for(HTTPRequest::HTTP_DELETE, path, address_, credentials_),
                  "");
}

Client::Opened Client::open_events(const std::string& path) const {
  HTTPRequest request = request_for(HTTPRequest::HTTP_GET, path, address_, credentials_);
  request.set("Accept", "text/event-stream");
  net::StreamSocket socket = connect(address_);
  socket.setReceiveTimeout(answer_time);
  auto feed = std::make_unique<SocketFeed>(std::move(socket));
  Answer answer = feed->open(std::move(request));
  if (!answer.is_good()) return {nullptr, std::move(answer)};
  return {std::move(feed), std::move(answer)};
}

std::string encoded(const std::string& text) {
  std::string result;
  Poco::URI::encode(text, "!#$&'()*+,/:;=?@[]%", result);
  return result;
}

std::string random_id() {
  return Poco::UUIDGenerator::defaultGenerator().createRandom().toString();
}

}  // namespace stepd::stepctl
