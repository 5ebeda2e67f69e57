#include "host/plugin/plugin_init.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <exception>
#include <utility>

#include "host/plugin/borrowed.hpp"
#include "host/plugin/utf8.hpp"

namespace stepd::plugin {
namespace {

constexpr std::size_t words_bytes_max = 2000;

/// For what a plugin calls outside of a call: no exception crosses to it, and nobody hears of one.
template <class Work>
void without_throwing(Work work) noexcept {
  try {
    work();
  } catch (...) {
    return;
  }
}

}  // namespace

std::shared_ptr<const PluginConfiguration> by_key(const boost::json::object& configuration) {
  PluginConfiguration values;
  for (const auto& [key, value] : configuration) {
    const auto* text = value.if_string();
    values[key] = text != nullptr ? std::string(*text) : boost::json::serialize(value);
  }
  return std::make_shared<const PluginConfiguration>(std::move(values));
}

HostFacts::HostFacts(std::string host_version, Log log_to)
    : stepd_host{}, version_text_(std::move(host_version)), log_(std::move(log_to)) {
  struct_size = sizeof(stepd_host);
  abi_minor = STEPD_ABI_MINOR;
  name = {"stepd", 5};
  version = lend(version_text_);
  log = [](const stepd_host* self, std::int32_t level, stepd_str message) {
    const auto& facts = *static_cast<const HostFacts*>(self);
    if (!facts.log_) return;
    without_throwing([&] { facts.log_(level, readable(view(message), words_bytes_max)); });
  };
  extension = [](const stepd_host*, const char*) -> const void* { return nullptr; };
}

std::optional<std::string> initialise(const stepd_plugin& plugin, const HostFacts& host,
                                      const std::string& configuration) {
  if (!STEPD_HAS_FUNCTION(&plugin, init)) return std::nullopt;
  std::string words;
  const auto take_words = [](void* refusal, stepd_str message) {
    without_throwing(
        [&] { *static_cast<std::string*>(refusal) = readable(view(message), words_bytes_max); });
  };
  try {
    const stepd_status status = plugin.init(&host, lend(configuration), take_words, &words);
    if (status >= 0) return std::nullopt;
    return "does not start: " +
           (words.empty() ? "its init answered " + std::to_string(status) : words);
  } catch (const std::exception& error) {
    return "does not start: its init threw " + readable(error.what(), words_bytes_max);
  } catch (...) {
    return "does not start: its init threw something that is no std::exception";
  }
}

std::optional<std::string> quiesce(const stepd_plugin& plugin, std::chrono::milliseconds budget) {
  if (!STEPD_HAS_FUNCTION(&plugin, quiesce)) return std::nullopt;
  try {
    const stepd_status status = plugin.quiesce(std::max<std::int64_t>(budget.count(), 0));
    if (status >= 0) return std::nullopt;
    return "answered " + std::to_string(status);
  } catch (const std::exception& error) {
    return "threw " + readable(error.what(), words_bytes_max);
  } catch (...) {
    return "threw something that is no std::exception";
  }
}

}  // namespace stepd::plugin
