#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/plugins/servers.hpp"

namespace {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Destroy<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Destroy<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Destroy<X509_EXTENSION_free>>;
using File = std::unique_ptr<std::FILE, Destroy<std::fclose>>;

void demand(bool done) {
  if (!done) throw std::runtime_error{"OpenSSL could not make a certificate"};
}

void extend(X509* certificate, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str())};
  demand(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

[[nodiscard]] Certificate self_signed(const std::string& host_name, EVP_PKEY* key) {
  Certificate certificate{X509_new()};
  demand(certificate && X509_set_version(certificate.get(), 2) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  auto* name = X509_get_subject_name(certificate.get());
  demand(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(host_name.c_str()), -1,
                                    -1, 0) == 1);
  demand(X509_set_issuer_name(certificate.get(), name) == 1);
  demand(X509_set_pubkey(certificate.get(), key) == 1);
  extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate.get(), NID_subject_alt_name, "DNS:" + host_name);
  demand(X509_sign(certificate.get(), key, EVP_sha256()) > 0);
  return certificate;
}

}  // namespace

void write_certificate(const std::string& host_name, const CertificateFiles& files) {
  const Key key{EVP_EC_gen("P-256")};
  demand(key != nullptr);
  const auto certificate = self_signed(host_name, key.get());
  const File key_file{std::fopen(files.key.c_str(), "w")};
  const File certificate_file{std::fopen(files.certificate.c_str(), "w")};
  demand(key_file && certificate_file);
  demand(PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
         1);
  demand(PEM_write_X509(certificate_file.get(), certificate.get()) == 1);
}
