"""A session that comes back over another connection."""

from tests.waiting import wait_until
from tests.wire_connection import Address, Connection


def reattached(last: Connection, address: Address) -> Connection:
    """The same session over a new connection.  A member that is behind what the client has seen
    sends it away: then it comes again."""

    def attach() -> Connection | None:
        moved = Connection.to(address)
        moved.send_handshake(
            session_id=last.session_id, password=last.password, zxid_seen=last.zxid_seen
        )
        if moved.receive_handshake() is not None:
            return moved
        moved.close()
        return None

    moved = wait_until(attach, what=f"{address} takes the session")
    assert moved is not None
    moved.zxid_seen = last.zxid_seen
    return moved
