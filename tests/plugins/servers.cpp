#include "tests/plugins/servers.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/StreamCopier.h>

#include <array>
#include <mutex>
#include <string_view>
#include <utility>

/// Asks for the answer and keeps what was seen. Any thread.
class Server::Recorder {
 public:
  explicit Recorder(Answer answer) : answer_{std::move(answer)} {}

  void answer(Poco::Net::HTTPServerRequest& request, Poco::Net::HTTPServerResponse& response) {
    Seen one{.method = request.getMethod(),
             .path = request.getURI(),
             .host = request.getHost(),
             .content_type = request.getContentType(),
             .idempotency_key = request.get("Idempotency-Key", "")};
    Poco::StreamCopier::copyToString(request.stream(), one.body);
    {
      const std::scoped_lock lock{mutex_};
      seen_.push_back(one);
    }
    answer_(one, response);
    if (!response.sent()) response.send();
  }

  [[nodiscard]] std::vector<Seen> seen() const {
    const std::scoped_lock lock{mutex_};
    return seen_;
  }

 private:
  const Answer answer_;
  mutable std::mutex mutex_;  // guards what is below
  std::vector<Seen> seen_;
};

/// Poco wants an object a request.
class Server::Factory : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Factory(std::shared_ptr<Recorder> recorder) : recorder_{std::move(recorder)} {}

  Poco::Net::HTTPRequestHandler* createRequestHandler(
      const Poco::Net::HTTPServerRequest&) override {
    class One : public Poco::Net::HTTPRequestHandler {
     public:
      explicit One(std::shared_ptr<Recorder> recorder) : recorder_{std::move(recorder)} {}
      void handleRequest(Poco::Net::HTTPServerRequest& request,
                         Poco::Net::HTTPServerResponse& response) override {
        recorder_->answer(request, response);
      }

     private:
      std::shared_ptr<Recorder> recorder_;
    };
    return new One{recorder_};
  }

 private:
  std::shared_ptr<Recorder> recorder_;
};

namespace {

[[nodiscard]] Poco::Net::SocketAddress any_port(const std::string& address = "127.0.0.1") {
  return {address, 0};
}

void read_head(Poco::Net::StreamSocket& connection) {
  std::string head;
  std::array<char, 1> byte{};
  while (!head.ends_with("\r\n\r\n") && connection.receiveBytes(byte.data(), 1) == 1) {
    head += byte[0];
  }
}

}  // namespace

Server::Server(Answer answer, const std::string& address)
    : Server{std::move(answer), Poco::Net::ServerSocket{any_port(address)}, "http"} {}

Server::Server(Answer answer, const Poco::Net::Context::Ptr& tls)
    : Server{std::move(answer), Poco::Net::SecureServerSocket{any_port(), 16, tls}, "https"} {}

Server::Server(Answer answer, const Poco::Net::ServerSocket& socket, std::string scheme)
    : recorder_{std::make_shared<Recorder>(std::move(answer))},
      scheme_{std::move(scheme)},
      server_{new Factory{recorder_}, threads_, socket, new Poco::Net::HTTPServerParams} {
  server_.start();
}

Server::~Server() { server_.stopAll(true); }

std::string Server::url(const std::string& path, const std::string& name) const {
  return scheme_ + "://" + name + ":" + std::to_string(server_.port()) + path;
}

std::vector<Seen> Server::seen() const { return recorder_->seen(); }

BareServer::BareServer(Act act)
    : listening_{any_port()}, thread_{[this, act = std::move(act)] {
        try {
          auto connection = listening_.acceptConnection();
          read_head(connection);
          act(connection);
        } catch (const Poco::Exception&) {
          // The client left in the middle, as some tests have it do.
          return;
        }
      }} {}

BareServer::BareServer(const std::string& answer)
    : BareServer{[answer](Poco::Net::StreamSocket& connection) {
        connection.sendBytes(answer.data(), static_cast<int>(answer.size()));
      }} {}

BareServer::~BareServer() {
  // Wakes a server that nobody came to.
  Poco::Net::StreamSocket visitor;
  visitor.connectNB(listening_.address());
  visitor.close();
}

std::string BareServer::url() const { return "http://" + listening_.address().toString() + "/"; }

void wait_for_the_end(Poco::Net::StreamSocket& connection) {
  std::array<char, 1024> rest{};
  while (connection.receiveBytes(rest.data(), rest.size()) > 0) {
  }
}
