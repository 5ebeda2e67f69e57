#include "host/plugin/probe.hpp"

/// Plays the daemon when it is started to try a plugin: the file is the last argument.
int main(int count, char** arguments) { stepd::plugin::probe_main(arguments[count - 1]); }
