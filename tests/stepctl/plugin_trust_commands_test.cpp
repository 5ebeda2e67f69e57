#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tools/stepctl/json_text.hpp"

using namespace stepd::test;
using Catch::Contains;
using stepd::stepctl::parse_object;
using stepd::support::TemporaryFolder;

namespace {

std::string text_in(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

unsigned mode_of(const std::string& file) {
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

std::string plugins(const std::string& lines) { return "{\"plugins\":[" + lines + "]}"; }

}  // namespace

TEST_CASE("a pair of keys is made once and never in place of another file") {
  const TemporaryFolder folder;
  const std::string key = folder.path() / "build.key";

  const ChildEnd made = stepctl("", {"plugin", "keygen", key});

  CHECK(made.code == 0);
  CHECK(made.out.empty());
  CHECK_THAT(made.err, Contains("keys = [\"build.key.pub\"]"));
  const std::string secret = text_in(key);
  CHECK(secret.starts_with("-----BEGIN PRIVATE KEY-----"));
  CHECK(mode_of(key) == 0600);
  CHECK(text_in(key + ".pub").starts_with("-----BEGIN PUBLIC KEY-----"));

  const ChildEnd again = stepctl("", {"plugin", "keygen", key});
  CHECK(again.code == 1);
  CHECK_THAT(again.err, Contains("is there already: remove it, or name another file"));
  CHECK(text_in(key) == secret);
  std::filesystem::remove(key + ".pub");
  CHECK(stepctl("", {"plugin", "keygen", key}).code == 1);
  CHECK_FALSE(std::filesystem::exists(key + ".pub"));
}

TEST_CASE("a file is signed beside itself and a new signature takes the place of an old one") {
  const TemporaryFolder folder;
  const std::string key = folder.path() / "build.key";
  const std::string file = folder.path() / "a.so";
  std::ofstream(file) << "one";
  REQUIRE(stepctl("", {"plugin", "keygen", key}).code == 0);

  const ChildEnd end = stepctl("", {"plugin", "sign", file, "--key", key});
  CHECK(end.code == 0);
  const std::string first = text_in(file + ".sig");
  CHECK(first.size() == 64);

  std::ofstream(file) << "two";
  const ChildEnd second = stepctl("", {"plugin", "sign", file, "--key", key, "--output", "json"});
  CHECK(parse_object(second.out)->at("signature").as_string() == file + ".sig");
  CHECK(text_in(file + ".sig").size() == 64);
  CHECK(text_in(file + ".sig") != first);
  CHECK_FALSE(std::filesystem::exists(file + ".sig.unfinished"));
}

TEST_CASE("what cannot be signed or signed with is named") {
  const TemporaryFolder folder;
  const std::string key = folder.path() / "build.key";
  const std::string file = folder.path() / "a.so";
  std::ofstream(file) << "one";
  REQUIRE(stepctl("", {"plugin", "keygen", key}).code == 0);
  const auto refused = [&](const std::string& what, const std::string& with) {
    const ChildEnd end = stepctl("", {"plugin", "sign", what, "--key", with});
    CHECK(end.code == 2);
    return end.err;
  };

  CHECK_THAT(refused(file + "x", key), Contains("a.sox is no file that is there"));
  CHECK_THAT(refused(file, key + "x"), Contains("cannot read the key") && Contains("No such file"));
  CHECK_THAT(refused(file, key + ".pub"), Contains("holds no private key of Ed25519 in PEM"));
  CHECK_FALSE(std::filesystem::exists(file + ".sig"));
}

TEST_CASE("the lock of what is loaded is printed in order and of nothing else") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, plugins(R"(
        {"id":"hash","sha256":"bb","refused":null},
        {"id":"bank","sha256":"aa","refused":null},
        {"id":"bad","sha256":"cc","refused":"is locked out"},
        {"id":null,"sha256":null,"refused":"it is no ELF file"})")};
  });

  const ChildEnd end = stepctl(daemon.address(), {"plugin", "lock"});

  CHECK(end.code == 0);
  CHECK(end.out == "bank sha256:aa\nhash sha256:bb\n");
  const ChildEnd json = stepctl(daemon.address(), {"plugin", "lock", "--output", "json"});
  CHECK(parse_object(json.out)->at("builds").as_array().size() == 2);
}

TEST_CASE("a plugin is listed and shown with its warning and its signer") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, plugins(R"(
        {"id":"bank","version":"1","file":"/p/bank.so","step_types":["bank.out"],"refused":null,
         "sha256":"abc","signed_by":null,"warning":"/p/bank.so is not signed"},
        {"id":"hash","version":"1","file":"/p/hash.so","step_types":["hash.it"],"refused":null,
         "sha256":"def","signed_by":"/k/build.pub","warning":null})")};
  });

  const std::string list = stepctl(daemon.address(), {"plugin", "list"}).out;
  CHECK_THAT(list,
             Contains("bank.out (warning: /p/bank.so is not signed)\n") && Contains("hash.it\n"));
  CHECK_THAT(stepctl(daemon.address(), {"plugin", "show", "bank"}).out,
             Contains("warning     /p/bank.so is not signed") && Contains("sha256      abc"));
  CHECK_THAT(stepctl(daemon.address(), {"plugin", "show", "hash"}).out,
             Contains("signed by   /k/build.pub"));
}
