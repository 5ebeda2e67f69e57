#include "host/daemon/command_line.hpp"

#include <catch2/catch.hpp>

#include "host/daemon/exit_codes.hpp"

namespace stepd::daemon {
namespace {

Command parse(std::vector<const char*> words) {
  words.insert(words.begin(), "stepd");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

TEST_CASE("flags that may be given more than once keep their order") {
  const auto run =
      std::get<Run>(parse({"--state-dir", "/s p", "--plugins", "a", "--plugins", "b", "--listen",
                           "unix:/x", "--workers", "3", "--log-level", "debug", "--real-steps"}));

  CHECK(run.overrides.state_dir == "/s p");
  CHECK(run.overrides.plugins == std::vector<std::filesystem::path>{"a", "b"});
  CHECK(run.overrides.listen == std::vector<std::string>{"unix:/x"});
  CHECK(run.overrides.workers == 3);
  CHECK(run.overrides.log_level == "debug");
  CHECK(run.overrides.real_steps);
  CHECK_FALSE(run.check_config);
}

TEST_CASE("without any flag nothing is overridden") {
  const auto run = std::get<Run>(parse({}));
  CHECK_FALSE(run.overrides.state_dir);
  CHECK_FALSE(run.overrides.config_file);
  CHECK_FALSE(run.overrides.workers);
  CHECK(run.overrides.plugins.empty());
  CHECK_FALSE(run.overrides.real_steps);
}

TEST_CASE("help and version are said and are no error") {
  CHECK(std::get<Say>(parse({"--help"})).exit_code == exit_ok);
  CHECK(std::get<Say>(parse({"--version"})).text.starts_with("stepd "));
  CHECK(std::get<Say>(parse({"--help"})).text.find("--probe-plugin") == std::string::npos);
}

TEST_CASE("a wrong command line is refused with exit code 2") {
  const auto words = GENERATE(values<std::vector<const char*>>({{"--nonsense"},
                                                                {"--workers", "0"},
                                                                {"--workers", "many"},
                                                                {"--log-level", "loud"},
                                                                {"--plugins"},
                                                                {"stray"}}));
  const auto say = std::get<Say>(parse(words));
  CHECK(say.exit_code == exit_usage);
  CHECK(say.text.starts_with("stepd: "));
}

TEST_CASE("a module is probed in place of running") {
  CHECK(std::get<Probe>(parse({"--probe-plugin", "/m.so"})).module == "/m.so");
}

}  // namespace
}  // namespace stepd::daemon
