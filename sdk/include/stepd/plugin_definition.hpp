#pragma once

#include <stepd/plugin.h>

#include <boost/version.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stepd/json_reader.hpp>
#include <stepd/step.hpp>
#include <stepd/step_definition.hpp>
#include <stepd/text.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifndef STEPD_SDK_VERSION
#define STEPD_SDK_VERSION "unknown"
#endif

namespace stepd {

/// What a plugin offers. Built once, by the body of STEPD_PLUGIN, which only describes: no thread,
/// no file, no connection. Those belong into on_init.
class Plugin {
 public:
  Plugin(std::string_view id, std::string_view version) : id_(id), version_(version) {}
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  /// A step type from a function: `plugin.step<greet>("demo.greet")`.
  template <auto Function>
  StepDefinition<false> step(std::string_view type) {
    return step<detail::FunctionStep<Function>>(type);
  }

  /// A step type from a class. Each call constructs one, from copies of `parts`: hand over shared
  /// state as a std::shared_ptr.
  template <class S, class... Parts>
  StepDefinition<false> step(std::string_view type, Parts... parts) {
    if constexpr (detail::is_sound_step<S>()) {
      static_assert(!S::is_saga_step, "stepd: a SagaStep is offered with plugin.saga<...>(...)");
      if constexpr (detail::is_made_of<S, Parts...>()) {
        return StepDefinition<false>(add<S>(type, std::move(parts)...));
      }
    }
  }

  /// The same for a step type that can be undone.
  template <class S, class... Parts>
  StepDefinition<true> saga(std::string_view type, Parts... parts) {
    if constexpr (detail::is_sound_step<S>()) {
      static_assert(S::is_saga_step, "stepd: a plain Step is offered with plugin.step<...>(...)");
      if constexpr (detail::is_sound_saga_step<S>() && detail::is_made_of<S, Parts...>()) {
        return StepDefinition<true>(add<S>(type, std::move(parts)...));
      }
    }
  }

  /// A function alone cannot be undone.
  template <auto Function>
  void saga(std::string_view) {
    static_assert(
        detail::has_no_json_form<decltype(Function)>,
        "stepd: a saga step is a class: derive it from stepd::SagaStep<Arguments, Output> "
        "and give it execute and compensate");
  }

  /// Runs once, before any call, with the plugin's configuration. What it throws refuses the
  /// plugin, and its message is what the operator reads.
  template <class Settings, class Start>
  void on_init(Start start) {
    static_assert(std::is_invocable_v<Start&, Settings>,
                  "stepd: on_init<Settings> takes a function of const Settings&, which is given "
                  "the plugin's configuration");
    start_ = [start = std::move(start)](std::string_view configuration) {
      const detail::JsonReader reader(detail::rules_of_configuration);
      start(reader.from_text<Settings>(configuration.empty() ? "{}" : configuration));
    };
  }
  /// The same for a plugin that is not configured.
  template <class Start>
  void on_init(Start start) {
    static_assert(std::is_invocable_v<Start&>,
                  "stepd: on_init takes a function of nothing; for the plugin's configuration name "
                  "its type: on_init<Settings>(...)");
    start_ = [start = std::move(start)](std::string_view) { start(); };
  }
  /// Runs once no call will come any more: threads of the plugin's own end within the budget.
  void on_quiesce(std::function<void(std::chrono::milliseconds budget)> end) {
    end_ = std::move(end);
  }

  /// The description as the host reads it; nothing may be added afterwards.
  [[nodiscard]] const stepd_plugin& abi() {
    if (abi_.struct_size != 0) return abi_;
    for (const auto& record : records_) steps_.push_back(&completed(*record));
    abi_.id = borrowed(id_);
    abi_.version = borrowed(version_);
    abi_.sdk = borrowed(built_with);
    abi_.step_count = static_cast<std::uint32_t>(steps_.size());
    abi_.steps = steps_.data();
    abi_.struct_size = sizeof(stepd_plugin);
    return abi_;
  }

  [[nodiscard]] bool has_init() const noexcept { return static_cast<bool>(start_); }
  [[nodiscard]] bool has_quiesce() const noexcept { return static_cast<bool>(end_); }
  void init(std::string_view configuration) const {
    if (start_) start_(configuration);
  }
  void quiesce(std::chrono::milliseconds budget) const {
    if (end_) end_(budget);
  }

 private:
  static constexpr std::string_view built_with =
      "stepd " STEPD_SDK_VERSION ", C++, compiler " __VERSION__ ", Boost " BOOST_LIB_VERSION;

  template <class S, class... Parts>
  detail::StepRecord& add(std::string_view type, Parts... parts) {
    return *records_.emplace_back(detail::record_of<S>(type, std::move(parts)...));
  }

  [[nodiscard]] static const stepd_step& completed(detail::StepRecord& record) {
    record.write_schemas(record);
    record.abi.type = borrowed(record.type);
    record.abi.title = borrowed(record.title);
    record.abi.description = borrowed(record.description);
    record.abi.args_schema = borrowed(record.arguments_schema);
    record.abi.output_schema = borrowed(record.output_schema);
    return record.abi;
  }

  std::string id_;
  std::string version_;
  std::vector<std::unique_ptr<detail::StepRecord>> records_;  // the ABI points into them
  std::vector<const stepd_step*> steps_;
  std::function<void(std::string_view)> start_;
  std::function<void(std::chrono::milliseconds)> end_;
  stepd_plugin abi_{};
};

}  // namespace stepd
