"""Server lines, as control entries hold them: member -> host:quorumPort:electionPort:role[;clientHost:clientPort]."""

from collections.abc import Mapping

from node.config.address import Role, parse_server
from transport.zxid import MemberId


def is_participant(line: str) -> bool:
    return parse_server(line).role is Role.PARTICIPANT


def participants(servers: Mapping[int, str]) -> tuple[MemberId, ...]:
    """Who votes, ascending."""
    return tuple(MemberId(member) for member, line in sorted(servers.items()) if is_participant(line))


def config_text(servers: Mapping[int, str], version: int) -> bytes:
    """What /zookeeper/config holds, as ZooKeeper writes it."""
    lines = [f"server.{member}={line}" for member, line in sorted(servers.items())]
    return "\n".join([*lines, f"version={version:x}"]).encode()
