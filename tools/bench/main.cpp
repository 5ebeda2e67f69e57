#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>

#include "tools/bench/measures.hpp"

namespace {

using stepd::bench::Figure;
using stepd::bench::Plan;

/// A folder that is gone when the run is over.
class Workplace {
 public:
  explicit Workplace(std::filesystem::path parent) {
    std::string name = (std::move(parent) / "stepd-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder " + name);
    path_ = name;
  }
  ~Workplace() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void say(const std::string& text) { std::cerr << "  " << text << '\n'; }

void print_table(const std::vector<Figure>& figures) {
  std::printf("%-36s %12s %-7s %12s %7s %10s %10s\n", "", "value", "", "floor", "ratio",
              "CPU us/job", "bytes/job");
  for (const Figure& figure : figures) {
    std::printf("%-36s %12.1f %-7s", figure.name.c_str(), figure.value, figure.unit.c_str());
    const auto cell = [](int width, int digits, double value) {
      if (value == 0) {
        std::printf(" %*s", width, "");
      } else {
        std::printf(" %*.*f", width, digits, value);
      }
    };
    cell(12, 1, figure.floor);
    cell(7, 2, figure.ratio);
    cell(10, 1, figure.cpu_microseconds_per_job);
    cell(10, 0, figure.bytes_per_job);
    std::printf("\n");
  }
}

void print_json(const std::vector<Figure>& figures) {
  boost::json::array lines;
  for (const Figure& figure : figures) {
    lines.push_back({{"name", figure.name},
                     {"value", figure.value},
                     {"unit", figure.unit},
                     {"floor", figure.floor},
                     {"ratio", figure.ratio},
                     {"cpu_microseconds_per_job", figure.cpu_microseconds_per_job},
                     {"bytes_per_job", figure.bytes_per_job}});
  }
  std::cout << boost::json::serialize(boost::json::object{{"figures", lines}}) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path here = std::filesystem::canonical("/proc/self/exe").parent_path();
  Plan plan{.stepd = here / "stepd", .plugins = here.parent_path() / "plugins"};
  std::filesystem::path parent = std::filesystem::temp_directory_path();
  bool json = false;
  CLI::App app(
      "Measures stepd beside the floor: a bare SQLite doing the same job in the same run.");
  app.add_option("--jobs", plan.jobs, "jobs of three steps to drain")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--alone", plan.alone, "jobs run one at a time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--backlog", plan.backlog, "queued jobs of the large backlog")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--unsettled", plan.unsettled, "unsettled jobs at the kill")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--timers", plan.timers, "jobs that wait on disk at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--subtasks", plan.subtasks, "subtasks of one distributed task")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--calls", plan.calls, "calls of a plugin in a process of its own")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  const std::vector<std::string> measures(stepd::bench::measures.begin(),
                                          stepd::bench::measures.end());
  app.add_option("--only", plan.only, "of the measures these alone; the floor is always there")
      ->check(CLI::IsMember(measures));
  app.add_option("--folder", parent, "where to work; its disk is what is measured")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory);
  app.add_option("--stepd", plan.stepd, "the daemon")->capture_default_str();
  app.add_option("--plugins", plan.plugins, "the folder with demo.so")->capture_default_str();
  app.add_flag("--in-process", plan.in_process,
               "run the plugin in the daemon's own process (drain measures both ways)");
  app.add_flag("--json", json, "print JSON instead of a table");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    const Workplace workplace(parent);
    plan.folder = workplace.path();
    const std::vector<Figure> figures = stepd::bench::measure(plan, say);
    if (json) {
      print_json(figures);
    } else {
      print_table(figures);
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
