#pragma once

#include <stepd/plugin.h>

#include <cstddef>
#include <stepd/outcome.hpp>
#include <string>
#include <utility>

/// Asking the host through its table, which may be older and shorter than this header's.
namespace stepd::detail {

template <class Function>
[[nodiscard]] Function host_function(const stepd_host_calls& host,
                                     Function stepd_host_calls::*field) noexcept {
  const auto* const begin = reinterpret_cast<const char*>(&host);
  const auto* const end = reinterpret_cast<const char*>(&(host.*field)) + sizeof(Function);
  return static_cast<std::size_t>(end - begin) <= host.struct_size ? host.*field : nullptr;
}

/// A function the host does not offer answers STEPD_UNSUPPORTED.
template <class... Parameters, class... Arguments>
[[nodiscard]] stepd_status ask(stepd_context& call,
                               stepd_status (*stepd_host_calls::*field)(stepd_context*,
                                                                        Parameters...),
                               Arguments... arguments) {
  const auto function = host_function(*call.host, field);
  return function == nullptr ? STEPD_UNSUPPORTED : function(&call, arguments...);
}

[[noreturn]] inline void throw_host_refusal(stepd_status status, const char* what) {
  const std::string thing(what);
  switch (status) {
    case STEPD_FENCED:
      throw CallOver{};
    case STEPD_STOPPED:
      throw Cancelled{};
    case STEPD_UNAVAILABLE:
      throw Retry{"host_unavailable", thing + " is not possible now; the host asks to try later"};
    case STEPD_TOO_BIG:
      throw Failed{"too_big", thing + " is over the host's limit"};
    case STEPD_UNSUPPORTED:
      throw Failed{"host_too_old", "this host does not offer " + thing + "; a newer stepd does"};
    default:
      throw Failed{"host_refused",
                   "the host refused " + thing + " with status " + std::to_string(status)};
  }
}

/// True: done. False: what was asked for is not there. Otherwise throws what the step answers.
inline bool granted(stepd_status status, const char* what) {
  if (status < 0) throw_host_refusal(status, what);
  return status != STEPD_NONE;
}

}  // namespace stepd::detail
