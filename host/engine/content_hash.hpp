#pragma once

#include <string>

namespace stepd::engine {

/// SHA-256 over the canonical form of what was sent (J3). Of a verb: of what it asks for, without
/// its request id and who asks (O1); empty where that is not known.
struct ContentHash {
  std::string bytes{};  // 32
  friend bool operator==(const ContentHash&, const ContentHash&) = default;
};

}  // namespace stepd::engine
