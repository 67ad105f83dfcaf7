"""The network: a namespace with a bridge, one namespace per member, and one for the clients. No packet leaves them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.machines.namespaces import in_network, run

V4: Final = "198.51.100"  # TEST-NET-2 and the documentation prefix: never routed
V6: Final = "2001:db8:51:"
BRIDGE: Final = "br0"
DELAY: Final = Path(__file__).with_name("delay.py")
CLIENTS: Final = 0  # their number; members count from 1
TOOLS: Final = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "mkfs.ext4": "e2fsprogs", "gcc": "gcc"}


def missing() -> str:
    """Why there can be no such machines here; empty: there can."""
    if os.geteuid() != 0:
        return "namespaces and file systems need root"
    absent = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if absent:
        return f"not installed: {' '.join(absent)}"
    name = f"cm{os.getpid()}-try"
    if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode:
        return "the kernel gives no network namespace"
    run("ip", "netns", "del", name)
    return ""


@dataclass(frozen=True)
class Place:
    """A machine's place in the network.  number: a member's, or CLIENTS."""

    fabric: str
    number: int

    @property
    def namespace(self) -> str:
        return f"{self.fabric}-{self.number}"

    @property
    def port(self) -> str:
        """The bridge's end of its cable."""
        return f"p{self.number}"

    @property
    def v4(self) -> str:
        return f"{V4}.{10 + self.number}"

    @property
    def v6(self) -> str:
        return f"{V6}:{10 + self.number}"

    def inside(self) -> list[str]:
        """What to put before a command."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}"]


Way = tuple[int, int]  # from, to


class Fabric:
    """At most one of cut, lose and delayed is in force at a time; heal ends the first two."""

    def __init__(self, members: int) -> None:
        self.id = f"cm{os.getpid()}"
        self.namespace = f"{self.id}-net"
        self.places = {number: Place(self.id, number) for number in range(members + 1)}

    def make(self) -> None:
        run("ip", "netns", "add", self.namespace)
        self._ip("link", "add", BRIDGE, "type", "bridge", "mcast_snooping", "0")
        self._ip("link", "set", BRIDGE, "up")
        for place in self.places.values():
            run("ip", "netns", "add", place.namespace)
            self._ip("link", "add", place.port, "type", "veth", "peer", "name", "eth0", "netns", place.namespace)
            self._ip("link", "set", place.port, "master", BRIDGE, "up")
            inner = ["ip", "-n", place.namespace]
            run(*inner, "link", "set", "lo", "up")
            run(*inner, "addr", "add", f"{place.v4}/24", "dev", "eth0")
            run(*inner, "addr", "add", f"{place.v6}/64", "dev", "eth0", "nodad")
            run(*inner, "link", "set", "eth0", "up")

    def remove(self) -> None:
        for name in (self.namespace, *(place.namespace for place in self.places.values())):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and the threads and processes that it starts, are on the clients' machine."""
        with in_network(Path("/run/netns") / self.places[CLIENTS].namespace):
            yield

    # What goes wrong -----------------------------------------------------------------------------

    def unplug(self, member: int) -> None:
        self._ip("link", "set", self.places[member].port, "down")

    def plug(self, member: int) -> None:
        self._ip("link", "set", self.places[member].port, "up")

    def cut(self, ways: Iterable[Way]) -> None:
        """Nothing passes these ways any more; the other direction of each does."""
        pairs = ", ".join(f'"{self.places[a].port}" . "{self.places[b].port}"' for a, b in ways)
        self._filter(f"set ways {{ type ifname . ifname; elements = {{ {pairs} }} }}", ["iifname . oifname @ways drop"])

    def lose(self, member: int, percent: int) -> None:
        """So many of the packets from and to the member are lost."""
        port = self.places[member].port
        self._filter("", [f'{side} "{port}" numgen random mod 100 < {percent} drop' for side in ("iifname", "oifname")])

    def heal(self) -> None:
        run(*self._inside(), "nft", "flush", "ruleset")

    @contextmanager
    def delayed(self, member: int, *, delay_ms: float, jitter_ms: float) -> Iterator[None]:
        """What the member sends and what it is sent."""
        arguments = [self.places[member].port, BRIDGE, f"{delay_ms}", f"{jitter_ms}"]
        command = [*self._inside(), sys.executable, str(DELAY), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise AssertionError(f"{' '.join(command)} ended with {process.wait()}")
            try:
                yield
            finally:
                process.terminate()

    def _filter(self, declarations: str, rules: Sequence[str]) -> None:
        chain = ["type filter hook forward priority 0; policy accept", *rules]
        lines = ["table bridge faults {", declarations, "chain passing {", *chain, "}", "}", ""]
        run(*self._inside(), "nft", "-f", "-", stdin="\n".join(lines))

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.namespace}"]

    def _ip(self, *arguments: str) -> None:
        run("ip", "-n", self.namespace, *arguments)


def both_ways(*pairs: Way) -> list[Way]:
    return [way for a, b in pairs for way in ((a, b), (b, a))]
