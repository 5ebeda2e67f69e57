#pragma once

#include <cstdint>

namespace stepd::engine {

/// execute does the step's work, probe asks whether it took effect, compensate undoes it.
enum class Phase : std::uint8_t { execute, probe, compensate };

}  // namespace stepd::engine
