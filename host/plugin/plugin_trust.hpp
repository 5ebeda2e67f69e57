#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "host/plugin/module_folder.hpp"
#include "host/plugin/plugin_file.hpp"
#include "host/plugin/refusal.hpp"
#include "host/plugin/signature.hpp"

namespace stepd::plugin {

/// What is done with a plugin that none of the keys has signed.
enum class SignaturePolicy : std::uint8_t {
  off,      // signatures are not looked at
  warn,     // it is loaded, and told of
  require,  // it is refused
};

/// Whose plugins are loaded.
struct TrustSettings {
  SignaturePolicy signatures = SignaturePolicy::off;
  std::vector<PublicKey> keys;
  std::filesystem::path lock;  // empty: every build may be loaded; see plugin_lock.hpp
};

/// Why a plugin may be loaded.
struct Trust {
  std::string signed_by;  // the file of the key; empty: by none, or nobody looked
  std::string warning;    // what is wrong nevertheless, with the remedy; empty: nothing
};

/// Judges who stands behind a file: the lock, which lists the builds that may be loaded, and the
/// signature beside it, in FILE.sig: 64 bytes of Ed25519 over the bytes of the file.
[[nodiscard]] std::variant<Trust, Refusal> judge_trust(const TrustSettings& settings,
                                                       const PluginFile& file,
                                                       const Module& module);

/// Why a build that was trusted when it was loaded, so, may not be loaded again; nothing: it may.
/// To be read after the name of its file, with the cure. That may be another by now, and so may be
/// what is signed.
[[nodiscard]] std::optional<std::string> distrusted(const TrustSettings& settings,
                                                    const PluginNote& note, const Module& module,
                                                    const Trust& before);

/// What is said of a plugin that is loaded already, whose file or lock has changed since.
[[nodiscard]] Trust trust_of_loaded(const std::variant<Trust, Refusal>& judged);

/// The file that a signature of this name is about; another name is its own.
[[nodiscard]] std::filesystem::path signed_file(const std::filesystem::path& path);

}  // namespace stepd::plugin
