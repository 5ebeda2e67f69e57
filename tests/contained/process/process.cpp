#include "host/contained/module_main.hpp"

/// Plays the daemon when it is started to be the process of a plugin.
int main() { stepd::contained::module_main(); }
