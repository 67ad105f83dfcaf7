"""reconfig, up to the configuration that it asks for. What becomes of that is the leader's: docs/decisions/0015.

Execution changes nothing and answers the same on every replica. The processor that holds the session asks the leader
for what comes out (`Prepared`), and replies once that stands in the log.
"""

from typing import TYPE_CHECKING

import msgspec

from node.config.address import MEMBER_ID_MAX, WILDCARDS, ServerLine, format_server, parse_server
from node.config.servers import participants, read_hierarchy
from node.sessions.table import Session
from node.tree.acl import WRITE, is_permitted
from node.tree.paths import CONFIG
from transport.entry import LEVEL_OF_RECONFIG, read_control
from transport.errors import Err
from transport.hierarchy import MAJORITY, Hierarchy
from transport.jute import decode_from
from transport.records import ReconfigRequest

if TYPE_CHECKING:
    from node.tree.execute import Replica


class Prepared(msgspec.Struct, frozen=True, array_like=True):
    """What is to hold instead of the configuration of *version*."""

    version: int
    servers: dict[int, str]
    hierarchy: Hierarchy = MAJORITY


class BadServersError(Exception):
    """As ZooKeeper's BadArgumentsException; its text is what is wrong."""


class UnfitMemberError(BadServersError):
    """An id that ZooKeeper takes, and Corral does not."""


def disabled(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
) -> Err:
    """Where the receiver's zoo.cfg has reconfigEnabled=false: before anything else is looked at. Raises JuteError."""
    decode_from(ReconfigRequest, record, at, end)
    return Err.RECONFIG_DISABLED


def prepare(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
) -> bytes | Err:
    """ReconfigRequest -> Prepared, packed.  Raises JuteError."""
    asked, _ = decode_from(ReconfigRequest, record, at, end)
    control = read_control(replica.state.control)
    if control.feature_level < LEVEL_OF_RECONFIG:
        return Err.RECONFIG_DISABLED
    if not control.servers:
        return Err.UNIMPLEMENTED  # standalone
    if asked.cur_config_id not in (-1, control.config_version):
        return Err.BAD_VERSION
    try:
        hierarchy = MAJORITY
        if asked.new_members is not None:
            servers, hierarchy = whole(asked.new_members.decode())
        elif control.hierarchy.groups:
            return Err.BAD_ARGUMENTS  # as ZooKeeper: who is in which group must be said, too
        else:
            servers = changed_servers(control.servers, asked.joining_servers or b"", asked.leaving_servers or b"")
    except UnfitMemberError:
        return _permission(replica, identities) or Err.BAD_ARGUMENTS  # ZooKeeper, which takes it, looks at this first
    except BadServersError:
        return Err.BAD_ARGUMENTS
    except ValueError:
        return Err.MARSHALLING_ERROR  # an id that is no number: ZooKeeper does not expect it
    if refusal := _permission(replica, identities):
        return refusal  # before the quorum: who may not keeps no leader busy
    return msgspec.msgpack.encode(Prepared(control.config_version, servers, hierarchy))


def _permission(replica: "Replica", identities: bytes) -> Err:
    """OK: these may write the config node."""
    node = replica.nodes.get(CONFIG)
    if node is None:
        return Err.NO_NODE
    return Err.OK if is_permitted(node.acl, WRITE, identities) else Err.NO_AUTH


def whole(text: str) -> tuple[dict[int, str], Hierarchy]:
    """Server, group and weight lines.  Raises BadServersError, ValueError."""
    servers: dict[int, str] = {}
    groups: dict[int, str] = {}
    weights: dict[int, str] = {}
    for line in text.replace(",", "\n").splitlines():
        key, _, value = line.strip().partition("=")
        kind, _, number = key.strip().partition(".")
        if not kind or kind == "version":
            continue
        if kind == "server":
            servers[_member_id(number)] = format_server(_server(value.strip()))
        elif kind in ("group", "weight"):
            (groups if kind == "group" else weights)[int(number)] = value.strip()
        else:
            raise BadServersError(key)
    return dict(sorted(servers.items())), _hierarchy(groups, weights, servers)


def _hierarchy(groups: dict[int, str], weights: dict[int, str], servers: dict[int, str]) -> Hierarchy:
    try:
        return read_hierarchy(groups, weights, participants(servers))
    except ValueError as error:
        raise BadServersError(str(error)) from error


def changed_servers(before: dict[int, str], joining: bytes, leaving: bytes) -> dict[int, str]:
    """*before* with the lines of *joining* and without the ids of *leaving*.  Raises BadServersError, ValueError."""
    servers = {member: parse_server(line) for member, line in before.items()}
    for each in _split(leaving, ","):
        servers.pop(int(each), None)
    for each in _split(joining, ","):
        parts = _split(each.encode(), "=")
        if len(parts) != 2:
            raise BadServersError(each)
        member, server = _member_id(parts[0].rpartition(".")[2]), _server(parts[1])
        if server.client is None:
            raise BadServersError("a port for clients is wanted")
        for other, theirs in servers.items():
            if other != member and not _addresses(server).isdisjoint(_addresses(theirs)):
                raise BadServersError(f"an address of server.{other}")
        servers[member] = server
    return {member: format_server(server) for member, server in sorted(servers.items())}


def _split(text: bytes, separator: str) -> list[str]:
    """As ZooKeeper's StringUtils.split: trimmed, without what is empty."""
    return [part for each in text.decode().split(separator) if (part := each.strip())]


def _member_id(text: str) -> int:
    """Raises ValueError, UnfitMemberError: not one that sessions can be named after."""
    member = int(text)
    if not 1 <= member <= MEMBER_ID_MAX:
        raise UnfitMemberError(text)
    return member


def _server(line: str) -> ServerLine:
    try:
        return parse_server(line)
    except ValueError as error:
        raise BadServersError(line) from error


def _addresses(server: ServerLine) -> set[tuple[str, int]]:
    """Those that no other member may have. A wildcard is on each member's own machine."""
    found = {(server.host, server.quorum_port), (server.host, server.election_port)}
    if server.client is not None:
        found.add((server.client.host, server.client.port))
    return {each for each in found if each[0] not in WILDCARDS}
