#!/usr/bin/env python3
"""A lock whose holder carries a fencing token, with a lock-delay: for stock kazoo, on Corral or ZooKeeper.

    python examples/fenced_lock.py 127.0.0.1:2181 /locks/report report.txt

takes the lock, prints its token, and then writes each line that it reads into the fenced file, as long as no later
holder has written there: it prints "written" or "refused". End it with Ctrl-D, and it releases the lock.

Why a token: a holder may be paused (a virtual machine, a full disk, a debugger) for longer than its session lives.
Somebody else has the lock then, and the first one, once it goes on, does not know. Only what is written to can stop it:
it refuses tokens lower than the highest that it has seen. The token is the czxid of the holder's node: zxids never
fall, and who comes later in the queue has a higher one.
"""

import fcntl
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError

MARKER = "held"


class FencedLock:
    """One holder at a time, in the order of asking. *delay_s*: Consul's lock-delay. A holder that lost its session
    without releasing the lock may still be at work for a moment: the next one waits so long first. *pause* waits."""

    def __init__(
        self, client: KazooClient, path: str, *, delay_s: float = 0.0, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client, self._path, self._delay_s, self._pause = client, path, delay_s, pause
        self._node = ""
        self.token = 0

    def acquire(self) -> int:
        """Returns the token. Raises what kazoo raises, as when the session is lost while it waits."""
        client = self._client
        self._node = client.create(f"{self._path}/lock-", ephemeral=True, sequence=True, makepath=True)
        self.token = client.exists(self._node).czxid
        self._wait_for_turn()
        self._wait_out_the_last()
        return self.token

    def release(self) -> None:
        """At once for the next: both nodes go together, if they are there still."""
        gone = self._client.transaction()
        gone.delete(f"{self._path}/{MARKER}")
        gone.delete(self._node)
        gone.commit()

    def _wait_for_turn(self) -> None:
        mine = self._node.rpartition("/")[2]
        while True:
            queue = sorted(name for name in self._client.get_children(self._path) if name.startswith("lock-"))
            place = queue.index(mine)
            if not place:
                return
            gone = threading.Event()
            if self._client.exists(f"{self._path}/{queue[place - 1]}", watch=lambda _, gone=gone: gone.set()):
                gone.wait()

    def _wait_out_the_last(self) -> None:
        """Its marker stands: it never released the lock."""
        client, marker = self._client, f"{self._path}/{MARKER}"
        mine = str(self.token).encode()
        try:
            client.create(marker, mine)
        except NodeExistsError:
            try:
                version = client.get(marker)[1].version
                self._pause(self._delay_s)
                client.set(marker, mine, version=version)
            except NoNodeError:
                client.create(marker, mine)


class FencedFile:
    """What the lock guards: it takes lines of the highest token that it has seen, and of none below."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, token: int, line: str) -> bool:
        """False: somebody with a later token was here."""
        with self._path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            highest = max((json.loads(each)["token"] for each in file), default=0)
            if token < highest:
                return False
            file.write(json.dumps({"token": token, "line": line}) + "\n")
            return True


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    hosts, path, file = sys.argv[1:]
    client = KazooClient(hosts, timeout=2.0)
    client.start()
    lock, fenced = FencedLock(client, path), FencedFile(Path(file))
    print("token", lock.acquire(), flush=True)
    for line in sys.stdin:
        print("written" if fenced.append(lock.token, line.rstrip("\n")) else "refused", flush=True)
    lock.release()
    client.stop()
    client.close()


if __name__ == "__main__":
    main()
