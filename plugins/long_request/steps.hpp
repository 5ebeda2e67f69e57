#pragma once

#include <boost/describe.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stepd/plugin.hpp>
#include <string>
#include <utility>

#include "plugins/long_request/partner.hpp"
#include "plugins/long_request/records.hpp"

namespace long_request {

/// Shared by the plugin's description, which fills it when the plugin is configured, and by the
/// object of each call.
using SharedPartner = std::shared_ptr<std::optional<Partner>>;

struct Request {
  std::string sender;
  boost::json::value payload;
};
BOOST_DESCRIBE_STRUCT(Request, (), (sender, payload))

/// What a message travels in. The correlation id is the job's, and follows every message of it.
struct Envelope {
  std::string message_id;
  std::string correlation_id;
  std::string created_at;
  std::string sender;
  boost::json::value payload;
};
BOOST_DESCRIBE_STRUCT(Envelope, (), (message_id, correlation_id, created_at, sender, payload))

Envelope wrap(stepd::Context& context, const Request& request);

struct Submission {
  std::string url;
  Envelope envelope;
};
BOOST_DESCRIBE_STRUCT(Submission, (), (url, envelope))

/// The partner has the request and will decide; it does not say when.
struct Acknowledgement {
  std::string correlation_id;
  std::string request_id;  // the partner's
};
BOOST_DESCRIBE_STRUCT(Acknowledgement, (), (correlation_id, request_id))

/// Hands a request to the partner, and withdraws it when it is undone.
class Submit : public stepd::SagaStep<Submission, Acknowledgement> {
 public:
  explicit Submit(SharedPartner partner) : partner_{std::move(partner)} {}
  Acknowledgement execute(stepd::Context& context, const Submission& submission);
  void compensate(stepd::Context& context, const Submission& submission,
                  const std::optional<Acknowledgement>& acknowledgement);

 private:
  SharedPartner partner_;
};

struct Query {
  std::string url;
  Acknowledgement acknowledgement;
  std::chrono::milliseconds every{};
  std::chrono::milliseconds pending_for{};
};
BOOST_DESCRIBE_STRUCT(Query, (), (url, acknowledgement, every, pending_for))

/// As the partner says it.
struct Result {
  std::string correlation_id;
  std::string request_id;
  boost::json::value answer;
};
BOOST_DESCRIBE_STRUCT(Result, (), (correlation_id, request_id, answer))

/// Asks for the result until it is there or the pending time is over. Between two questions it is
/// suspended: a row with a time on disk, and nothing else.
class Poll : public stepd::Step<Query, Result> {
 public:
  explicit Poll(SharedPartner partner) : partner_{std::move(partner)} {}
  Result execute(stepd::Context& context, const Query& query);

 private:
  SharedPartner partner_;
};

struct Storing {
  Result result;
};
BOOST_DESCRIBE_STRUCT(Storing, (), (result))

/// Translates a result and stores it; undone, it is not there any more.
class Store : public stepd::SagaStep<Storing, Decision> {
 public:
  explicit Store(SharedPartner partner) : partner_{std::move(partner)} {}
  Decision execute(stepd::Context& context, const Storing& storing);
  void compensate(stepd::Context& context, const Storing& storing,
                  const std::optional<Decision>& decision);

 private:
  SharedPartner partner_;
};

struct Notice {
  std::string url;
  Decision decision;
};
BOOST_DESCRIBE_STRUCT(Notice, (), (url, decision))

/// Tells whoever waits for the decision. What is stored stays stored, so it never gives up.
class Notify : public stepd::Step<Notice> {
 public:
  explicit Notify(SharedPartner partner) : partner_{std::move(partner)} {}
  void execute(stepd::Context& context, const Notice& notice);

 private:
  SharedPartner partner_;
};

/// What the operator may set; without a database one lies in the user's data folder.
struct Settings {
  std::string database;
  std::chrono::milliseconds timeout = std::chrono::seconds{10};
};
BOOST_DESCRIBE_STRUCT(Settings, (), (database, timeout))

void describe(stepd::Plugin& plugin, const SharedPartner& partner);

}  // namespace long_request
