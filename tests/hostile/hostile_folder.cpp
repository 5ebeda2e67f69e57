#include "tests/hostile/hostile_folder.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>
#include <future>
#include <iterator>

#include "host/plugin/utf8.hpp"
#include "tests/plugin/kept_ports.hpp"
#include "tests/support/watched.hpp"

namespace stepd::tests {
namespace {

using namespace std::chrono_literals;

/// Remembers nothing of what a plugin says, however much that is.
class DeafPorts final : public plugin::KeptPorts {
 public:
  void log(std::int32_t, std::string_view, std::string_view) override {}
  void progress(std::uint32_t, std::string) override {}
  void heartbeat() override {}
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

contained::ProcessSettings hasty(const std::filesystem::path& root) {
  return {.command = {STEPD_TEST_PROCESS},
          .record = root / "processes",
          .open_limit = 1500ms,
          .start_limit = 1500ms,
          .stop_grace = 200ms,
          .host_version = "0.1.0",
          .limits = {},
          .log = [](std::string_view, std::int32_t, std::string_view) {}};
}

}  // namespace

std::string plugin_bytes(const std::string& name) {
  std::ifstream stream(std::string(STEPD_TEST_MODULES) + "/" + name + ".so", std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void demand_refusal(const plugin::PluginLine& line) {
  INFO(line.refused);
  const auto cure = line.refused.rfind("; ");
  CHECK(line.refused.starts_with(line.file + " "));
  CHECK(cure != std::string::npos);
  CHECK(cure > line.file.size() + 5);
  CHECK(line.refused.size() > cure + 5);
  CHECK(line.refused.size() < 4000);
  CHECK(plugin::utf8_prefix(line.refused) == line.refused.size());
}

HostileFolder::HostileFolder()
    : descriptors_before_(open_descriptors()), folder_(root_.path() / "plugins") {
  // Whom a plugin's process leaves behind is heard of.
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  std::filesystem::create_directory(folder_);
  containment_.emplace(hasty(root_.path()), count_.tried);
}

plugin::RegistrySettings HostileFolder::settings() {
  return {.modules = root_.path() / "modules",
          .probe = {},
          .configuration = {},
          .host_version = "0.1.0",
          .containment = &*containment_,
          .log = {}};
}

void HostileFolder::judge(const std::filesystem::path& file) {
  ++count_.judged;
  // What another file held would stand in for one that is refused.
  std::filesystem::remove_all(settings().modules);
  plugin::PluginRegistry registry(settings());
  const auto loading = registry.load({file});
  REQUIRE(loading.lines.size() == 1);
  REQUIRE(registry.lines() == loading.lines);
  const auto& line = loading.lines.front();
  if (!line.refused.empty()) return demand_refusal(line);
  ++count_.loaded;
  if (line.step_types.empty()) return;
  call(registry, line.step_types[count_.judged % line.step_types.size()]);
}

void HostileFolder::judge_bytes(std::uint64_t number, const std::string& bytes) {
  const auto hostile = file("hostile-" + std::to_string(number) + ".so");
  std::ofstream(hostile, std::ios::binary) << bytes;
  judge(hostile);
  std::filesystem::remove(hostile);
}

void HostileFolder::call(const plugin::PluginRegistry& registry, const std::string& type) {
  const auto step = registry.find(type);
  REQUIRE(step != nullptr);
  const engine::CallRequest request{
      .id = {{1}, 1}, .step = "s", .type = type, .args = engine::JsonText("{}")};
  DeafPorts ports;
  std::stop_source stop;
  auto running = std::async(std::launch::async,
                            [&] { return step->contained->run(request, ports, stop.get_token()); });
  if (running.wait_for(500ms) != std::future_status::ready) stop.request_stop();
  count_.succeeded += running.get().kind == engine::OutcomeKind::succeeded ? 1 : 0;
}

void HostileFolder::demand_nothing_left() {
  containment_.reset();
  CHECK(eventually([] { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }));
  CHECK(open_descriptors() == descriptors_before_);
}

}  // namespace stepd::tests
