#pragma once

namespace stepd::plugin {

/// Called on the thread that ends the process by `_exit` or `_Exit`, before it does; null: nobody
/// listens. It is in the place of a signal handler and may do no more than one.
using ExitListener = void (*)();
void hear_exits(ExitListener listener);

/// Ends the process at once, and nobody hears of it. Safe in a signal handler.
[[noreturn]] void exit_unheard(int status) noexcept;

}  // namespace stepd::plugin
