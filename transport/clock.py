"""The clock of all durations that processes of a machine share: leases, pings, deadlines, notes of when what happened.

CLOCK_BOOTTIME is CLOCK_MONOTONIC that goes on while the machine sleeps. A leader that wakes from a suspend must find
its lease run out, and its processors theirs: the others have long elected another (docs/decisions/0007).
"""

import time
from functools import partial

clock_ns = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
