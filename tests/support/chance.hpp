#pragma once

#include <cstdint>

namespace stepd::tests {

/// Chance that repeats: SplitMix64 (Steele, Lea, Flood 2014), the same on every machine.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31U);
  }
  std::uint64_t below(std::uint64_t bound) { return bits() % bound; }
  bool coin() { return (bits() & 1U) != 0; }
  /// Small as often as large, so that every length of a number's text or encoding comes up.
  std::uint64_t number() { return bits() >> below(64); }

 private:
  std::uint64_t state_;
};

}  // namespace stepd::tests
