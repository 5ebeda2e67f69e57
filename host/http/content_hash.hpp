#pragma once

#include <string_view>

#include "host/engine/record.hpp"

namespace stepd::http {

/// SHA-256 (FIPS 180-4).
[[nodiscard]] engine::ContentHash content_hash(std::string_view canonical);

}  // namespace stepd::http
