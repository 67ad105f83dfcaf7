"""reconfig: refused, since members do not change while an ensemble runs."""

from typing import TYPE_CHECKING

from node.sessions.table import Session
from transport.errors import Err
from transport.jute import decode_from
from transport.records import ReconfigRequest

if TYPE_CHECKING:
    from node.tree.execute import Replica


def reconfig(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
) -> Err:
    """As ZooKeeper's with reconfigEnabled=false, before anything else is looked at. Raises JuteError."""
    decode_from(ReconfigRequest, record, at, end)
    return Err.RECONFIG_DISABLED
