#include <catch2/catch.hpp>
#include <map>

#include "host/plugin/plugin_registry.hpp"
#include "host/plugin/step_call.hpp"
#include "tests/plugin/kept_ports.hpp"
#include "tests/plugin/small_plugins.hpp"

using namespace stepd;
using namespace stepd::plugin;
using namespace std::chrono_literals;
using Catch::Contains;
using engine::OutcomeKind;

namespace {

constexpr engine::TimePoint noon{12h};

/// A registry over a folder, begun anew as often as the test wants it.
struct Replacing : PluginsAtHand {
  Replacing() {
    settings.now = [this] { return now; };
    settings.look_again = [this](const std::filesystem::path& file) { asked.push_back(file); };
    begin_anew();
  }

  PluginRegistry::Loading begin_anew() {
    registry.reset();
    registry = std::make_unique<PluginRegistry>(settings);
    (void)registry->load(plugin_files(folder));
    return registry->restore();
  }

  PluginRegistry::Loading load(const std::filesystem::path& file) const {
    return registry->load({file});
  }
  PluginRegistry::Loading remove(const std::filesystem::path& file) const {
    std::filesystem::remove(file);
    return registry->load({file});
  }

  /// What takes new jobs: the version; empty: nothing does.
  [[nodiscard]] std::string loaded() const {
    const auto* type = registry->catalogue()->find("good.echo");
    return type ? type->plugin.substr(type->plugin.find(' ') + 1) : "";
  }
  [[nodiscard]] std::vector<std::string> earlier() const {
    std::vector<std::string> builds;
    for (const auto& [type, withdrawn] : registry->catalogue()->earlier_builds("good.echo")) {
      builds.push_back(type.plugin.substr(type.plugin.find(' ') + 1) +
                       (withdrawn ? ", withdrawn" : ""));
    }
    return builds;
  }
  [[nodiscard]] std::string refusal() const {
    for (const PluginLine& line : registry->lines()) {
      if (line.standing == Standing::refused) return line.refused;
    }
    return "";
  }
  [[nodiscard]] engine::ModuleHash module() const {
    return registry->catalogue()->find("good.echo")->module;
  }
  /// The step is called, on the loaded build or on that one.
  [[nodiscard]] OutcomeKind call(engine::ModuleHash of = {}) const {
    const auto step = registry->find("good.echo", of);
    if (!step) return OutcomeKind::lost;
    KeptPorts ports;
    return run_call(*step, {.id = {{1}, 1}, .step = "s", .args = engine::JsonText("{}")}, ports, {})
        .kind;
  }
  void end(OutcomeKind kind, int times = 1) const {
    for (int time = 0; time < times; ++time) {
      registry->ended(*registry->find("good.echo"),
                      {.kind = kind, .error = {"down", "no connection", {}}});
    }
  }
  engine::TimePoint now = noon;
  std::vector<std::filesystem::path> asked{};
  std::unique_ptr<PluginRegistry> registry{};
};

}  // namespace

TEST_CASE("a newer build takes the place of the one that is loaded") {
  const Replacing at_hand;
  REQUIRE(at_hand.load(at_hand.put("good")).catalogue_changed);
  const auto old = at_hand.module();

  SECTION("from the same file") { (void)at_hand.load(at_hand.put("good_newer", "good")); }
  SECTION("from another file") {
    (void)at_hand.load(at_hand.put("good_newer"));
    CHECK_THAT(at_hand.refusal(), Contains("holds version 1.2.0, which is no newer"));
  }

  CHECK(at_hand.loaded() == "1.10.0");
  CHECK(at_hand.earlier() == std::vector<std::string>{"1.2.0"});
  CHECK(at_hand.call() == OutcomeKind::succeeded);
  CHECK(at_hand.call(old) == OutcomeKind::succeeded);
  CHECK(at_hand.copies() == 2);
}

TEST_CASE("what is loaded goes by the files that are there") {
  const Replacing at_hand;
  const auto older = at_hand.put("good");
  const auto newer = at_hand.put("good_newer");
  (void)at_hand.registry->load({older, newer});
  REQUIRE(at_hand.loaded() == "1.10.0");

  SECTION("the newer one goes") {
    const auto loading = at_hand.remove(newer);
    CHECK(at_hand.loaded() == "1.2.0");
    CHECK(at_hand.refusal().empty());
    REQUIRE(loading.lines.size() == 2);
    CHECK(loading.lines[0].standing == Standing::replaced);
    CHECK(loading.lines[1].standing == Standing::loaded);
  }
  SECTION("the older one goes") {
    (void)at_hand.remove(older);
    CHECK(at_hand.loaded() == "1.10.0");
    CHECK(at_hand.refusal().empty());
  }
  SECTION("both go, though one of them unheard, and one comes back") {
    const auto module = at_hand.module();
    std::filesystem::remove(older);
    CHECK(at_hand.remove(newer).catalogue_changed);
    CHECK(at_hand.loaded().empty());
    CHECK(at_hand.earlier() == std::vector<std::string>{"1.10.0, withdrawn"});
    CHECK(at_hand.call(module) == OutcomeKind::succeeded);

    (void)at_hand.load(at_hand.put("good_newer"));
    CHECK(at_hand.loaded() == "1.10.0");
    CHECK(at_hand.earlier().empty());
    CHECK(at_hand.module() == module);
  }
  SECTION("the newer one is overwritten by the older") {
    std::filesystem::remove(older);
    (void)at_hand.registry->load({at_hand.put("good", "good_newer"), older});
    CHECK(at_hand.loaded() == "1.2.0");
  }
  SECTION("their whole folder is out of sight") {
    std::filesystem::rename(at_hand.folder, at_hand.root.path() / "elsewhere");
    (void)at_hand.registry->load({});
    CHECK(at_hand.loaded() == "1.10.0");
  }
}

TEST_CASE("a build that is refused leaves the one that is loaded in its place") {
  Replacing at_hand;
  const auto file = at_hand.put("good");
  (void)at_hand.load(file);
  at_hand.settings.oldest_job = noon - 1h;

  SECTION("it is no plugin") {
    write_file(file, "overwritten in place");
    CHECK_FALSE(at_hand.load(file).catalogue_changed);
    CHECK_THAT(at_hand.refusal(), Contains("good.so"));
  }
  SECTION("it has the version of another build") {
    at_hand.put("good_rebuilt", "good");
    CHECK_FALSE(at_hand.load(file).catalogue_changed);
    CHECK_THAT(at_hand.refusal(), Contains("is another build of test.good 1.2.0") &&
                                      Contains("start stepd with --dev"));
  }
  CHECK(at_hand.loaded() == "1.2.0");
  CHECK(at_hand.call() == OutcomeKind::succeeded);

  (void)at_hand.begin_anew();
  CHECK(at_hand.loaded() == "1.2.0");
  CHECK(at_hand.call() == OutcomeKind::succeeded);
  CHECK_FALSE(at_hand.refusal().empty());
}

TEST_CASE("while plugins are tried out other bytes may come under one version") {
  Replacing at_hand;
  at_hand.settings.dev = true;
  (void)at_hand.begin_anew();
  (void)at_hand.load(at_hand.put("good"));
  const auto old = at_hand.module();

  CHECK(at_hand.load(at_hand.put("good_rebuilt", "good")).catalogue_changed);

  CHECK(at_hand.module() != old);
  CHECK(at_hand.call(old) == OutcomeKind::succeeded);
}

TEST_CASE("other bytes under one version are taken once no unsettled job knows the first") {
  Replacing at_hand;
  const auto file = at_hand.put("good");
  (void)at_hand.load(file);
  const auto old = at_hand.module();
  at_hand.put("good_rebuilt", "good");

  at_hand.settings.oldest_job = noon;
  (void)at_hand.begin_anew();
  CHECK(at_hand.module() == old);

  at_hand.settings.oldest_job.reset();
  (void)at_hand.begin_anew();
  CHECK(at_hand.module() != old);
}

TEST_CASE("a replaced build stays for as long as a job may refer to it and over a restart") {
  Replacing at_hand;
  (void)at_hand.load(at_hand.put("good"));
  const auto old = at_hand.module();
  (void)at_hand.load(at_hand.put("good_newer", "good"));

  at_hand.settings.oldest_job = noon;
  at_hand.now += 24h;
  (void)at_hand.begin_anew();
  CHECK(at_hand.loaded() == "1.10.0");
  CHECK(at_hand.earlier() == std::vector<std::string>{"1.2.0"});
  CHECK(at_hand.call(old) == OutcomeKind::succeeded);
  CHECK_FALSE(at_hand.registry->forget_builds(noon));

  SECTION("while the host runs") { CHECK(at_hand.registry->forget_builds(noon + 2min)); }
  SECTION("until the host begins anew") {
    at_hand.settings.oldest_job = noon + 2min;
    (void)at_hand.begin_anew();
  }
  SECTION("while no job is unsettled at all") {
    CHECK(at_hand.registry->forget_builds(std::nullopt));
  }
  CHECK(at_hand.loaded() == "1.10.0");
  CHECK(at_hand.earlier().empty());
  CHECK(at_hand.call(old) == OutcomeKind::lost);
  CHECK(at_hand.copies() == 1);
}

TEST_CASE("a build that went while no host ran undoes what it did") {
  Replacing at_hand;
  const auto file = at_hand.put("good");
  (void)at_hand.load(file);
  const auto old = at_hand.module();
  at_hand.settings.oldest_job = noon;
  std::filesystem::remove(file);

  (void)at_hand.begin_anew();

  CHECK(at_hand.loaded().empty());
  CHECK(at_hand.earlier() == std::vector<std::string>{"1.2.0, withdrawn"});
  CHECK(at_hand.call(old) == OutcomeKind::succeeded);
}

TEST_CASE("a copy or record that was tampered with is no build") {
  Replacing at_hand;
  (void)at_hand.load(at_hand.put("good"));
  (void)at_hand.load(at_hand.put("good_newer", "good"));
  at_hand.settings.oldest_job = noon;
  const std::string tampered_with = GENERATE(".json", ".so");
  for (const auto& file : ModuleFolder(at_hand.settings.modules).files()) {
    if (file.extension() != tampered_with) continue;
    std::filesystem::remove(file);  // a copy is mapped into this process
    write_file(file, "tampered with");
  }

  (void)at_hand.begin_anew();

  CHECK(at_hand.loaded() == "1.10.0");
  CHECK(at_hand.earlier().empty());
  CHECK(at_hand.copies() == 1);
}

TEST_CASE("a build whose first calls fail where the one before succeeded is taken back") {
  Replacing at_hand;
  const auto file = at_hand.put("good");
  (void)at_hand.load(file);
  at_hand.end(OutcomeKind::succeeded);
  (void)at_hand.load(at_hand.put("good_newer", "good"));
  const auto failing = at_hand.module();
  at_hand.end(OutcomeKind::refused, 5);  // an answer about the arguments
  at_hand.end(OutcomeKind::retry, 2);
  REQUIRE(at_hand.asked.empty());

  at_hand.end(OutcomeKind::retry);
  REQUIRE(at_hand.asked == std::vector{file});
  at_hand.settings.oldest_job = noon;

  SECTION("while the host runs") { CHECK(at_hand.load(file).catalogue_changed); }
  SECTION("and stays so over a restart") {
    (void)at_hand.load(file);
    (void)at_hand.begin_anew();
  }
  SECTION("and stays so when no job is left") {
    (void)at_hand.load(file);
    at_hand.settings.oldest_job.reset();
    (void)at_hand.begin_anew();
    (void)at_hand.begin_anew();
    CHECK(at_hand.loaded() == "1.2.0");
    CHECK_THAT(at_hand.refusal(), Contains("which was taken back for 1.2.0"));
    return;
  }
  CHECK(at_hand.loaded() == "1.2.0");
  CHECK(at_hand.earlier() == std::vector<std::string>{"1.10.0, withdrawn"});
  CHECK(at_hand.call(failing) == OutcomeKind::succeeded);
  CHECK_THAT(at_hand.refusal(),
             Contains("holds build 1.10.0 of test.good, which was taken back for 1.2.0: the first "
                      "3 calls of good.echo failed (the last: down: no connection); copy a "
                      "corrected build here"));

  (void)at_hand.remove(file);
  CHECK(at_hand.loaded().empty());
}

TEST_CASE("a build that may have to come back is not let go though no job refers to it") {
  const Replacing at_hand;
  (void)at_hand.load(at_hand.put("good"));
  at_hand.end(OutcomeKind::succeeded);
  (void)at_hand.load(at_hand.put("good_newer", "good"));

  CHECK_FALSE(at_hand.registry->forget_builds(std::nullopt));

  at_hand.end(OutcomeKind::succeeded);
  CHECK(at_hand.registry->forget_builds(std::nullopt));
}

TEST_CASE("a build is not taken back when it is no worse than the one before") {
  const Replacing at_hand;
  (void)at_hand.load(at_hand.put("good"));
  SECTION("which had failed, too") {
    at_hand.end(OutcomeKind::succeeded);
    at_hand.end(OutcomeKind::retry);
    (void)at_hand.load(at_hand.put("good_newer", "good"));
  }
  SECTION("which was never called") { (void)at_hand.load(at_hand.put("good_newer", "good")); }
  SECTION("because it has succeeded once") {
    at_hand.end(OutcomeKind::succeeded);
    (void)at_hand.load(at_hand.put("good_newer", "good"));
    at_hand.end(OutcomeKind::retry, 2);
    at_hand.end(OutcomeKind::succeeded);
  }

  at_hand.end(OutcomeKind::retry, 10);

  CHECK(at_hand.asked.empty());
}

TEST_CASE("a build that does not load again is kept for the next try") {
  Replacing at_hand;
  (void)at_hand.load(at_hand.put("good"));
  const auto old = at_hand.module();
  (void)at_hand.load(at_hand.put("good_newer", "good"));
  at_hand.settings.oldest_job = noon;
  const auto probe = std::exchange(at_hand.settings.probe, {.command = {"/nowhere/stepd"}});

  (void)at_hand.begin_anew();
  CHECK(at_hand.earlier().empty());
  CHECK(at_hand.copies() == 2);

  at_hand.settings.probe = probe;
  (void)at_hand.begin_anew();
  CHECK(at_hand.loaded() == "1.10.0");
  CHECK(at_hand.call(old) == OutcomeKind::succeeded);
  CHECK(at_hand.refusal().empty());
}

TEST_CASE("a plugin whose step types were taken is loaded once they are free") {
  const Replacing at_hand;
  const auto first = at_hand.put("good");
  const auto second = at_hand.put("same_type");
  (void)at_hand.registry->load({first, second});
  REQUIRE_THAT(at_hand.refusal(), Contains("offers already"));

  (void)at_hand.remove(first);

  CHECK(at_hand.registry->catalogue()->find("good.echo")->plugin == "test.same_type 1.2.0");
  CHECK(at_hand.refusal().empty());
}

TEST_CASE("what is loaded tells once what became of a file") {
  const Replacing at_hand;
  const auto older = at_hand.put("good");
  const auto newer = at_hand.put("good_newer");

  CHECK(at_hand.registry->load({older, newer}).lines.size() == 2);
  CHECK(at_hand.registry->load({newer}).lines.empty());
  CHECK(at_hand.registry->load({older}).lines.size() == 1);
  CHECK(at_hand.registry->lines().size() == 2);
}
