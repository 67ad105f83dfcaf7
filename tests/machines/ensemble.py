"""The members of a run, and what they say together."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from node.cli.asking import MemberStatus, ask_all
from node.config.read import load_config
from node.keys import init_ensemble
from node.processes.loop import EXIT_REFUSED
from tests.faults.injection import quick_disk
from tests.machines import clock, fabric
from tests.machines.fabric import Fabric, Place
from tests.machines.member import CLIENT_PORT, Member, preloaded
from tests.machines.namespaces import own_mounts
from tests.waiting import wait_until
from tests.wire_connection import Address

MEMBERS: Final = 3
SERVE_S: Final = 90.0
REASON_BYTES: Final = 3000
# Failures are noticed within two seconds. Snapshots are taken often, so that one is under way at most faults.
SETTINGS: Final = {
    "tickTime": "500",
    "initLimit": "20",
    "syncLimit": "4",
    "clientPort": str(CLIENT_PORT),
    "maxClientCnxns": "0",
    "corral.snapshotBytes": str(1 << 20),
}


def missing() -> str:
    """Why there can be no ensemble here; empty: there can."""
    return fabric.missing() or ("" if clock.library() else f"not installed: {clock.PACKAGE}")


class Ensemble:
    def __init__(self, network: Fabric, members: list[Member]) -> None:
        self.network = network
        self.members = {member.id: member for member in members}

    def statuses(self) -> dict[int, MemberStatus]:
        """As `corral status` asks; those that do not answer are down."""
        found = ask_all([member.address for member in self.members.values()])
        return dict(zip(self.members, found, strict=True))

    def all_serve(self) -> bool:
        """In one epoch."""
        found = self.statuses().values()
        return all(each.is_serving for each in found) and len({each.epoch for each in found}) == 1

    def await_all_serving(self, seconds: float = SERVE_S) -> None:
        wait_until(self.all_serve, seconds=seconds, what="all members serve")

    def revive(self) -> list[int]:
        """Start what does not run and has a disk, as systemd would; returns which members that were.

        Raises AssertionError: one has refused to go on, which no other fault here is a reason for.
        """
        down = [member for member in self.members.values() if not member.runs and not member.disk.is_dead]
        for member in down:
            if member.exit_code == EXIT_REFUSED:
                raise AssertionError(f"member {member.id} refused to run:\n{member.log()[-REASON_BYTES:]}")
            member.start()
        return [member.id for member in down]

    def addresses(self, *members: int) -> list[Address]:
        """Of their client ports, IPv4 and IPv6 in turn."""
        places = [self.members[each].place for each in members or self.members]
        return [(each.v6 if each.number % 2 else each.v4, CLIENT_PORT) for each in places]

    def addresses_v4(self) -> list[Address]:
        return [(member.place.v4, CLIENT_PORT) for member in self.members.values()]

    def addresses_v6(self) -> list[Address]:
        return [(member.place.v6, CLIENT_PORT) for member in self.members.values()]


@contextmanager
def machines(settings: Mapping[str, str] | None = None, *, logs: Path | None = None) -> Iterator[Ensemble]:
    """A serving ensemble; this thread is on the clients' machine.  logs: where what the members printed is left.

    Members talk to each other over IPv6 where the one spoken to is member 1 or 3, over IPv4 to member 2.
    """
    with ExitStack() as undo:
        undo.enter_context(own_mounts())
        directory = undo.enter_context(quick_disk())
        libraries = preloaded(directory)
        network = Fabric(MEMBERS)
        undo.callback(network.remove)
        network.make()
        undo.enter_context(network.entered())
        members = [Member(network.places[number], directory / f"m{number}", libraries)
                   for number in range(1, MEMBERS + 1)]
        undo.callback(_remove, members, logs)
        lines = {f"server.{each.id}": server_line(each.place) for each in members}
        for member in members:
            member.make({**SETTINGS, **lines, **(settings or {})})
        init_ensemble([load_config(member.config_file).config for member in members])
        ensemble = Ensemble(network, members)
        for member in members:
            member.start()
        ensemble.await_all_serving()
        yield ensemble


def server_line(place: Place) -> str:
    host = f"[{place.v6}]" if place.number % 2 else place.v4
    return f"{host}:2888:3888"


def _remove(members: list[Member], logs: Path | None) -> None:
    for member in members:
        member.remove()
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(member.log_file, logs / f"member-{member.id}.log")
