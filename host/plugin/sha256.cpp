#include "host/plugin/sha256.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace stepd::plugin {

std::string sha256(std::string_view bytes) {
  std::string digest(32, '\0');
  unsigned int length = 0;
  const bool done =
      EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                 &length, EVP_sha256(), nullptr) == 1;
  if (!done || length != digest.size()) throw std::runtime_error("OpenSSL does not offer SHA-256");
  return digest;
}

}  // namespace stepd::plugin
