#include "host/daemon/token_file.hpp"

#include <fstream>
#include <system_error>

namespace stepd::daemon {

namespace {

constexpr std::size_t shortest = 16;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& fact) {
  throw std::runtime_error("token file " + file.string() + " " + fact);
}

}  // namespace

std::string read_token(const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  const std::string make = "umask 077; openssl rand -hex 32 > " + file.string();
  std::error_code error;
  const auto status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found) refuse(file, "is not there; make it: " + make);
  if (error) refuse(file, "cannot be looked at: " + error.message());
  if (status.type() != fs::file_type::regular) refuse(file, "is no regular file; " + make);
  const auto others = fs::perms::group_all | fs::perms::others_all;
  if ((status.permissions() & others) != fs::perms::none) {
    refuse(file, "can be used by others than its owner; make a new one: " + make);
  }
  std::ifstream stream(file);
  std::string token;
  std::getline(stream, token);
  if (stream.bad() || (!stream && token.empty())) {
    refuse(file, "is empty or cannot be read; make a new one: " + make);
  }
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.size() < shortest) {
    refuse(file, "holds fewer than 16 characters, which can be guessed; make a new one: " + make);
  }
  return token;
}

}  // namespace stepd::daemon
