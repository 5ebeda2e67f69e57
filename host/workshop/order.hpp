#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/engine/phase.hpp"

namespace stepd::workshop {

/// A text that stands in the order itself, in a file (`@FILE`) or on stdin (`-`).
struct TextSource {
  std::string words = "{}";
};

/// One step of one file, called as a job would have it called.
struct RunStep {
  std::string file;
  std::string type;
  TextSource args;
  TextSource configuration;
  std::vector<engine::Phase> phases;  // one after the other
  bool debug = false;
};

/// Every check of one file, or the one that is to be made again.
struct ValidatePlugin {
  std::string file;
  TextSource configuration;
  std::map<std::string, TextSource> args;  // by step type, in place of example arguments
  std::optional<std::uint32_t> seed;       // absent: one of chance
  std::string only;                        // the name of a check; empty: all
  bool calls = true;                       // the steps' own code, too
};

/// One step, called again and again: so many times, or for so long.
struct BenchStep {
  std::string file;
  std::string type;
  TextSource args;
  TextSource configuration;
  std::optional<std::uint64_t> calls;
  std::chrono::seconds lasts{3};
};

/// What to do with a plugin where there is no daemon, and how to tell of it.
using Work = std::variant<RunStep, ValidatePlugin, BenchStep>;
struct Order {
  Work work;
  bool json = false;
  bool quiet = false;
};

/// It is not what stepctl of this version sends, or names a text that cannot be had; a sentence.
struct BadOrder : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads the JSON object that stepctl sends. Throws BadOrder.
[[nodiscard]] Order parse_order(std::string_view text);

/// The text, which must be a JSON object; `what` names it in a complaint. Throws BadOrder.
[[nodiscard]] std::string object_text(const TextSource& source, std::string_view what);

}  // namespace stepd::workshop
