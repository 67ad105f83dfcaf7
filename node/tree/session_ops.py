"""Sessions come, move and go; and sync, which the log's order alone answers."""

import struct
from typing import TYPE_CHECKING

from node.sessions.table import LOCAL_TO_UPGRADE, Session
from node.tree.delete import remove_node
from node.tree.paths import java_echo
from node.tree.wire import pack_string, read_string
from transport.batch import ATTACH_BODY, EXPIRE_BODY
from transport.errors import Err
from transport.zxid import counter_of, epoch_of

if TYPE_CHECKING:
    from node.tree.execute import Replica

ATTACHED = struct.Struct("<qi")  # the reply to CREATE_SESSION and REATTACH: session id, timeout in ms


def session_id_of(*, member: int, zxid: int) -> int:
    """Unique without coordination, from the zxid of the session's creation; signed, as on the wire."""
    number = member << 56 | (epoch_of(zxid) & 0xFFFF) << 40 | counter_of(zxid)
    return number - (1 << 64) if number >> 63 else number


def create_session(
    replica: "Replica", record: bytes, at: int, *, source: int, connection: int, member: int,
    zxid: int,
) -> bytes:
    timeout_ms, _ = ATTACH_BODY.unpack_from(record, at)
    session = Session(
        session_id=session_id_of(member=member, zxid=zxid), timeout_ms=timeout_ms, source=source,
        connection=connection)
    replica.sessions.add(session)
    return ATTACHED.pack(session.id, timeout_ms)


def reattach(
    replica: "Replica", record: bytes, at: int, session: Session | None, *, source: int,
    connection: int,
) -> bytes | Err:
    """The processor has checked an HMAC; the password that an imported session kept is compared here."""
    if session is None:
        return Err.SESSION_EXPIRED
    timeout_ms, password = ATTACH_BODY.unpack_from(record, at)
    if session.password is not None and session.password != password:
        return Err.SESSION_EXPIRED
    old = (session.source, session.connection)
    replica.sessions.attach(
        session, timeout_ms=timeout_ms, source=source, connection=connection)
    if old != (source, connection):
        replica.moved.append((session.id, *old))
    return ATTACHED.pack(session.id, timeout_ms)


def expire(
    replica: "Replica", record: bytes, at: int, session: Session | None, zxid: int
) -> bytes | Err:
    """Ends the session, unless it has been attached anew since (-118)."""
    if session is None:
        return Err.SESSION_EXPIRED
    if EXPIRE_BODY.unpack_from(record, at) != (session.source, session.connection):
        return Err.SESSION_MOVED
    end_session(replica, session, zxid)
    return b""


def close_session(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    end_session(replica, session, zxid)
    return b""


def becomes_global(replica: "Replica", session: Session) -> bool:
    """So that it may own a node. It stays one, whatever becomes of the request, as in ZooKeeper."""
    if session.locality != LOCAL_TO_UPGRADE:
        return False
    if session.id not in replica.sessions:
        replica.sessions.add(Session(
            session_id=session.id, timeout_ms=session.timeout_ms, source=session.source,
            connection=session.connection))
        replica.moved.append((session.id, 0, 0))
    return True


def close_local_session(replica: "Replica", session: Session) -> bytes:
    """In its turn behind the session's writes, like any other."""
    replica.ended.append((session.id, session.source, session.connection, ()))
    return b""


def end_session(replica: "Replica", session: Session, zxid: int) -> None:
    """Ephemerals go in the order in which they came, all with this zxid."""
    nodes = replica.nodes
    for path in session.ephemerals:
        slash = path.rfind(b"/")
        remove_node(replica, nodes[path], nodes[path[:slash]], path[slash + 1:], zxid)
    replica.sessions.remove(session)
    replica.ended.append((session.id, session.source, session.connection, session.ephemerals))


def sync(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """SyncRequest -> its path, neither checked nor used: that the entry is committed is the answer."""
    path: bytes | None
    path, _ = read_string(record, at, end)
    return pack_string(path if path is None else java_echo(path))
