"""What a processor makes of alarms: it refuses the writes that would fill the disks, and takes those that free them."""

from typing import TYPE_CHECKING

from node.tree.alarms import alarm_path, alarms_of, pack_alarm
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.requests.processor import Processor

# What goes on: a few bytes each. Attaches, closes and expiries do, too: sessions live on.
TAKEN = frozenset(int(op) for op in (
    OpCode.DELETE, OpCode.REMOVE_RECURSIVE, OpCode.TRY_REMOVE, OpCode.SYNC, OpCode.LINEARIZABLE_READ,
    OpCode.CLOSE_SESSION))


class WriteAlarms:
    """*texts*: of the alarms that stand."""

    def __init__(self, core: "Processor") -> None:
        self._core = core
        self._all_writes = core.writes
        self.texts: list[str] = []

    def refresh(self) -> None:
        """Call now and then, and when one has been executed: who deletes the node takes the alarm back."""
        texts = [text.decode(errors="replace") for text in alarms_of(self._core.replica.tree)]
        if texts == self.texts:
            return
        self.texts = texts
        self._core.writes = self._all_writes & TAKEN if texts else self._all_writes
        if texts:
            self._core.alarm("writes_stopped", reason="; ".join(texts))
        else:
            self._core.alarm("writes_go_on")

    def is_raised(self, member: int) -> bool:
        return alarm_path(member) in self._core.replica.nodes

    def order(self, *, is_raised: bool, text: str = "") -> None:
        """This member's alarm, through the log."""
        core = self._core
        core.submissions.add(
            session_id=0, connection=0, xid=0, op=OpCode.ALARM, identity=b"\0\0\0\0",
            body=pack_alarm(member=core.config.member, is_raised=is_raised, text=text))
