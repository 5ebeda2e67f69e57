#pragma once

#include "host/contained/shared_page.hpp"

namespace stepd::contained {

/// From here on, a fatal signal or an exit of this process is written down in the page with the
/// call whose code it was; then the process goes on dying as it would have. Once per process; the
/// page outlives it.
void write_last_words_into(LastWords& words);

}  // namespace stepd::contained
