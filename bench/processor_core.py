#!/usr/bin/env python3
"""What a request costs in a processor's core alone, in microseconds: no socket, no disk, one core.

    python -m bench.processor_core [SECONDS]

set: taken in, batched, executed, answered; other: executed for somebody else's client; get: answered at once.
"""

import gc
import random
import sys
import time
from collections.abc import Callable

from tests.requests.solo import Solo, create, get_data, set_data

CONNECTIONS, WINDOW, KEYS, VALUE = 10, 100, 1000, b"v" * 100


def per_request(seconds: float, requests: int, turn: Callable[[], None]) -> float:
    turns = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        turn()
        turns += 1
    return (time.perf_counter() - start) / turns / requests * 1e6


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    solo = Solo()
    clients = [solo.connect() for _ in range(CONNECTIONS)]
    paths = [b"/k%08d" % i for i in range(KEYS)]
    for path in paths:
        solo.send(clients[0], create(1, path, VALUE))
    solo.execute()
    gc.disable()
    choose = random.Random(1).choice
    sets = [b"".join(set_data(1, choose(paths), VALUE) for _ in range(WINDOW)) for _ in clients]
    gets = [b"".join(get_data(1, choose(paths)) for _ in range(WINDOW)) for _ in clients]

    def take_outputs() -> None:
        for conn in solo.core.dirty:
            b"".join(conn.out)
            conn.out.clear()
        solo.core.dirty.clear()

    def set_turn() -> None:
        for conn, data in zip(clients, sets, strict=True):
            solo.core.feed(conn, data, 0)
        solo.execute()
        take_outputs()

    def get_turn() -> None:
        for conn, data in zip(clients, gets, strict=True):
            solo.core.feed(conn, data, 0)
        take_outputs()

    total = CONNECTIONS * WINDOW
    print(f"set {per_request(seconds, total, set_turn):.2f} us   get {per_request(seconds, total, get_turn):.2f} us")


if __name__ == "__main__":
    main()
