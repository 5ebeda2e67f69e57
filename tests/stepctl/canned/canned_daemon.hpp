#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace stepd::test {

struct CannedRequest {
  std::string method;
  std::string target;  // path and query
  std::string content_type;
  std::string tenant;
  std::string authorization;
  std::string body;
};

struct CannedReply {
  int status = 200;
  std::string body;
  bool is_stream = false;  // an event stream, ended by the end of the body
  bool hangs_up = false;   // no answer at all
};

/// Stands in for stepd: a real HTTP server whose answers the test decides. `answer` is called on
/// the server's threads, one call at a time.
class CannedDaemon final {
 public:
  using Answer = std::function<CannedReply(const CannedRequest&)>;

  /// On a unix socket in a fresh folder.
  explicit CannedDaemon(Answer answer);
  /// On a free port of the loopback.
  static std::unique_ptr<CannedDaemon> on_tcp(Answer answer);
  CannedDaemon(const CannedDaemon&) = delete;
  CannedDaemon& operator=(const CannedDaemon&) = delete;
  ~CannedDaemon();

  [[nodiscard]] std::string address() const;
  [[nodiscard]] std::vector<CannedRequest> requests() const;

 private:
  CannedDaemon(Answer answer, bool tcp);
  struct Server;
  std::unique_ptr<Server> server_;
};

/// `{"type":…,"status":…,"detail":…,"errors":[…]}`; `errors` is JSON.
[[nodiscard]] CannedReply problem(int status, const std::string& detail,
                                  const std::string& errors = "[]");

}  // namespace stepd::test
