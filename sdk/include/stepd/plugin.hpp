/// The C++20 face of the plugin ABI: everything a plugin needs, and the macro that makes it one.
///
///     struct Greeting { std::string name; };
///     BOOST_DESCRIBE_STRUCT(Greeting, (), (name))
///     struct Reply { std::string text; };
///     BOOST_DESCRIBE_STRUCT(Reply, (), (text))
///
///     Reply greet(stepd::Context&, const Greeting& greeting) { return {"hello " + greeting.name};
///     }
///
///     STEPD_PLUGIN("demo.hello", "1.0.0", plugin) { plugin.step<greet>("demo.greet"); }
#pragma once

#include <stepd/plugin.h>

#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stepd/bad_value.hpp>
#include <stepd/context.hpp>
#include <stepd/nothing.hpp>
#include <stepd/outcome.hpp>
#include <stepd/plugin_definition.hpp>
#include <stepd/step.hpp>
#include <stepd/step_definition.hpp>

namespace stepd::detail {

/// The one plugin of a shared object, described on first use. It is never destroyed: calls may
/// still be running while the process ends.
template <void (*describe)(Plugin&)>
class DefinedPlugin {
 public:
  [[nodiscard]] static const stepd_plugin* abi(const char* id, const char* version) noexcept {
    try {
      static const stepd_plugin* const described = describe_once(id, version);
      return described;
    } catch (const std::exception& error) {
      return nothing(id, error.what());
    } catch (...) {
      return nothing(id, "something was thrown that is no std::exception");
    }
  }

 private:
  /// What the ABI says of a plugin that cannot describe itself. It has no words for the reason; the
  /// host shows what is printed.
  [[nodiscard]] static const stepd_plugin* nothing(const char* id, const char* reason) noexcept {
    std::fprintf(stderr, "%s cannot describe itself: %s\n", id, reason);
    return nullptr;
  }

  [[nodiscard]] static const stepd_plugin* describe_once(const char* id, const char* version) {
    auto plugin = std::make_unique<Plugin>(id, version);
    describe(*plugin);
    auto described = std::make_unique<stepd_plugin>(plugin->abi());
    if (plugin->has_init()) described->init = &init;
    if (plugin->has_quiesce()) described->quiesce = &quiesce;
    plugin_ = plugin.release();
    return described.release();
  }

  static stepd_status init(const stepd_host*, stepd_str configuration,
                           void (*refuse)(void*, stepd_str), void* refusal) noexcept {
    try {
      plugin_->init(text_of(configuration));
      return STEPD_OK;
    } catch (const BadValue& error) {
      refuse(refusal, borrowed(error.what()));
    } catch (const Refused& error) {
      refuse(refusal, borrowed(error.message));
    } catch (const std::exception& error) {
      refuse(refusal, borrowed(error.what()));
    } catch (...) {
      refuse(refusal, borrowed("its init threw something that is no std::exception"));
    }
    return STEPD_INVALID;
  }

  static stepd_status quiesce(std::int64_t budget_ms) noexcept {
    try {
      plugin_->quiesce(std::chrono::milliseconds(budget_ms));
      return STEPD_OK;
    } catch (...) {
      return STEPD_UNAVAILABLE;  // the ABI has no words for it, and the process ends anyway
    }
  }

  static inline const Plugin* plugin_ = nullptr;
};

}  // namespace stepd::detail

/// Makes the shared object a plugin: its note, its one exported symbol, and the head of the
/// function that describes it. Once per plugin, at namespace scope, outside any namespace.
#define STEPD_PLUGIN(ID, VERSION, PLUGIN)                                            \
  static void stepd_describe_plugin(::stepd::Plugin& PLUGIN);                        \
  STEPD_NOTE(ID, VERSION, 0u);                                                       \
  extern "C" STEPD_EXPORT const stepd_plugin* stepd_plugin_v1() noexcept {           \
    return ::stepd::detail::DefinedPlugin<&stepd_describe_plugin>::abi(ID, VERSION); \
  }                                                                                  \
  static void stepd_describe_plugin(::stepd::Plugin& PLUGIN)
