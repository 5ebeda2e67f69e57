#include "host/plugin/plugin_trust.hpp"

#include <catch2/catch.hpp>

#include "host/plugin/plugin_lock.hpp"
#include "tests/plugin/signing_key.hpp"

using namespace stepd::plugin;
using Catch::Contains;
using std::filesystem::perms;
using stepd::support::TemporaryFolder;

namespace {

std::string fault_of_key(const std::filesystem::path& file) {
  const auto read = read_public_key(file);
  const auto* fault = std::get_if<std::string>(&read);
  return fault == nullptr ? "" : *fault;
}

/// A plugins folder, a lock and two keys, of which the first is known.
struct Trusting : PluginsAtHand {
  SigningKey known;
  SigningKey unknown;
  std::filesystem::path key_file = root.path() / "known.pub";
  std::filesystem::path lock = root.path() / "plugins.lock";

  explicit Trusting(SignaturePolicy policy) {
    known.write_public(key_file);
    settings.trust.signatures = policy;
    settings.trust.keys.push_back(std::get<PublicKey>(read_public_key(key_file)));
  }
};

PluginLine only_line(const PluginRegistry& registry) {
  const auto lines = registry.lines();
  REQUIRE(lines.size() == 1);
  return lines.front();
}

PluginLine line_after_loading(PluginRegistry& registry, const std::filesystem::path& file) {
  static_cast<void>(registry.load({file}));
  return only_line(registry);
}

}  // namespace

TEST_CASE("a public key is read from PEM and anything else is refused with the remedy") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.pub";
  const SigningKey key;
  key.write_public(file);

  const auto read = read_public_key(file);

  const auto& known = std::get<PublicKey>(read);
  CHECK(known.file == file);
  CHECK(is_signed("text", key.signature("text"), known));
  CHECK_FALSE(is_signed("Text", key.signature("text"), known));
  CHECK_FALSE(is_signed("text", SigningKey().signature("text"), known));
  CHECK_FALSE(is_signed("text", "short", known));

  permissions(file, perms(0666));
  CHECK_THAT(fault_of_key(file), Contains("may be written to by everybody"));
  CHECK_THAT(fault_of_key(folder.path() / "none"), Contains("No such file"));
  key.write_private(folder.path() / "private");
  CHECK_THAT(fault_of_key(folder.path() / "private"),
             Contains("holds a private key") && Contains("openssl pkey -in PRIVATE -pubout"));
  write_file(folder.path() / "text", "hello");
  CHECK_THAT(fault_of_key(folder.path() / "text"), Contains("holds no public key in PEM"));
  SigningKey("X25519").write_public(folder.path() / "other");
  CHECK_THAT(fault_of_key(folder.path() / "other"), Contains("of another kind than Ed25519"));
}

TEST_CASE("what nobody has signed is refused and loaded once a known key has signed it") {
  Trusting at_hand(SignaturePolicy::require);
  PluginRegistry registry(at_hand.settings);
  const auto file = at_hand.put("good");

  CHECK_THAT(line_after_loading(registry, file).refused,
             Contains("is not signed: there is no " + file.string() + ".sig; sign it") &&
                 Contains("stepctl plugin sign " + file.string()));
  write_file(file.string() + ".sig", "short");
  CHECK_THAT(line_after_loading(registry, file).refused,
             Contains("has 5 bytes and a signature 64"));
  write_file(file.string() + ".sig", std::string(65, 'x'));
  CHECK_THAT(line_after_loading(registry, file).refused, Contains("65 bytes and may have 64"));
  at_hand.unknown.sign(file);
  CHECK_THAT(line_after_loading(registry, file).refused, Contains("is signed by none of the keys"));
  CHECK(registry.catalogue()->types.empty());

  at_hand.known.sign(file);
  const auto loaded = line_after_loading(registry, file);
  CHECK(loaded.refused.empty());
  CHECK(loaded.warning.empty());
  CHECK(loaded.signed_by == at_hand.key_file.string());
  CHECK(loaded.sha256.size() == 64);
}

TEST_CASE("a signature is about the bytes it was made of and about no others") {
  Trusting at_hand(SignaturePolicy::require);
  PluginRegistry registry(at_hand.settings);
  const auto file = at_hand.put("good");
  at_hand.known.sign(file);

  at_hand.put("good_rebuilt", "good");

  CHECK_THAT(line_after_loading(registry, file).refused, Contains("or was changed since"));
}

TEST_CASE("with a warning what is unsigned is loaded and told of until it is signed") {
  Trusting at_hand(SignaturePolicy::warn);
  PluginRegistry registry(at_hand.settings);
  const auto file = at_hand.put("good");

  auto line = line_after_loading(registry, file);
  CHECK(line.refused.empty());
  CHECK(line.signed_by.empty());
  CHECK_THAT(line.warning, Contains("is not signed") && Contains("stepctl plugin sign"));

  at_hand.known.sign(file);
  line = line_after_loading(registry, file);
  CHECK(line.warning.empty());
  CHECK(line.signed_by == at_hand.key_file.string());

  std::filesystem::remove(file.string() + ".sig");
  const auto loading = registry.load({file});
  REQUIRE(loading.doubted.size() == 1);
  CHECK_THAT(loading.doubted.front().warning, Contains("is not signed"));
  CHECK(registry.load({file}).doubted.empty());
}

TEST_CASE("signatures that nobody asks for are not looked at") {
  Trusting at_hand(SignaturePolicy::off);
  PluginRegistry registry(at_hand.settings);
  const auto file = at_hand.put("good");
  write_file(file.string() + ".sig", "nonsense");

  const auto line = line_after_loading(registry, file);

  CHECK(line.refused.empty());
  CHECK(line.warning.empty());
  CHECK(line.signed_by.empty());
}

TEST_CASE("a lock lets in the builds it lists and says which line is missing") {
  Trusting at_hand(SignaturePolicy::off);
  at_hand.settings.trust.lock = at_hand.lock;
  PluginRegistry registry(at_hand.settings);
  const auto file = at_hand.put("good");

  const auto first = line_after_loading(registry, file);
  const std::string wanted = "test.good sha256:" + first.sha256;
  CHECK_THAT(first.refused, Contains("is locked out: the lock " + at_hand.lock.string()) &&
                                Contains("No such file") && Contains(wanted));
  write_file(at_hand.lock, "# nothing yet\n\n");
  CHECK_THAT(
      line_after_loading(registry, file).refused,
      Contains("does not list plugin test.good; if it is wanted, add this line there: " + wanted));
  write_file(at_hand.lock, "test.good sha256:" + std::string(64, '0') + "\n");
  CHECK_THAT(line_after_loading(registry, file).refused,
             Contains("is another build of test.good than") && Contains(wanted));
  write_file(at_hand.lock, "test.good sha256:" + std::string(64, '0') + "\n" + wanted + " # old\n");
  CHECK(line_after_loading(registry, file).refused.empty());

  write_file(at_hand.lock, "");
  const auto locked_out_later = line_after_loading(registry, file);
  CHECK(locked_out_later.refused.empty());
  CHECK_THAT(locked_out_later.warning,
             Contains("would be refused at the next start") && Contains(wanted));
}

TEST_CASE("a lock that cannot be understood or that others may write to lets nothing in") {
  const TemporaryFolder root;
  const auto lock = root.path() / "plugins.lock";
  const std::string hash(64, 'a');
  const auto fault_with = [&](const std::string& text) {
    write_file(lock, text);
    return locked_out(lock, {.id = "demo", .sha256 = hash}).value_or("");
  };
  const std::string good = "demo sha256:" + hash;

  CHECK(fault_with(good).empty());
  CHECK(fault_with("  " + good + "\r\n").empty());
  for (const std::string& bad :
       {std::string("demo"), "demo " + hash, "demo sha256:" + hash.substr(1),
        "demo sha256:" + std::string(64, 'A'), good + " more"}) {
    INFO(bad);
    CHECK_THAT(fault_with("# first\n" + good + "\n" + bad + "\n"),
               Contains("line 3 of the lock") && Contains("mend that line"));
  }
  static_cast<void>(fault_with(good));
  permissions(lock, perms(0666));
  CHECK_THAT(fault_with(good), Contains("may be written to by everybody"));
}

TEST_CASE("a signature is the news of its plugin and any other file of itself") {
  CHECK(signed_file("/p/a.so.sig") == "/p/a.so");
  CHECK(signed_file("/p/a.so") == "/p/a.so");
  CHECK(signed_file("/p/a.sig") == "/p/a");
}
