#include "host/daemon/config.hpp"

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.hpp"

namespace stepd::daemon {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

class Files {
 public:
  fs::path write(const std::string& name, const std::string& text) {
    const auto file = folder_.path() / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }
  [[nodiscard]] fs::path path() const { return folder_.path(); }

  /// What loading this text as the configuration file gives.
  LoadedConfig load(const std::string& text, Overrides overrides = {}) {
    overrides.config_file = write("given.toml", text);
    return load_config(overrides, surroundings());
  }
  [[nodiscard]] Surroundings surroundings() const {
    return {.root = false, .home = path() / "home", .state_home = {}, .installed_plugins = {}};
  }

 private:
  support::TemporaryFolder folder_;
};

std::vector<std::string> texts_of(const std::vector<ConfigProblem>& problems) {
  std::vector<std::string> texts;
  for (const auto& problem : problems) texts.push_back(to_text(problem));
  return texts;
}

TEST_CASE("without any configuration everything has its place") {
  const Surroundings user{.root = false,
                          .home = "/home/ada",
                          .state_home = {},
                          .installed_plugins = "/usr/lib/stepd/plugins"};

  const auto loaded = load_config({}, user);

  CHECK(loaded.problems.empty());
  CHECK(loaded.config.state_dir == "/home/ada/.local/state/stepd");
  CHECK(loaded.config.plugins ==
        std::vector<fs::path>{"/home/ada/.local/state/stepd/plugins", "/usr/lib/stepd/plugins"});
  CHECK(loaded.config.listen ==
        std::vector<std::string>{"unix:/home/ada/.local/state/stepd/stepd.sock"});
  CHECK(loaded.config.workers == 64);
  CHECK_FALSE(loaded.config.real_steps);
}

TEST_CASE("the state is where the environment says") {
  Surroundings at{.root = false, .home = "/home/ada", .state_home = "x", .installed_plugins = {}};
  CHECK(load_config({}, at).config.state_dir == "/home/ada/.local/state/stepd");
  at.state_home = "/x";
  CHECK(load_config({}, at).config.state_dir == "/x/stepd");
  at.root = true;
  CHECK(load_config({}, at).config.state_dir == "/var/lib/stepd");
  CHECK(load_config({.state_dir = "/y/"}, at).config.listen ==
        std::vector<std::string>{"unix:/y/stepd.sock"});
}

TEST_CASE("without a place for the state there is a problem with a remedy") {
  const auto loaded = load_config({}, {});
  REQUIRE(loaded.problems.size() == 1);
  CHECK(loaded.problems[0].place == "--state-dir");
}

TEST_CASE("a file in the state folder is read by itself") {
  Files files;
  files.write("state/stepd.toml", "workers = 3\n");

  const auto loaded = load_config({.state_dir = files.path() / "state"}, files.surroundings());

  CHECK(loaded.problems.empty());
  CHECK(loaded.file == files.path() / "state/stepd.toml");
  CHECK(loaded.config.workers == 3);
}

TEST_CASE("every key of the file is taken") {
  Files files;
  fs::permissions(files.write("secret", "0123456789abcdef\n"), fs::perms::owner_read);
  const auto loaded = files.load(R"(
state_dir = "state"
plugins = ["one", "/two"]
listen = ["unix:/run/s.sock", "tcp:127.0.0.1:7711"]
token_file = "secret"
workers = 7
log_level = "debug"
stop_grace = "500ms"
[retention]
succeeded = "3d"
unsuccessful = "30d"
events = "2d"
keys = "60d"
[limits]
args_bytes_max = 2097152
steps_max = 10
[retry.plain]
attempts_max = 4
initial = "250ms"
max = "2m"
multiplier = 3
jitter = 0.5
[retry.saga]
attempts_max = 9
[retry.compensate]
attempts_max = "unlimited"
[plugin."demo.bank"]
folder = "/srv/ledgers"
fee = 1.5
banks = ["north", "south"]
[plugin."demo.bank".limits]
cents = 100
)");

  CHECK(texts_of(loaded.problems) == std::vector<std::string>{});
  const auto& config = loaded.config;
  CHECK(config.state_dir == files.path() / "state");
  CHECK(config.plugins == std::vector<fs::path>{files.path() / "one", "/two"});
  CHECK(config.listen.size() == 2);
  CHECK(config.token_file == files.path() / "secret");
  CHECK(config.workers == 7);
  CHECK(config.log_level == "debug");
  CHECK(config.stop_grace == milliseconds(500));
  CHECK(config.retention.succeeded == hours(72));
  CHECK(config.retention.unsuccessful == hours(720));
  CHECK(config.retention.events == hours(48));
  CHECK(config.retention.keys == hours(1440));
  CHECK(config.limits.args_bytes_max == 2097152);
  CHECK(config.limits.steps_max == 10);
  CHECK(config.retry.plain == engine::RetryPolicy{4, milliseconds(250), minutes(2), 3, 0.5});
  CHECK(config.retry.saga.attempts_max == 9);
  CHECK(config.retry.compensate.attempts_max == 0);
  CHECK(
      boost::json::serialize(config.plugin.at("demo.bank")) ==
      R"({"banks":["north","south"],"fee":1.5E0,"folder":"/srv/ledgers","limits":{"cents":100}})");
}

TEST_CASE("which plugins run where and what their processes may use is taken and told again") {
  Files files;
  const auto loaded = files.load(R"(
in_process = ["demo.bank", "demo.hash"]
environment = ["https_proxy", "AWS_*"]
kill_after = "3s"
[process]
memory_bytes_max = 1000000000
cpu_max = "1500ms"
[process."demo.slow"]
files_max = 64
cpu_max = "1h"
)");
  CHECK(texts_of(loaded.problems) == std::vector<std::string>{});
  CHECK(loaded.config.in_process == std::set<std::string, std::less<>>{"demo.bank", "demo.hash"});
  CHECK_FALSE(loaded.config.all_in_process);
  CHECK(loaded.config.environment == std::vector<std::string>{"https_proxy", "AWS_*"});
  CHECK(loaded.config.kill_after == milliseconds(3000));
  CHECK(loaded.config.process ==
        contained::ProcessLimits{.memory_bytes = 1'000'000'000, .cpu_seconds = 2});
  CHECK(loaded.config.process_of.at("demo.slow") ==
        contained::ProcessLimits{.memory_bytes = 1'000'000'000, .cpu_seconds = 3600, .files = 64});

  const auto again = files.load(to_toml(loaded.config));
  CHECK(texts_of(again.problems) == std::vector<std::string>{});
  CHECK(again.config.process == loaded.config.process);
  CHECK(again.config.process_of == loaded.config.process_of);
  CHECK(again.config.in_process == loaded.config.in_process);

  CHECK(files.load("in_process = [\"*\"]\n").config.all_in_process);
  CHECK(files.load("in_process = [\"a\"]\n", {.in_process = {"b"}}).config.in_process ==
        std::set<std::string, std::less<>>{"b"});
  CHECK(texts_of(files.load("[process]\nfiles_max = 0\n").problems).size() == 1);
  CHECK(texts_of(files.load("[process]\nsomething = 1\n").problems).size() == 1);
}

TEST_CASE("whose plugins are loaded is taken and told again") {
  using plugin::SignaturePolicy;
  // Made with: openssl genpkey -algorithm ed25519 | openssl pkey -pubout
  const std::string key =
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEA5E7QwGLd179N3m4iu/+MgZv5FCi16CqLZtJvKbxpdm4=\n"
      "-----END PUBLIC KEY-----\n";
  Files files;
  files.write("keys/build.pub", key);
  const auto loaded = files.load(R"(
plugins_lock = "plugins.lock"
[signatures]
policy = "require"
keys = ["keys/build.pub"]
)");
  CHECK(texts_of(loaded.problems) == std::vector<std::string>{});
  const auto& trust = loaded.config.trust;
  CHECK(trust.lock == files.path() / "plugins.lock");
  CHECK(trust.signatures == SignaturePolicy::require);
  REQUIRE(trust.keys.size() == 1);
  CHECK(trust.keys[0].file == files.path() / "keys/build.pub");

  const auto again = files.load(to_toml(loaded.config));
  CHECK(texts_of(again.problems) == std::vector<std::string>{});
  CHECK(again.config.trust.lock == trust.lock);
  CHECK(again.config.trust.signatures == trust.signatures);
  CHECK(again.config.trust.keys == trust.keys);

  CHECK(files.load("").config.trust.signatures == SignaturePolicy::off);
  CHECK(files.load("").config.trust.lock.empty());
}

TEST_CASE("keys that cannot be used are named with the remedy before anything starts") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"policy = \"warn\"\n", ": signatures.keys: must name the keys of those who sign plugins"},
      {"policy = \"always\"\n", ":2: signatures.policy: must be off, warn or require"},
      {"keys = [\"none.pub\"]\n", "/none.pub cannot be read: No such file or directory; put it"},
      {"keys = [\"text.pub\"]\n", "/text.pub holds no public key in PEM; write the public key"},
      {"keyz = []\n", ":2: signatures.keyz: is not a key here"},
  }));
  Files files;
  files.write("text.pub", "hello\n");

  const auto problems = texts_of(files.load("[signatures]\n" + text).problems);

  REQUIRE(problems.size() == 1);
  INFO(problems[0]);
  CHECK(problems[0].find(expected) != std::string::npos);
}

TEST_CASE("budgets of step types are taken and told again") {
  Files files;
  const auto loaded = files.load(R"(
[step."bank.transfer"]
cpu_max = "2s"
time_max = "1m"
[step.greet]
time_max = "50ms"
)");
  CHECK(texts_of(loaded.problems) == std::vector<std::string>{});
  const runtime::CallBudgets& budgets = loaded.config.budgets;
  CHECK(budgets.size() == 2);
  CHECK(budgets.at("bank.transfer") ==
        runtime::CallBudget{.cpu = std::chrono::seconds(2), .time = std::chrono::minutes(1)});
  CHECK(budgets.at("greet") == runtime::CallBudget{.cpu = {}, .time = milliseconds(50)});

  CHECK(files.load(to_toml(loaded.config)).config.budgets == budgets);

  CHECK(texts_of(files.load("[step.a]\ncpu_max = \"1ms\"\n").problems).size() == 1);
  CHECK(texts_of(files.load("[step.a]\nmemory_max = 5\n").problems).size() == 1);
  CHECK(texts_of(files.load("[step]\na = 5\n").problems).size() == 1);
}

TEST_CASE("real steps in tests of jobs have to be allowed") {
  Files files;

  CHECK_FALSE(files.load("[rehearsal]\n").config.real_steps);
  CHECK_FALSE(files.load("[rehearsal]\nreal_steps = false\n").config.real_steps);
  CHECK(files.load("[rehearsal]\nreal_steps = true\n").config.real_steps);
  CHECK(files.load("", {.real_steps = true}).config.real_steps);
}

TEST_CASE("the command line counts more than the file") {
  Files files;
  const auto loaded =
      files.load("workers = 7\nlog_level = \"debug\"\nlisten = [\"unix:/a\"]\n",
                 {.listen = {"unix:/b"}, .workers = 2, .log_level = "error", .real_steps = true});

  CHECK(loaded.config.workers == 2);
  CHECK(loaded.config.log_level == "error");
  CHECK(loaded.config.real_steps);
  CHECK(loaded.config.listen == std::vector<std::string>{"unix:/b"});
}

TEST_CASE("what is wrong in the file is named with its file and line and key and the remedy") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"\nworkerz = 3\n", ":2: workerz: is not a key here (did you mean \"workers\"?)"},
      {"workers = \"3\"\n", ":1: workers: must be a whole number from 1 to 1024"},
      {"workers = 0\n", ":1: workers: must be a whole number from 1 to 1024"},
      {"state_dir = 3\n", ":1: state_dir: must be a text"},
      {"plugins = \"one\"\n", ":1: plugins: must be a list of texts"},
      {"log_level = \"loud\"\n", ":1: log_level: must be debug, info, warn, error or off"},
      {"[retention]\nsucceeded = 7\n", ":2: retention.succeeded: must be a span of time"},
      {"[retention]\nsucceeded = \"7 days\"\n", ":2: retention.succeeded: must be a span of time"},
      {"[retention]\nlonger = \"7d\"\n", ":2: retention.longer: is not a key here"},
      {"retention = 7\n", ":1: retention: must be a table: write [retention]"},
      {"[retry.saga]\nattempts_max = \"unlimited\"\n", ":2: retry.saga.attempts_max: must be"},
      {"[retry.plain]\njitter = 2.0\n", ":2: retry.plain.jitter: must be a number from 0 to 1"},
      {"[rehearsal]\nreal_steps = 1\n", ":2: rehearsal.real_steps: must be true or false"},
      {"[plugin]\ndemo = 3\n", ":2: plugin.demo: must be a table"},
      {"workers = \n", ":1: is not TOML"},
  }));
  Files files;

  const auto problems = texts_of(files.load(text).problems);

  REQUIRE(problems.size() == 1);
  INFO(problems[0]);
  CHECK(problems[0].starts_with((files.path() / "given.toml").string() + expected));
}

TEST_CASE("all problems of a file are named and not only the first") {
  Files files;
  CHECK(files.load("a = 1\nworkers = 0\n[limits]\nb = 2\n").problems.size() == 3);
}

TEST_CASE("a configuration file that was named must be there") {
  const auto loaded = load_config({.config_file = "/nowhere/stepd.toml", .state_dir = "/x"}, {});
  REQUIRE(loaded.problems.size() == 1);
  CHECK(loaded.problems[0].place == "/nowhere/stepd.toml");
}

TEST_CASE("addresses are judged before anything starts") {
  const auto address = GENERATE(as<std::string>{}, "unix:", "tcp:127.0.0.1", "tcp:127.0.0.1:70000",
                                "tcp:192.0.2.1:80", "http://x", "stepd.sock");
  const auto loaded = load_config({.state_dir = "/x", .listen = {address}}, {});
  INFO(address);
  REQUIRE(loaded.problems.size() == 1);
  CHECK_FALSE(loaded.problems[0].message.empty());
}

TEST_CASE("a tcp address needs a token file") {
  Files files;
  const Overrides overrides{.state_dir = files.path(), .listen = {"tcp:127.0.0.1:7711"}};
  const auto without = load_config(overrides, {});
  REQUIRE(without.problems.size() == 1);
  CHECK(without.problems[0].key == "token_file");

  const auto token = files.write("token", "0123456789abcdef\n");
  fs::permissions(token, fs::perms::owner_read);

  const auto with = load_config(overrides, {});
  CHECK(texts_of(with.problems) == std::vector<std::string>{});
  CHECK(with.config.token_file == token);
}

TEST_CASE("the configuration in effect can be read again and is the same") {
  Files files;
  const auto first = files.load(R"(
workers = 9
[retention]
succeeded = "90m"
[retry.saga]
multiplier = 1.5
[rehearsal]
real_steps = true
[plugin."demo.bank"]
"odd \"key\"" = [1, {deep = true}]
fee = 2.0
)");
  REQUIRE(texts_of(first.problems) == std::vector<std::string>{});

  const auto again = files.load(to_toml(first.config));

  CHECK(texts_of(again.problems) == std::vector<std::string>{});
  CHECK(to_toml(again.config) == to_toml(first.config));
  CHECK(again.config.plugin == first.config.plugin);
  CHECK(again.config.retention == first.config.retention);
  CHECK(again.config.real_steps);
}

TEST_CASE("A4: spans are written as they are in a job") {
  Files files;
  const auto loaded = files.load("stop_grace = \"1.5h\"\n[retention]\nkeys = \"36525d\"\n");

  CHECK(texts_of(loaded.problems) == std::vector<std::string>{});
  CHECK(loaded.config.stop_grace == minutes(90));
  CHECK(loaded.config.retention.keys == hours(24 * 36'525));
}

TEST_CASE("D5: a retention that is over at once is refused") {
  Files files;
  const auto key = GENERATE(as<std::string>{}, "succeeded", "unsuccessful", "keys");
  const auto span = GENERATE(as<std::string>{}, "0s", "999ms", "36526d");

  const auto problems =
      texts_of(files.load("[retention]\n" + key + " = \"" + span + "\"\n").problems);

  REQUIRE(problems.size() == 1);
  INFO(problems[0]);
  CHECK(problems[0].ends_with("from 1s to 36525d"));
}

TEST_CASE("a plugin that is configured and not there is named") {
  Config config;
  config.plugin["bank"] = {};
  config.plugin["demo.bank"] = {};

  CHECK(unclaimed(config, {{.file = "/p/bank.so", .id = "bank"}}) ==
        std::vector<std::string>{"demo.bank"});
}

}  // namespace
}  // namespace stepd::daemon
