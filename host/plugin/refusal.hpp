#pragma once

#include <string>

namespace stepd::plugin {

/// Why a plugin is not taken: one sentence for a person that names the file, the cause and the
/// cure.
struct Refusal {
  std::string sentence;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

}  // namespace stepd::plugin
