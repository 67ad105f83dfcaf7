"""python -m tests.hostile.idle_clients HOST PORT COUNT: sessions that do nothing until standard input ends.

Prints how many were granted once all have been answered.
"""

import resource
import socket
import sys

from tests.wire_connection import DEADLINE_S, Address, Connection

SESSION_MS = 120_000  # a busy machine may take a while to connect them
AT_ONCE = 500  # the server's backlog holds those of several processes


def main(host: str, port: int, count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections: list[Connection] = []
    granted = 0
    while len(connections) < count:
        begun = [begin((host, port)) for _ in range(min(AT_ONCE, count - len(connections)))]
        for connection in begun:
            connection.sock.settimeout(DEADLINE_S)
            connection.send_handshake(timeout_ms=SESSION_MS)
        answers = [connection.receive_handshake() for connection in begun]
        granted += sum(answer is not None and answer.timeout_ms > 0 for answer in answers)
        connections += begun
    sys.stdout.write(f"{granted}\n")
    sys.stdout.flush()
    sys.stdin.read()
    for connection in connections:
        connection.close()


def begin(address: Address) -> Connection:
    """Without waiting: the server is woken once for many."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(address)
    return Connection(sock)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
