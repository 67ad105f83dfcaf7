"""Leaders in a given state, and what brings them there."""

from node.zab.effects import Append
from node.zab.events import Flushed, TurnEnd
from tests.zab.builders import Driver, ack_epoch, established_leader, hello, z
from transport.entry import Kind, read_control, read_record_header
from transport.messages import Ack
from transport.zxid import MemberId

ME = MemberId(3)
KNOWN = hello(2, last=z(4, 3), accepted=4, current=4, committed=z(4, 3))
ALSO_KNOWN = hello(1, last=z(4, 3), accepted=4, current=4, committed=z(4, 3))
SAME = ack_epoch(5, current=4, last=z(4, 3), committed=z(4, 3))


def serving_leader() -> Driver:
    """Established, its EPOCH record committed by 2 and itself."""
    driver = established_leader()
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    driver.learn(2, Ack(z(5, 0)))
    driver.step(TurnEnd())
    return driver


def entries_in(effects: list[object]) -> list[tuple[int, object]]:
    """(kind, entry) of the control records appended."""
    found = []
    for each in effects:
        if isinstance(each, Append):
            header = read_record_header(each.record)
            if header.kind != Kind.BATCHES:
                found.append((Kind(header.kind), read_control(each.record[-header.length:])))
    return found  # type: ignore[return-value]
