#include "plugins/http/client.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/SSLManager.h>

#include <filesystem>

namespace http {
namespace {

/// The server must prove its name, also when it is this machine.
[[nodiscard]] Poco::Net::Context::Ptr strict_context(const std::string& ca_file) {
  Poco::Net::Context::Params params;
  params.caLocation = ca_file;
  params.loadDefaultCAs = ca_file.empty();
  params.verificationMode = Poco::Net::Context::VERIFY_STRICT;
  params.cipherList = "HIGH:!aNULL:!MD5";
  Poco::Net::Context::Ptr context{
      new Poco::Net::Context{Poco::Net::Context::TLS_CLIENT_USE, params}};
  context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  return context;
}

}  // namespace

Client::Client(const Settings& settings)
    : timeout_{settings.timeout},
      body_bytes_max_{static_cast<std::size_t>(settings.body_bytes_max)} {
  if (settings.timeout.count() <= 0) {
    throw stepd::Refused{"bad_configuration", "timeout must be above zero"};
  }
  if (settings.body_bytes_max < 0) {
    throw stepd::Refused{"bad_configuration", "body_bytes_max must not be below zero"};
  }
  Poco::Net::initializeSSL();
  try {
    tls_ = strict_context(settings.ca_file);
  } catch (const Poco::Exception& error) {
    throw stepd::Refused{"bad_configuration", "the certificate authorities of " + settings.ca_file +
                                                  " cannot be used: " + error.displayText()};
  }
}

Incoming Client::send(const Outgoing& outgoing, std::optional<std::chrono::milliseconds> timeout,
                      int stop_fd) const {
  return exchange(outgoing, {timeout.value_or(timeout_), body_bytes_max_, stop_fd}, tls_);
}

}  // namespace http
