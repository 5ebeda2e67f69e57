#pragma once

#include <stepd/plugin.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "host/plugin/step_module.hpp"

namespace stepd::plugin {

/// As calls read it.
[[nodiscard]] std::shared_ptr<const PluginConfiguration> by_key(
    const boost::json::object& configuration);

/// The host as a plugin's init is handed it; the plugin may keep it for as long as it is there.
class HostFacts final : public stepd_host {
 public:
  /// What the plugin says outside of calls, made readable; any thread. It may throw.
  using Log = std::function<void(std::int32_t level, std::string_view text)>;
  HostFacts(std::string host_version, Log log);
  HostFacts(const HostFacts&) = delete;
  HostFacts& operator=(const HostFacts&) = delete;

 private:
  const std::string version_text_;
  const Log log_;
};

/// Runs the plugin's init, if it has one. Nothing: it has started; else what is wrong, to be read
/// after the file's name.
[[nodiscard]] std::optional<std::string> initialise(const stepd_plugin& plugin,
                                                    const HostFacts& host,
                                                    const std::string& configuration);

/// Lets the plugin end its threads. Nothing: all is well; else what it answered.
[[nodiscard]] std::optional<std::string> quiesce(const stepd_plugin& plugin,
                                                 std::chrono::milliseconds budget);

}  // namespace stepd::plugin
