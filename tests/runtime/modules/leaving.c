#include <stdlib.h>
#include <unistd.h>

void leave_by__exit(int status) { _exit(status); }
void leave_by__Exit(int status) { _Exit(status); }
