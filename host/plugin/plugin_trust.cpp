#include "host/plugin/plugin_trust.hpp"

#include <algorithm>

#include "host/plugin/judged_file.hpp"
#include "host/plugin/plugin_lock.hpp"

namespace stepd::plugin {
namespace {

constexpr std::string_view signature_ending = ".sig";

std::filesystem::path signature_of(const std::filesystem::path& file) {
  return file.string() + std::string(signature_ending);
}

struct NotSigned {
  std::string sentence;
};

NotSigned not_signed(const std::filesystem::path& file, std::string_view fact,
                     std::string_view cure) {
  return {file.string() + " " + std::string(fact) + "; " + std::string(cure)};
}

/// The key that has signed it. Whoever may write the signature can only break it, so nobody asks
/// who may.
std::variant<std::filesystem::path, NotSigned> signer(const std::vector<PublicKey>& keys,
                                                      const PluginFile& file) {
  const auto signature_file = signature_of(file.path);
  const std::string sign_it = "stepctl plugin sign " + file.path.string() + " --key PRIVATE";
  const auto read = read_judged(signature_file, Writers::anybody, signature_bytes);
  if (const auto* fault = std::get_if<FileFault>(&read)) {
    if (fault->kind == FileFault::Kind::missing) {
      return not_signed(file.path, "is not signed: there is no " + signature_file.string(),
                        "sign it with one of the keys: " + sign_it);
    }
    return not_signed(file.path, "is not signed: " + signature_file.string() + " " + fault->fact,
                      "sign it again: " + sign_it);
  }
  const auto& signature = std::get<std::string>(read);
  if (signature.size() != signature_bytes) {
    return not_signed(file.path,
                      "is not signed: " + signature_file.string() + " has " +
                          std::to_string(signature.size()) + " bytes and a signature " +
                          std::to_string(signature_bytes),
                      "sign it again: " + sign_it);
  }
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const PublicKey& key) {
    return is_signed(file.bytes, signature, key);
  });
  if (found != keys.end()) return found->file;
  return not_signed(file.path,
                    "is signed by none of the keys, or was changed since: " +
                        signature_file.string() + " does not fit it",
                    "sign it again with one of the keys, or name its signer's key under "
                    "[signatures]: " +
                        sign_it);
}

}  // namespace

std::variant<Trust, Refusal> judge_trust(const TrustSettings& settings, const PluginFile& file,
                                         const Module& module) {
  if (!settings.lock.empty()) {
    const auto fact = locked_out(settings.lock, {.id = file.note.id, .sha256 = module.sha256});
    if (fact) return Refusal{file.path.string() + " " + *fact};
  }
  if (settings.signatures == SignaturePolicy::off) return Trust{};
  auto signed_by = signer(settings.keys, file);
  if (const auto* key = std::get_if<std::filesystem::path>(&signed_by)) {
    return Trust{.signed_by = key->string(), .warning = {}};
  }
  auto& fault = std::get<NotSigned>(signed_by);
  if (settings.signatures == SignaturePolicy::require) return Refusal{std::move(fault.sentence)};
  return Trust{.signed_by = {}, .warning = std::move(fault.sentence)};
}

std::optional<std::string> distrusted(const TrustSettings& settings, const PluginNote& note,
                                      const Module& module, const Trust& before) {
  if (!settings.lock.empty()) {
    auto fact = locked_out(settings.lock, {.id = note.id, .sha256 = module.sha256});
    if (fact) return fact;
  }
  if (settings.signatures != SignaturePolicy::require) return std::nullopt;
  const bool is_signed =
      std::any_of(settings.keys.begin(), settings.keys.end(),
                  [&](const auto& key) { return key.file.string() == before.signed_by; });
  if (is_signed) return std::nullopt;
  return "is a build of " + note.id + " " + note.version +
         " that none of the keys has signed; sign it, and put it into the plugins folder again";
}

Trust trust_of_loaded(const std::variant<Trust, Refusal>& judged) {
  if (const auto* trust = std::get_if<Trust>(&judged)) return *trust;
  return {.signed_by = {},
          .warning = "would be refused at the next start and runs until then: " +
                     std::get<Refusal>(judged).sentence};
}

std::filesystem::path signed_file(const std::filesystem::path& path) {
  if (path.extension() != signature_ending) return path;
  auto file = path;
  return file.replace_extension();
}

}  // namespace stepd::plugin
