#include "host/workshop/validation.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <functional>
#include <random>
#include <set>

#include "host/engine/schema.hpp"
#include "host/workshop/conduct.hpp"
#include "host/workshop/file_checks.hpp"
#include "host/workshop/trial_process.hpp"
#include "host/workshop/workshop_main.hpp"

namespace stepd::workshop {

namespace json = boost::json;

namespace {

std::string_view name_of(Verdict verdict) {
  constexpr std::array<std::string_view, 3> names{"passed", "failed", "skipped"};
  return names[static_cast<std::size_t>(verdict)];
}

/// The checks of one file as they are made.
class Protocol final {
 public:
  Protocol(const ValidatePlugin& work, bool as_json, Report& report)
      : work_(work), json_(as_json), report_(report), seed_(work.seed.value_or(any_seed())) {}

  [[nodiscard]] bool wants(const std::string& name) {
    known_.push_back(name);
    return work_.only.empty() || work_.only == name;
  }
  /// Makes the check unless another one alone is wanted. What it throws is a failure.
  void make(const std::string& name, const std::function<Finding(Chance&)>& check) {
    if (!wants(name)) return;
    std::seed_seq seeds = seeds_of(name);
    Chance chance(seeds);
    try {
      note(name, check(chance));
    } catch (const std::exception& trouble) {
      note(name, failed(trouble.what()));
    }
  }
  void note(const std::string& name, const Finding& finding) {
    ++counts_[static_cast<std::size_t>(finding.verdict)];
    json::array details;
    for (const std::string& line : finding.details) details.emplace_back(line);
    checks_.push_back(json::object{{"check", name},
                                   {"verdict", name_of(finding.verdict)},
                                   {"says", finding.says},
                                   {"details", std::move(details)}});
    if (!json_) tell(name, finding);
  }
  /// The exit code. Throws BadOrder when the only check that was wanted is none.
  [[nodiscard]] int finish(const json::value& plugin) {
    if (checks_.empty()) throw BadOrder(unknown_check());
    const auto count = [this](Verdict verdict) {
      return counts_[static_cast<std::size_t>(verdict)];
    };
    if (json_) {
      const json::object document{{"file", work_.file},
                                  {"plugin", plugin},
                                  {"seed", seed_},
                                  {"passed", count(Verdict::passed)},
                                  {"failed", count(Verdict::failed)},
                                  {"skipped", count(Verdict::skipped)},
                                  {"checks", checks_}};
      report_.print(laid_out(json::serialize(document)) + "\n");
    } else if (!report_.is_quiet()) {
      report_.print(std::to_string(count(Verdict::passed)) + " passed, " +
                    std::to_string(count(Verdict::failed)) + " failed, " +
                    std::to_string(count(Verdict::skipped)) + " skipped; seed " +
                    std::to_string(seed_) + "\n");
    }
    return count(Verdict::failed) == 0 ? 0 : 1;
  }

 private:
  static std::uint32_t any_seed() { return std::random_device()(); }

  /// Each check has chance of its own: it comes out the same alone.
  [[nodiscard]] std::seed_seq seeds_of(const std::string& name) const {
    std::vector<std::uint32_t> seeds(name.begin(), name.end());
    seeds.push_back(seed_);
    return std::seed_seq(seeds.begin(), seeds.end());
  }
  void tell(const std::string& name, const Finding& finding) {
    if (report_.is_quiet()) {
      if (finding.verdict == Verdict::failed) report_.print(name + "\n");
      return;
    }
    constexpr std::size_t verdict_width = 8;
    std::string line(name_of(finding.verdict));
    line.resize(verdict_width, ' ');
    line += name + ": " + finding.says + "\n";
    for (const std::string& detail : finding.details) line += "            " + detail + "\n";
    if (finding.verdict == Verdict::failed) {
      line += "          again: stepctl plugin validate " + work_.file + " --reproduce " + name +
              ":" + std::to_string(seed_) + "\n";
    }
    report_.print(line);
  }
  [[nodiscard]] std::string unknown_check() const {
    std::string list;
    for (const std::string& name : known_) list += (list.empty() ? "" : ", ") + name;
    return "there is no check " + work_.only + " of " + work_.file + "; there are " + list;
  }

  const ValidatePlugin& work_;
  const bool json_;
  Report& report_;
  const std::uint32_t seed_;
  std::vector<std::string> known_;
  json::array checks_;
  std::array<std::uint32_t, 3> counts_{};
};

class Validation final {
 public:
  Validation(const ValidatePlugin& work, std::string configuration, Protocol& protocol)
      : work_(work), configuration_(std::move(configuration)), protocol_(protocol) {}

  [[nodiscard]] int run() {
    auto copied = ModuleCopy::of(work_.file);
    protocol_.make("file", [&](Chance&) {
      const auto* refusal = std::get_if<plugin::Refusal>(&copied);
      return refusal ? failed(refusal->sentence) : passed("is a shared library with a stepd note");
    });
    if (const auto* copy = std::get_if<ModuleCopy>(&copied)) of_module(*copy);
    return protocol_.finish(plugin_);
  }

 private:
  void of_module(const ModuleCopy& copy) {
    of_contents(copy.original().bytes);
    auto started = TrialProcess::start(
        copy, {.command = {"/proc/self/exe", std::string(process_flag), to_text(HostTricks{})},
               .configuration = configuration_});
    auto* fault = std::get_if<TrialProcess::Fault>(&started);
    const bool loads = fault == nullptr || fault->description.has_value();
    protocol_.make("load", [&](Chance&) {
      return loads ? passed("can be loaded and describes itself") : failed(fault->fact);
    });
    if (!loads) return;
    const plugin::PluginDescription description =
        fault ? *fault->description : std::get<0>(started)->description();
    require_types(description);
    plugin_ = {{"id", description.id}, {"version", description.version}, {"sdk", description.sdk}};
    protocol_.make("descriptor",
                   [&](Chance&) { return check_descriptor(copy.original().note, description); });
    protocol_.make("start", [&](Chance&) {
      if (fault == nullptr) return passed("starts with the configuration " + configuration_);
      return failed(fault->fact + "; with another configuration: --config JSON");
    });
    for (const auto& step : description.steps) {
      protocol_.make(step.type.name + "/schemas",
                     [&](Chance&) { return check_schemas(step.type); });
    }
    if (fault != nullptr || !work_.calls) return leave_calls_out(fault != nullptr, description);
    for (const auto& step : description.steps) of_step(copy, step.type);
  }

  void of_contents(std::string_view bytes) {
    const auto contents = read_contents(bytes);
    const auto checked = [&](Finding (*check)(const ElfContents&)) {
      return [&contents, check](Chance&) {
        return contents ? check(*contents)
                        : failed(
                              "its table of symbols cannot be found: it has no section headers; "
                              "strip it with strip, not with sstrip");
      };
    };
    protocol_.make("exports", checked(check_exports));
    protocol_.make("unique_symbols", checked(check_unique_symbols));
    protocol_.make("libraries", checked(check_libraries));
  }

  void leave_calls_out(bool does_not_start, const plugin::PluginDescription& description) {
    const std::string why = does_not_start ? "it does not start" : "--no-calls";
    for (const auto& step : description.steps) {
      protocol_.make(step.type.name, [&](Chance&) { return skipped("is not called: " + why); });
    }
  }

  void of_step(const ModuleCopy& copy, const engine::StepType& type) {
    auto example = arguments_of(type);
    auto* args = std::get_if<json::object>(&example);
    Trial trial({.module = copy,
                 .type = type,
                 .configuration = configuration_,
                 .example = args ? *args : json::object{}});
    for (const ConductCheck& check : conduct_checks()) {
      protocol_.make(type.name + "/" + std::string(check.name), [&](Chance& chance) {
        return args ? check.run(trial, chance)
                    : skipped("there are no example arguments (see " + type.name + "/schemas)");
      });
    }
  }

  /// The user's, which must fit the schema, or an example.
  [[nodiscard]] std::variant<json::object, NoExample> arguments_of(
      const engine::StepType& type) const {
    const auto given = work_.args.find(type.name);
    if (given == work_.args.end()) return example_arguments(type);
    json::value args = json::parse(object_text(given->second, "--args " + type.name));
    if (type.args_schema.empty()) return args.as_object();
    const auto verdict = engine::check_and_complete(args, type.args_schema.value(), {});
    if (verdict.problems.empty()) return args.as_object();
    const auto& problem = verdict.problems.front();
    throw BadOrder("--args " + type.name + ": " + problem.pointer + ": " + problem.message);
  }
  /// Arguments for a type that is not there help nobody.
  void require_types(const plugin::PluginDescription& description) const {
    for (const auto& [name, source] : work_.args) {
      const auto is_named = [&](const auto& step) { return step.type.name == name; };
      if (std::ranges::any_of(description.steps, is_named)) continue;
      throw BadOrder("--args " + name + ": " + work_.file + " offers no such step type");
    }
  }

  const ValidatePlugin& work_;
  const std::string configuration_;
  Protocol& protocol_;
  json::value plugin_;
};

}  // namespace

int validate_plugin(const ValidatePlugin& work, bool json, Report& report) {
  Protocol protocol(work, json, report);
  return Validation(work, object_text(work.configuration, "--config"), protocol).run();
}

}  // namespace stepd::workshop
