#include "host/http/content_hash.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace stepd::http {

engine::ContentHash content_hash(std::string_view canonical) {
  engine::ContentHash hash{std::string(32, '\0')};
  unsigned int bytes = 0;
  const bool done = EVP_Digest(canonical.data(), canonical.size(),
                               reinterpret_cast<unsigned char*>(hash.bytes.data()), &bytes,
                               EVP_sha256(), nullptr) == 1;
  if (!done || bytes != hash.bytes.size()) throw std::runtime_error("SHA-256 is not available");
  return hash;
}

}  // namespace stepd::http
