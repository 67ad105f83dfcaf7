"""What a processor makes of alarms: it refuses the writes that would fill the disks, and takes those that free them."""

from collections.abc import Callable
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
    """*texts*: of the alarms that stand. *on_change* is told of each change of them."""

    def __init__(self, core: "Processor", on_change: Callable[[list[str]], None]) -> None:
        self._core, self._on_change = core, on_change
        self.texts: list[str] = []

    def refresh(self) -> None:
        """Call now and then, and when one has been executed: who deletes the node takes the alarm back."""
        texts = [text.decode(errors="replace") for text in alarms_of(self._core.replica.tree)]
        if texts != self.texts:
            self.texts = texts
            self._core.take_writes(only=TAKEN if texts else None)
            self._on_change(texts)

    def is_raised(self, member: int) -> bool:
        return alarm_path(member) in self._core.replica.nodes

    def order(self, *, is_raised: bool, text: str = "") -> None:
        """This member's alarm, through the log."""
        core = self._core
        core.submissions.add(
            session_id=0, connection=0, xid=0, op=OpCode.ALARM, identity=b"\0\0\0\0",
            body=pack_alarm(member=core.config.member, is_raised=is_raised, text=text))
