#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/job_input.hpp"
#include "tools/stepctl/json_text.hpp"

namespace stepd::stepctl {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr mode_t for_its_owner = 0600;
constexpr mode_t for_everybody = 0644;

[[noreturn]] void fail(const std::string& file, const std::string& fact) {
  throw std::runtime_error(file + " " + fact);
}

[[noreturn]] void no_ed25519() {
  throw std::runtime_error("this build of OpenSSL does not offer Ed25519");
}

/// A new file; one that is there stays as it is.
void write_new(const std::string& file, const std::string& text, mode_t mode) {
  const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (opened < 0 && errno == EEXIST) {
    fail(file, "is there already: remove it, or name another file");
  }
  if (opened < 0) fail(file, "cannot be made: " + std::generic_category().message(errno));
  const ssize_t written = ::write(opened, text.data(), text.size());
  if (::close(opened) == 0 && written == static_cast<ssize_t>(text.size())) return;
  ::unlink(file.c_str());
  fail(file, "cannot be written; make room");
}

std::string text_of(const Bio& source) {
  const char* bytes = nullptr;
  const auto length = BIO_get_mem_data(source.get(), &bytes);
  return {bytes, static_cast<std::size_t>(length)};
}

std::string read_plugin(const std::string& file) {
  if (!std::filesystem::is_regular_file(file)) throw CannotRead(file + " is no file that is there");
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << stream.rdbuf();
  if (!stream.is_open() || stream.bad()) throw CannotRead("cannot read " + file);
  return bytes.str();
}

/// Asks for the passphrase itself if the key has one.
Key read_private_key(const std::string& file) {
  const Bio source(BIO_new_file(file.c_str(), "r"), BIO_free);
  if (!source)
    throw CannotRead("cannot read the key " + file + ": " + std::generic_category().message(errno));
  Key key(PEM_read_bio_PrivateKey(source.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) {
    throw CannotRead(file +
                     " holds no private key of Ed25519 in PEM, or its passphrase is another "
                     "one (a pair is made with: stepctl plugin keygen)");
  }
  return key;
}

std::string signature_of(const std::string& bytes, const Key& key) {
  const Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(64, '\0');
  std::size_t length = signature.size();
  const bool is_signed =
      digest && EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
  if (!is_signed || length != signature.size()) no_ed25519();
  return signature;
}

}  // namespace

ExitCode run(const Session& session, const MakeKeys& command) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  const Bio secret(BIO_new(BIO_s_mem()), BIO_free);
  const Bio open(BIO_new(BIO_s_mem()), BIO_free);
  if (!key ||
      PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_PUBKEY(open.get(), key.get()) != 1) {
    no_ed25519();
  }
  const std::string public_file = command.file + ".pub";
  // Nothing is made unless both can be.
  if (std::filesystem::exists(public_file)) {
    fail(public_file, "is there already: remove it, or name another file");
  }
  write_new(command.file, text_of(secret), for_its_owner);
  write_new(public_file, text_of(open), for_everybody);
  if (session.json) {
    session.output.print(indented(
        one_line(json::object{{"private_key", command.file}, {"public_key", public_file}})));
    return ExitCode::done;
  }
  session.output.note("the private key is in " + command.file +
                      ": sign with it, and let nobody else see it\n"
                      "the public key is in " +
                      public_file +
                      ": copy it to where stepd runs, and in stepd.toml write\n"
                      "  [signatures]\n  policy = \"require\"\n  keys = [\"" +
                      std::filesystem::path(public_file).filename().string() + "\"]\n");
  return ExitCode::done;
}

ExitCode run(const Session& session, const SignPlugin& command) {
  const std::string bytes = read_plugin(command.file);
  const Key key = read_private_key(command.key);
  const std::string signature_file = command.file + ".sig";
  const std::string unfinished = signature_file + ".unfinished";
  // Under its name it is whole, or there is none.
  std::filesystem::remove(unfinished);
  write_new(unfinished, signature_of(bytes, key), for_everybody);
  std::filesystem::rename(unfinished, signature_file);
  if (session.json) {
    session.output.print(
        indented(one_line(json::object{{"file", command.file}, {"signature", signature_file}})));
    return ExitCode::done;
  }
  session.output.note("the signature is in " + signature_file + ": keep it beside the plugin\n");
  return ExitCode::done;
}

}  // namespace stepd::stepctl
