"""python -m tests.hostile.idle_clients HOST PORT COUNT: sessions that do nothing until standard input ends.

Prints how many were granted once all have been answered.
"""

import resource
import sys

from tests.wire import Connection, Handshake

SESSION_MS = 120_000  # a busy machine may take a while to connect them
REFUSED = Handshake(0, 0, 0, b"", None)


def main(host: str, port: int, count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = []
    for _ in range(count):
        connection = Connection.to((host, port))
        connection.send_handshake(timeout_ms=SESSION_MS)
        connections.append(connection)
    granted = sum((connection.receive_handshake() or REFUSED).timeout_ms > 0 for connection in connections)
    sys.stdout.write(f"{granted}\n")
    sys.stdout.flush()
    sys.stdin.read()
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
