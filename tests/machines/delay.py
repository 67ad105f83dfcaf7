"""delay.py PORT BRIDGE DELAY_MS JITTER_MS: hold back all that passes one port of a bridge, both ways.

For kernels without netem. The port leaves the bridge, a TAP takes its place, and frames go from one to the other when
their time has come. Says "ready" once they do, and puts the port back on SIGTERM.
"""

import fcntl
import heapq
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final

FRAME_BYTES_MAX: Final = 70_000
BURST: Final = 64
# linux/if_tun.h
TUNSETIFF, TUNSETVNETHDRSZ, TUNSETOFFLOAD = 0x400454CA, 0x400454D8, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
OFFLOADS: Final = 0x01 | 0x02 | 0x04  # checksums and TSO, for v4 and v6: veth leaves both to the receiver
VNET_HEADER_BYTES: Final = 10
# linux/if_packet.h
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, PACKET_ADD_MEMBERSHIP = 263, 15, 23, 1
PACKET_MR_PROMISC: Final = 1
ETH_P_ALL: Final = 0x0003


def open_tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(tap, TUNSETVNETHDRSZ, struct.pack("i", VNET_HEADER_BYTES))
    fcntl.ioctl(tap, TUNSETOFFLOAD, OFFLOADS)
    return tap


def open_port(port: str) -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    raw.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    raw.bind((port, ETH_P_ALL))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    promiscuous = struct.pack("iHH8s", socket.if_nametoindex(port), PACKET_MR_PROMISC, 0, b"")
    raw.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous)
    raw.setblocking(False)
    return raw


def pump(port: int, tap: int, delay_s: float, jitter_s: float, stopping: list[int]) -> None:
    """Frames from each to the other, later."""
    waiting: list[tuple[float, int, int, bytes]] = []
    last_s = {port: 0.0, tap: 0.0}
    count = 0
    poll = select.epoll()
    for each in (port, tap):
        poll.register(each, select.EPOLLIN)
    while not stopping:
        wait_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 0.2
        for source, _ in poll.poll(wait_s):
            sink = tap if source == port else port
            for frame in burst(source):
                # A cable that is slow keeps the order of what it carries.
                last_s[sink] = max(last_s[sink], time.monotonic() + delay_s + random.uniform(0, jitter_s))
                count += 1
                heapq.heappush(waiting, (last_s[sink], count, sink, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            *_, sink, frame = heapq.heappop(waiting)
            with suppress(OSError):  # lost, as on any cable
                os.write(sink, frame)


def burst(source: int) -> list[bytes]:
    frames: list[bytes] = []
    with suppress(BlockingIOError):
        while len(frames) < BURST:
            frames.append(os.read(source, FRAME_BYTES_MAX))
    return frames


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def main(port: str, bridge: str, delay_ms: str, jitter_ms: str) -> None:
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    tap, raw = open_tap(f"d{port}"), open_port(port)
    ip("link", "set", port, "nomaster")
    try:
        ip("link", "set", f"d{port}", "master", bridge, "up")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        pump(raw.fileno(), tap, float(delay_ms) / 1000, float(jitter_ms) / 1000, stopping)
    finally:
        os.close(tap)
        ip("link", "set", port, "master", bridge)


if __name__ == "__main__":
    main(*sys.argv[1:])
