#pragma once

#include <boost/describe.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <stepd/plugin.hpp>
#include <string>

#include "plugins/http/client.hpp"

namespace http {

enum class Method { GET, POST, PUT, PATCH, DELETE };
BOOST_DESCRIBE_ENUM(Method, GET, POST, PUT, PATCH, DELETE)

struct RequestArguments {
  Method method = Method::GET;
  std::string url;
  std::map<std::string, std::string> headers;
  std::optional<boost::json::value> json;  // at most one of json and body
  std::optional<std::string> body;
  std::optional<std::chrono::milliseconds> timeout;
};
BOOST_DESCRIBE_STRUCT(RequestArguments, (), (method, url, headers, json, body, timeout))

/// Exactly one of the last three is there, unless the answer has no body.
struct Response {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::optional<boost::json::value> json;      // the answer says it is JSON, and it is
  std::optional<std::string> body;
  std::optional<std::string> body_base64;  // the body is not UTF-8
};
BOOST_DESCRIBE_STRUCT(Response, (), (status, headers, json, body, body_base64))

/// One HTTP request. 2xx succeeds; 4xx is refused, but for 408, 425 and 429; 3xx fails for good;
/// everything else may work later, no sooner than Retry-After says.
class Request : public stepd::Step<RequestArguments, Response> {
 public:
  explicit Request(SharedClient client) : client_{std::move(client)} {}
  Response execute(stepd::Context& context, const RequestArguments& arguments);

 private:
  SharedClient client_;
};

void describe(stepd::Plugin& plugin, const SharedClient& client);

}  // namespace http
