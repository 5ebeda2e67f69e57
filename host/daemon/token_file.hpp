#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace stepd::daemon {

/// The secret that clients over TCP must know: the first line of a file that is its owner's alone.
/// Throws std::runtime_error that says what is wrong with it and how to mend it.
[[nodiscard]] std::string read_token(const std::filesystem::path& file);

}  // namespace stepd::daemon
