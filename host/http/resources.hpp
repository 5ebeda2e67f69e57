#pragma once

#include <string_view>

/// Files of this room that are part of the executable; CMake makes the source of them.
namespace stepd::http {

[[nodiscard]] std::string_view openapi_document();
[[nodiscard]] std::string_view job_schema();

}  // namespace stepd::http
