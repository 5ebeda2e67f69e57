#include "tests/stepctl/canned/canned_daemon.hpp"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/StreamCopier.h>
#include <stdlib.h>

#include <filesystem>
#include <mutex>
#include <stdexcept>

namespace stepd::test {
namespace {

namespace net = Poco::Net;

std::filesystem::path fresh_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "stepctl-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder: " + name);
  return name;
}

struct Record {
  CannedDaemon::Answer answer;
  std::mutex mutex;
  std::vector<CannedRequest> requests;
};

class Route final : public net::HTTPRequestHandler {
 public:
  explicit Route(Record& record) : record_(record) {}

  void handleRequest(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    CannedRequest seen{request.getMethod(),
                       request.getURI(),
                       request.getContentType(),
                       request.get("X-Stepd-Tenant", ""),
                       request.get("Authorization", ""),
                       ""};
    Poco::StreamCopier::copyToString(request.stream(), seen.body);
    const CannedReply reply = answer(seen);
    if (reply.hangs_up) {
      static_cast<net::HTTPServerRequestImpl&>(request).socket().shutdown();
      return;
    }
    response.setStatus(static_cast<net::HTTPResponse::HTTPStatus>(reply.status));
    if (reply.is_stream) {
      response.setContentType("text/event-stream");
      response.setChunkedTransferEncoding(true);
      response.send() << reply.body << std::flush;
      return;
    }
    response.setContentType(reply.status < 300 ? "application/json" : "application/problem+json");
    response.sendBuffer(reply.body.data(), reply.body.size());
  }

 private:
  CannedReply answer(const CannedRequest& seen) {
    const std::lock_guard lock(record_.mutex);
    record_.requests.push_back(seen);
    return record_.answer(seen);
  }

  Record& record_;
};

class Routes final : public net::HTTPRequestHandlerFactory {
 public:
  explicit Routes(Record& record) : record_(record) {}
  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest&) override {
    return new Route(record_);
  }

 private:
  Record& record_;
};

net::HTTPServerParams* parameters() {
  auto* result = new net::HTTPServerParams;  // the server takes it over
  result->setKeepAlive(false);
  return result;
}

}  // namespace

struct CannedDaemon::Server {
  Server(Answer answer, bool tcp) : folder(fresh_folder()) {
    record.answer = std::move(answer);
    if (tcp) {
      socket.bind(net::SocketAddress("127.0.0.1", 0));
    } else {
      socket.bind(
          net::SocketAddress(net::SocketAddress::UNIX_LOCAL, (folder / "stepd.sock").string()));
    }
    socket.listen();
    http = std::make_unique<net::HTTPServer>(new Routes(record), socket, parameters());
    http->start();
  }

  ~Server() {
    http->stopAll(true);
    http.reset();
    std::filesystem::remove_all(folder);
  }

  std::filesystem::path folder;
  Record record;
  net::ServerSocket socket;
  std::unique_ptr<net::HTTPServer> http;
};

CannedDaemon::CannedDaemon(Answer answer, bool tcp)
    : server_(std::make_unique<Server>(std::move(answer), tcp)) {}

CannedDaemon::CannedDaemon(Answer answer) : CannedDaemon(std::move(answer), false) {}

std::unique_ptr<CannedDaemon> CannedDaemon::on_tcp(Answer answer) {
  return std::unique_ptr<CannedDaemon>(new CannedDaemon(std::move(answer), true));
}

CannedDaemon::~CannedDaemon() = default;

std::string CannedDaemon::address() const {
  const net::SocketAddress address = server_->socket.address();
  if (address.family() == net::SocketAddress::UNIX_LOCAL) {
    return "unix:" + (server_->folder / "stepd.sock").string();
  }
  return "tcp:127.0.0.1:" + std::to_string(address.port());
}

std::vector<CannedRequest> CannedDaemon::requests() const {
  const std::lock_guard lock(server_->record.mutex);
  return server_->record.requests;
}

CannedReply problem(int status, const std::string& detail, const std::string& errors) {
  return {status, R"({"type":"about:blank","title":"refused","status":)" + std::to_string(status) +
                      R"(,"detail":")" + detail + R"(","code":"x",)" + R"("errors":)" + errors +
                      "}"};
}

}  // namespace stepd::test
