#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace http {

using Instant = std::chrono::sys_time<std::chrono::milliseconds>;

/// How long to wait by a Retry-After header: whole seconds or an HTTP date in any of its three
/// forms (RFC 9110, 5.6.7 and 10.2.3). Never below zero, never above 30 days; nothing when it is
/// neither.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const std::string& header,
                                                                   Instant now);

}  // namespace http
