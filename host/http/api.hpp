#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "host/engine/definition.hpp"
#include "host/http/reply.hpp"
#include "host/http/request.hpp"
#include "host/runtime/host.hpp"

namespace stepd::rehearsal {
class CalledCode;
}

namespace stepd::http {

/// What the door checks and says by itself.
struct ApiSettings {
  std::string version;  // of stepd
  engine::Limits limits;
  engine::PolicyDefaults defaults;
  std::uint64_t job_bytes_max = 16ULL << 20U;    // a job as sent
  std::uint64_t batch_bytes_max = 64ULL << 20U;  // a batch of them
  std::size_t batch_jobs_max = 100'000;
  std::size_t batch_answers_bytes_max = 64ULL << 20U;
  std::chrono::milliseconds heartbeat = std::chrono::seconds(15);  // of an event stream
  /// Has the steps' own code called in tests of jobs; borrowed. None: this daemon does not.
  rehearsal::CalledCode* real_steps = nullptr;
  /// Told of what leaves no other trace, as a log line. Any thread.
  std::function<void(const std::string&)> note = [](const std::string&) {};
};

/// Bodies may be as large as it takes to send arguments as large as the limits allow.
[[nodiscard]] ApiSettings settings_within(const engine::Limits& limits);

/// What every route works with.
struct Scope {
  runtime::Host& host;
  const ApiSettings& settings;
};

/// One row of the table that is the interface: dispatch, 404, 405 with Allow, and the test that
/// holds it against the OpenAPI document all go by it.
struct Route {
  std::string_view method;
  std::string_view pattern;  // at most one {name}, which stands for no slash and no colon
  Answer (*answer)(const Scope& scope, Request& request);
  std::string_view summary;
};

[[nodiscard]] std::span<const Route> routes();

/// Finds the route of a request and runs it. Any thread.
class Api {
 public:
  Api(runtime::Host& host, ApiSettings settings) : host_(host), settings_(std::move(settings)) {}

  /// Throws Refusal for what is not there or not understood, and ClientGone.
  [[nodiscard]] Answer answer(const Head& head, Body& body) const;

 private:
  runtime::Host& host_;
  ApiSettings settings_;
};

}  // namespace stepd::http
