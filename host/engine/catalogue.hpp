#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/id.hpp"
#include "host/engine/json_text.hpp"
#include "host/engine/retry_policy.hpp"
#include "host/engine/step_schema.hpp"

namespace stepd::engine {

enum class StepKind : std::uint8_t { plain, saga };

/// A step type as a value: what a plugin says of it, without a pointer into the plugin.
struct StepType {
  std::string name{};  // "bank.transfer_out"
  std::uint32_t version = 1;
  std::uint32_t accepts_from = 1;  // takes over steps recorded with [accepts_from, version]
  StepKind kind = StepKind::plain;
  bool offers_probe = false;
  bool not_repeatable = false;
  RetryOverrides retry{};
  RetryOverrides compensate_retry{};
  Duration timeout{};  // of one call; zero: none; likewise below
  Duration heartbeat{};
  Duration compensate_timeout{};
  StepSchema args_schema{};
  StepSchema output_schema{};
  std::string title{};
  std::string description{};
  std::string plugin{};  // the plugin's id and version: "demo.bank 2.1.0"
  ModuleHash module{};
  friend bool operator==(const StepType&, const StepType&) = default;
};

/// A build that takes no new jobs any more and can be called all the same.
struct EarlierBuild {
  StepType type{};
  bool withdrawn = false;  // with its whole plugin: it undoes what it did, and executes nothing
  friend bool operator==(const EarlierBuild&, const EarlierBuild&) = default;
};

/// The step types that can run now. A value: a change of plugins makes another one.
struct Catalogue {
  std::map<std::string, StepType, std::less<>> types{};
  std::map<std::string, std::vector<EarlierBuild>, std::less<>> earlier{};  // the latest first

  [[nodiscard]] const StepType* find(std::string_view name) const {
    const auto found = types.find(name);
    return found == types.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::span<const EarlierBuild> earlier_builds(std::string_view name) const {
    const auto found = earlier.find(name);
    if (found == earlier.end()) return {};
    return found->second;
  }
  friend bool operator==(const Catalogue&, const Catalogue&) = default;
};

}  // namespace stepd::engine
