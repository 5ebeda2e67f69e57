#pragma once

#include <string_view>

namespace stepd::engine {

/// What a text is to be that a schema gives this `format`, in words for people; empty: it is that,
/// or the format is none that is checked here. Those are `stepd-duration`, as the SDK reads one
/// ("200ms"), and `http-url`, an address without encryption.
[[nodiscard]] std::string_view unmet_format(std::string_view format, std::string_view text);

}  // namespace stepd::engine
