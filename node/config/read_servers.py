"""Whether the server, group and weight lines of zoo.cfg fit together, and how votes count by them."""

from collections.abc import Mapping
from typing import Protocol

from node.config.address import Address, Role, ServerLine
from node.config.properties import Entry
from node.config.servers import read_hierarchy
from transport.hierarchy import MAJORITY, Hierarchy

Servers = Mapping[int, tuple[Entry, ServerLine]]


class Lines(Protocol):
    @property
    def entries(self) -> dict[str, Entry]: ...
    def problem(self, entry: Entry, text: str, cure: str = "") -> None: ...
    def warn(self, entry: Entry, text: str, cure: str = "") -> None: ...


def voters_of(servers: Servers) -> list[int]:
    return sorted(number for number, (_, server) in servers.items() if server.role is Role.PARTICIPANT)


def check_servers(lines: Lines, servers: Servers, member_id: int) -> None:
    _check_addresses(lines, servers)
    _check_voters(lines, servers)
    _check_peer_type(lines, servers, member_id)


def read_groups(lines: Lines, servers: Servers) -> Hierarchy:
    """Of the group.N and weight.N lines."""
    found: dict[str, dict[int, str]] = {"group": {}, "weight": {}}
    last: Entry | None = None
    for key, entry in lines.entries.items():
        kind, _, number = key.partition(".")
        if kind in found:
            found[kind][int(number)] = entry.value
            last = entry
    try:
        return read_hierarchy(found["group"], found["weight"], voters_of(servers))
    except ValueError as error:
        assert last is not None
        lines.problem(last, str(error), "each member that votes stands in one group, as in group.1=1:2:3")
        return MAJORITY


def _check_addresses(lines: Lines, servers: Servers) -> None:
    taken: dict[Address, Entry] = {}
    for entry, server in servers.values():
        for port in (server.quorum_port, server.election_port):
            address = Address(server.host, port)
            if port and address in taken:
                lines.problem(
                    entry,
                    f"{address} is also in {taken[address].key}",
                    "each quorum and election port needs its own address",
                )
            taken[address] = entry


def _check_voters(lines: Lines, servers: Servers) -> None:
    voters = voters_of(servers)
    entry = next(iter(servers.values()))[0]
    if not voters:
        lines.problem(entry, "observers without a participant", "at least one member must vote")
    elif len(servers) > 1 and len(voters) % 2 == 0 and not any(key.startswith("group.") for key in lines.entries):
        lines.warn(
            Entry(entry.file, 0, "server.N", ""),
            f"{len(voters)} voters survive the loss of {(len(voters) - 1) // 2}, as {len(voters) - 1} would",
            "have an odd number",
        )


def _check_peer_type(lines: Lines, servers: Servers, member_id: int) -> None:
    own = servers.get(member_id)
    peer_type = lines.entries.get("peerType")
    if peer_type and peer_type.value.lower() not in set(Role):
        lines.problem(peer_type, f"{peer_type.value!r} is neither participant nor observer", "peerType=participant")
    elif peer_type and own and peer_type.value.lower() != own[1].role:
        lines.warn(peer_type, f"the server line says {own[1].role}, and it counts")
