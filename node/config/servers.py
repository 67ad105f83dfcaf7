"""Server lines, as control entries hold them: member -> host:quorumPort:electionPort:role[;clientHost:clientPort]."""

from collections.abc import Collection, Mapping

from node.config.address import Role, parse_server
from transport.hierarchy import MAJORITY, Hierarchy
from transport.zxid import MemberId

WEIGHT_MAX = 1 << 31


def is_participant(line: str) -> bool:
    return parse_server(line).role is Role.PARTICIPANT


def participants(servers: Mapping[int, str]) -> tuple[MemberId, ...]:
    """Who votes, ascending."""
    return tuple(MemberId(member) for member, line in sorted(servers.items()) if is_participant(line))


def read_hierarchy(groups: Mapping[int, str], weights: Mapping[int, str], voters: Collection[int]) -> Hierarchy:
    """Of the values of group.N and weight.N lines; every voter has its weight then.

    Raises ValueError, with what is wrong: a number, or as check_hierarchy.
    """
    if not groups and not weights:
        return MAJORITY
    found = {number: sorted(int(each) for each in text.split(":")) for number, text in sorted(groups.items())}
    weighed = dict.fromkeys(voters, 1) | {member: int(weight) for member, weight in weights.items()}
    hierarchy = Hierarchy(found, dict(sorted(weighed.items())))
    check_hierarchy(hierarchy, voters)
    return hierarchy


def check_hierarchy(hierarchy: Hierarchy, voters: Collection[int]) -> None:
    """Raises ValueError: a voter in no group or in two, a group of others, a weight out of bounds, no weight at all."""
    if hierarchy == MAJORITY:
        return
    if any(not 0 <= weight <= WEIGHT_MAX for weight in hierarchy.weights.values()):
        raise ValueError(f"a weight is from 0 to {WEIGHT_MAX}")
    if not any(hierarchy.weights.get(voter, 1) for voter in voters):
        raise ValueError("no member weighs anything, so none could lead")
    placed = [each for members in hierarchy.groups.values() for each in members]
    for member in sorted({*placed, *voters}):
        if member not in placed:
            raise ValueError(f"server.{member} votes and is in no group")
        if placed.count(member) > 1:
            raise ValueError(f"server.{member} is in two groups")
        if member not in voters:
            raise ValueError(f"server.{member} is in a group and does not vote")


def server_lines(servers: Mapping[int, str], hierarchy: Hierarchy) -> list[str]:
    """As a file has them, and in the order in which ZooKeeper writes them."""
    return [
        *(f"server.{member}={line}" for member, line in sorted(servers.items())),
        *(f"group.{group}={':'.join(map(str, members))}" for group, members in sorted(hierarchy.groups.items())),
        *(f"weight.{member}={weight}" for member, weight in sorted(hierarchy.weights.items()))]


def config_text(servers: Mapping[int, str], version: int, hierarchy: Hierarchy = MAJORITY) -> bytes:
    """What /zookeeper/config holds, as ZooKeeper writes it."""
    return "\n".join([*server_lines(servers, hierarchy), f"version={version:x}"]).encode()
