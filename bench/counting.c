/* What bench/instructions.py tells valgrind: count from here on, and write down under a name what has been counted. */

#include <valgrind/callgrind.h>

void counting_begin(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void counting_end(const char *name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}
