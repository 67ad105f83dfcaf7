#!/usr/bin/env python3
"""A worker: registered for as long as it lives, it follows its configuration until that says "stop". With kazoo.

    pip install kazoo
    python examples/python/worker.py 127.0.0.1:2181 /demo
"""

import queue
import socket
import sys

from kazoo.client import KazooClient, KazooState

SESSION_S = 10  # longer than any pause of your own; others wait so long until they know that you are dead


def main(hosts: str = "127.0.0.1:2181", root: str = "/demo") -> None:
    endings: queue.SimpleQueue[str] = queue.SimpleQueue()

    def state_changed(state: str) -> None:  # in kazoo's thread: it must not wait, nor ask the client
        if state == KazooState.LOST:  # SUSPENDED ends by itself; LOST is for good, and the registration is gone
            endings.put("the session is over: start again, somebody may have taken this place")

    client = KazooClient(hosts, timeout=SESSION_S)
    client.add_listener(state_changed)
    client.start(timeout=30)
    path = client.create(
        f"{root}/workers/worker-", socket.gethostname().encode(), ephemeral=True, sequence=True, makepath=True)
    print("registered", path, flush=True)

    @client.DataWatch(f"{root}/config")  # called now, at each change, and after a lost connection
    def configured(data: bytes | None, _stat: object) -> None:
        value = "(none)" if data is None else data.decode()
        print("config:", value, flush=True)
        if value == "stop":
            endings.put("")

    why = endings.get()
    client.stop()  # the registration goes at once
    client.close()
    sys.exit(why or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
