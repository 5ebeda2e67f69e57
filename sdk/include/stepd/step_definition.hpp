#pragma once

#include <stepd/plugin.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stepd/defaults.hpp>
#include <stepd/formats.hpp>
#include <stepd/json_schema.hpp>
#include <stepd/step_callbacks.hpp>
#include <stepd/text.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace stepd {

/// How often and when the host tries again; what is not set comes from the host.
struct RetryPolicy {
  static constexpr std::chrono::milliseconds not_set{-1};
  std::uint32_t attempts_max = 0;  // 0: not set
  std::chrono::milliseconds initial = not_set;
  std::chrono::milliseconds max = not_set;
  double multiplier = -1.0;  // negative: not set
  double jitter = -1.0;      // a fraction of the wait; negative: not set
};

namespace detail {

/// Everything the ABI's description of one step type points at.
struct StepRecord {
  std::string type;
  std::string title;
  std::string description;
  std::string arguments_schema;
  std::string output_schema;
  stepd_retry_policy retry{};
  stepd_retry_policy compensate_retry{};
  stepd_step abi{};
  // Of a type only the callbacks know; what the next two point at lies in it, too.
  std::shared_ptr<void> source;
  Defaults* defaults = nullptr;
  Migration* migration = nullptr;
  Formats formats;
  void (*write_schemas)(StepRecord&) = nullptr;
};

[[nodiscard]] inline stepd_retry_policy abi_of(const RetryPolicy& policy) {
  const auto thousandths = [](double value) {
    return value < 0 ? -1 : static_cast<std::int32_t>(value * 1000.0 + 0.5);
  };
  return {sizeof(stepd_retry_policy),     policy.attempts_max,
          policy.initial.count(),         policy.max.count(),
          thousandths(policy.multiplier), thousandths(policy.jitter)};
}

template <class S, class... Parts>
[[nodiscard]] std::unique_ptr<StepRecord> record_of(std::string_view type, Parts... parts) {
  using Source = StepSource<S, Parts...>;
  using Callbacks = StepCallbacks<S, Source>;
  auto record = std::make_unique<StepRecord>();
  auto source = std::make_shared<Source>(Source{{}, {}, {std::move(parts)...}});
  record->type = type;
  record->defaults = &source->defaults;
  record->migration = &source->migration;
  record->write_schemas = [](StepRecord& one) {
    one.arguments_schema = schema_text<typename S::Arguments>(*one.defaults, one.formats);
    one.output_schema = schema_text<Valued<typename S::Output>>(Defaults{});
  };
  record->abi.struct_size = sizeof(stepd_step);
  record->abi.version = 1;
  record->abi.accepts_from = 1;
  record->abi.self = source.get();
  record->abi.execute = &Callbacks::execute;
  if constexpr (S::is_saga_step) {
    record->abi.kind = STEPD_KIND_SAGA;
    record->abi.compensate = &Callbacks::compensate;
  }
  if constexpr (OffersProbe<S>) record->abi.probe = &Callbacks::probe;
  record->source = std::move(source);
  return record;
}

}  // namespace detail

/// What a plugin says of one step type; every function returns the definition, to go on with.
template <bool is_saga_step>
class StepDefinition {
 public:
  explicit StepDefinition(detail::StepRecord& record) : record_(&record) {}

  /// Raised when arguments or checkpoints change their meaning. Steps recorded with a version from
  /// `accepts_from` on are taken over.
  StepDefinition& version(std::uint32_t version, std::uint32_t accepts_from) {
    record_->abi.version = version;
    record_->abi.accepts_from = accepts_from;
    record_->migration->version = version;
    return *this;
  }
  StepDefinition& version(std::uint32_t number) { return version(number, number); }

  /// Makes of the arguments of a step that was recorded under an earlier version what they would be
  /// today. Before each call of such a step, on any thread; it depends on nothing but what it is
  /// given, and throws what a step may throw.
  StepDefinition& migrate(std::function<boost::json::object(std::uint32_t recorded_version,
                                                            boost::json::object arguments)>
                              arguments) {
    record_->migration->arguments = std::move(arguments);
    return *this;
  }

  StepDefinition& title(std::string_view text) {
    record_->title = text;
    return *this;
  }
  StepDefinition& description(std::string_view text) {
    record_->description = text;
    return *this;
  }

  /// What an absent member of the arguments, or of a struct inside them, is taken to be. A member
  /// that has no default and is no std::optional is required.
  template <class Owner, class Member>
  StepDefinition& default_value(Member Owner::*member, const std::type_identity_t<Member>& value) {
    record_->defaults->declare(member, value);
    return *this;
  }

  /// What a text in the arguments is to be, as JSON Schema's `format`. The host judges "http-url"
  /// when a job is submitted (http://HOST[:PORT]/PATH); others are for people.
  template <class Owner>
  StepDefinition& format(std::string Owner::*member, std::string_view name) {
    record_->formats.declare(member, name);
    return *this;
  }

  StepDefinition& retry(const RetryPolicy& policy) {
    record_->retry = detail::abi_of(policy);
    record_->abi.retry = &record_->retry;
    return *this;
  }
  /// Of one call. Afterwards it is asked to stop.
  StepDefinition& timeout(std::chrono::milliseconds span) {
    record_->abi.timeout_ms = span.count();
    return *this;
  }
  /// A call that shows no sign of life for longer has timed out.
  StepDefinition& heartbeat(std::chrono::milliseconds span) {
    record_->abi.heartbeat_ms = span.count();
    return *this;
  }
  /// A step in doubt is not simply run again: without an answer from a probe it parks.
  StepDefinition& not_repeatable() {
    record_->abi.not_repeatable = 1;
    return *this;
  }

  StepDefinition& compensate_retry(const RetryPolicy& policy) {
    static_assert(is_saga_step,
                  "stepd: a plain step has no compensation that could be tried again or time out; "
                  "a saga step is offered with plugin.saga<...>(...)");
    record_->compensate_retry = detail::abi_of(policy);
    record_->abi.compensate_retry = &record_->compensate_retry;
    return *this;
  }
  StepDefinition& compensate_timeout(std::chrono::milliseconds span) {
    static_assert(is_saga_step,
                  "stepd: a plain step has no compensation that could be tried again or time out; "
                  "a saga step is offered with plugin.saga<...>(...)");
    record_->abi.compensate_timeout_ms = span.count();
    return *this;
  }

 private:
  detail::StepRecord* record_;
};

}  // namespace stepd
