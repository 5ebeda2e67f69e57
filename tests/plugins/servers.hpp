#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/ThreadPool.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

/// A request as the server saw it.
struct Seen {
  std::string method;
  std::string path;
  std::string host;
  std::string content_type;
  std::string idempotency_key;
  std::string body;
};

/// A real HTTP server on a port of its own, that answers as it is told.
class Server {
 public:
  using Answer = std::function<void(const Seen&, Poco::Net::HTTPServerResponse&)>;

  explicit Server(Answer answer, const std::string& address = "127.0.0.1");
  /// Speaks TLS with the key and certificate of this context.
  Server(Answer answer, const Poco::Net::Context::Ptr& tls);
  ~Server();

  /// By number; `name` instead of 127.0.0.1 where it matters.
  [[nodiscard]] std::string url(const std::string& path,
                                const std::string& name = "127.0.0.1") const;
  [[nodiscard]] std::vector<Seen> seen() const;

 private:
  class Recorder;
  class Factory;
  Server(Answer answer, const Poco::Net::ServerSocket& socket, std::string scheme);

  std::shared_ptr<Recorder> recorder_;  // also of the requests under way
  std::string scheme_;
  Poco::ThreadPool threads_;
  Poco::Net::HTTPServer server_;
};

/// Takes one connection, reads the head of a request and acts, for answers that no HTTP server
/// would give. The connection ends with `act`.
class BareServer {
 public:
  using Act = std::function<void(Poco::Net::StreamSocket&)>;

  explicit BareServer(Act act);
  /// Sends these bytes.
  explicit BareServer(const std::string& answer);
  ~BareServer();

  [[nodiscard]] std::string url() const;

 private:
  Poco::Net::ServerSocket listening_;
  std::jthread thread_;
};

/// Returns once the other side has closed the connection.
void wait_for_the_end(Poco::Net::StreamSocket& connection);

/// A self-signed certificate and its key, both PEM.
struct CertificateFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};
void write_certificate(const std::string& host_name, const CertificateFiles& files);
