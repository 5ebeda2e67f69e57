#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

namespace stepd::plugin {

inline constexpr std::size_t signature_bytes = 64;

/// A public key of Ed25519 (RFC 8032), and the file it was read from.
struct PublicKey {
  std::filesystem::path file;
  std::string bytes;  // 32 of them
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

/// Reads a key as `openssl pkey -pubout` writes it: PEM, "BEGIN PUBLIC KEY". Else what is wrong
/// with the file, to be read after its name, and the remedy.
[[nodiscard]] std::variant<PublicKey, std::string> read_public_key(
    const std::filesystem::path& file);

/// Whether the owner of the key has signed just this text.
[[nodiscard]] bool is_signed(std::string_view text, std::string_view signature,
                             const PublicKey& key);

}  // namespace stepd::plugin
