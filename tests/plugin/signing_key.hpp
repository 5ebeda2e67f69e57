#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "tests/plugin/small_plugins.hpp"

namespace stepd::plugin {

/// A pair of Ed25519 keys, made anew.
class SigningKey {
 public:
  explicit SigningKey(const char* kind = "ED25519")
      : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, kind), EVP_PKEY_free) {}

  void write_public(const std::filesystem::path& file) const {
    write(file, [this](std::FILE* out) { return PEM_write_PUBKEY(out, key_.get()); });
  }
  void write_private(const std::filesystem::path& file) const {
    write(file, [this](std::FILE* out) {
      return PEM_write_PKCS8PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  [[nodiscard]] std::string signature(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(),
                                                                         EVP_MD_CTX_free);
    std::string signature(64, '\0');
    std::size_t length = signature.size();
    EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return signature;
  }
  /// Puts FILE.sig beside it.
  void sign(const std::filesystem::path& file) const {
    write_file(file.string() + ".sig", signature(bytes_of(file)));
  }

 private:
  template <typename Write>
  static void write(const std::filesystem::path& file, const Write& content) {
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> out(std::fopen(file.c_str(), "w"),
                                                                 std::fclose);
    content(out.get());
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

}  // namespace stepd::plugin
