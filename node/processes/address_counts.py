"""Connections per client address, per prefix and in all, over the processors of a member: what maxClientCnxns,
corral.maxClientCnxnsPerPrefix and maxCnxns limit.

Each processor has a row of counters of its own in one file in the run directory, mapped into the memory of all, and
reads the rows of the others: exact at once, and no message is needed. Its own addresses it knows by name; those of
the others by their place in a row, which two addresses share once in 65,536 pairs.
"""

import ipaddress
import mmap
import os
import zlib
from pathlib import Path

EVERYBODY = "*"  # counted as if it were an address
PLACES = 1 << 16
FILE = "addresses"


class AddressCounts:
    def __init__(self, run_dir: Path, *, index: int, processors: int) -> None:
        self._held: dict[str, int] = {}
        self._index, self._processors = index, processors
        self._rows = _mapped(run_dir / FILE, processors) if processors > 1 else None
        if self._rows is not None:
            start = index * PLACES
            self._rows[start:start + PLACES] = memoryview(bytes(4 * PLACES)).cast("I")  # of an earlier life

    def opened(self, address: str) -> int:
        """How many connections of this address the member holds, with the new one."""
        held = self._held[address] = self._held.get(address, 0) + 1
        if self._rows is None:
            return held
        place = _place(address)
        self._rows[self._index * PLACES + place] += 1
        others = (self._rows[row * PLACES + place] for row in range(self._processors) if row != self._index)
        return held + sum(others)

    def closed(self, address: str) -> None:
        held = self._held[address] = self._held[address] - 1
        if not held:
            del self._held[address]
        if self._rows is not None:
            self._rows[self._index * PLACES + _place(address)] -= 1


def prefix_of(address: str, *, v4_bits: int, v6_bits: int) -> str:
    """As in 10.1.2.0/24; the address itself where it is none, as of a Unix socket."""
    try:
        bits = v6_bits if ":" in address else v4_bits
        return str(ipaddress.ip_network((address, bits), strict=False))
    except ValueError:
        return address


def _place(address: str) -> int:
    return zlib.crc32(address.encode()) % PLACES


def _mapped(path: Path, processors: int) -> memoryview:
    size = 4 * PLACES * processors
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        return memoryview(mmap.mmap(descriptor, size)).cast("I")
    finally:
        os.close(descriptor)
