#include "tools/stepctl/plugin_options.hpp"

#include <CLI/CLI.hpp>
#include <variant>

namespace stepd::stepctl {

void add_trust_commands(const std::function<CLI::App*(const std::string&, const std::string&,
                                                      const std::string&)>& make,
                        std::map<CLI::App*, Command>& commands) {
  CLI::App* keygen =
      make("keygen", "Make a pair of Ed25519 keys to sign plugins with",
           "  stepctl plugin keygen build.key      the private key; build.key.pub is the public\n");
  auto& pair = std::get<MakeKeys>(commands.insert_or_assign(keygen, MakeKeys{}).first->second);
  keygen->add_option("FILE", pair.file, "Where the private key goes; FILE.pub gets the public one")
      ->required()
      ->type_name("");

  CLI::App* sign = make("sign", "Sign a plugin; the signature goes into FILE.sig",
                        "  stepctl plugin sign bank.so --key build.key\n");
  auto& signing = std::get<SignPlugin>(commands.insert_or_assign(sign, SignPlugin{}).first->second);
  sign->add_option("FILE", signing.file, "The plugin")->required()->type_name("");
  sign->add_option("--key", signing.key, "The private key, in PEM (see: stepctl plugin keygen)")
      ->required()
      ->type_name("FILE");

  CLI::App* lock = make("lock", "Print the lines of plugins.lock that allow what is loaded now",
                        "  stepctl plugin lock > plugins.lock\n"
                        "  stepctl plugin lock | diff plugins.lock -\n");
  commands.insert_or_assign(lock, LockPlugins{});
}

}  // namespace stepd::stepctl
