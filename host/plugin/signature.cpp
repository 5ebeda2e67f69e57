#include "host/plugin/signature.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <stdexcept>

#include "host/plugin/judged_file.hpp"

namespace stepd::plugin {
namespace {

constexpr std::uint64_t key_file_bytes_max = 65'536;
constexpr std::size_t key_bytes = 32;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string how_to_write(const std::filesystem::path& file) {
  return "; write the public key into it: openssl pkey -in PRIVATE -pubout -out " + file.string();
}

}  // namespace

std::variant<PublicKey, std::string> read_public_key(const std::filesystem::path& file) {
  const auto read = read_judged(file, Writers::host_only, key_file_bytes_max);
  if (const auto* fault = std::get_if<FileFault>(&read)) return fault->fact + "; " + fault->cure;
  const auto& text = std::get<std::string>(read);
  if (text.find("PRIVATE KEY-----") != std::string::npos) {
    return "holds a private key, which signs and is for nobody else to see" + how_to_write(file);
  }
  const Bio source(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  const Key key(PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key) return "holds no public key in PEM" + how_to_write(file);
  PublicKey found{file, std::string(key_bytes, '\0')};
  std::size_t length = key_bytes;
  auto* const bytes = reinterpret_cast<unsigned char*>(found.bytes.data());
  if (EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), bytes, &length) != 1 || length != key_bytes) {
    return "holds a public key of another kind than Ed25519; make a pair with: stepctl plugin "
           "keygen";
  }
  return found;
}

bool is_signed(std::string_view text, std::string_view signature, const PublicKey& key) {
  const Key pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(key.bytes), key.bytes.size()),
      EVP_PKEY_free);
  const Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!pkey || !digest ||
      EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, pkey.get()) != 1) {
    throw std::runtime_error("OpenSSL does not offer Ed25519");
  }
  const bool fits = EVP_DigestVerify(digest.get(), octets(signature), signature.size(),
                                     octets(text), text.size()) == 1;
  ERR_clear_error();
  return fits;
}

}  // namespace stepd::plugin
