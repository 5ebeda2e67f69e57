#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "host/engine/definition.hpp"
#include "tools/bench/socket_client.hpp"

/// What the measures share: jobs in a store before the daemon starts, and a look at how far it is.
namespace stepd::bench {

using Clock = std::chrono::steady_clock;
inline constexpr std::chrono::minutes patience(10);

[[nodiscard]] double seconds_since(Clock::time_point begin);

/// A folder for a daemon's state, below `parent`.
[[nodiscard]] std::filesystem::path fresh_state(const std::filesystem::path& parent,
                                                const std::string& name);

/// Three steps that do nothing, with about a hundred bytes of arguments.
[[nodiscard]] engine::JobDefinition chain_of_noops();

/// Puts so many jobs, accepted and not begun, straight into the store, as the daemon would have.
void preload(const std::filesystem::path& state, const engine::JobDefinition& job,
             std::size_t jobs);

/// How many jobs are in this state, as the daemon's status says.
[[nodiscard]] std::size_t count_of(SocketClient& client, std::string_view state);

/// Throws when that many do not come to be in the state.
void wait_until(SocketClient& client, std::string_view state, std::size_t jobs);
inline void wait_until_succeeded(SocketClient& client, std::size_t jobs) {
  wait_until(client, "succeeded", jobs);
}

}  // namespace stepd::bench
