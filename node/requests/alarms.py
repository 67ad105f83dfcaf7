"""What a processor makes of alarms: where the members whose disks are nearly full leave no quorum of others, it refuses
the writes that would fill them, and takes those that free them. One member of three may fail: its disk stops nobody."""

from typing import TYPE_CHECKING, Final

from node.tree.alarms import alarm_path, alarms_of, pack_alarm
from node.zab.quorum import verifier
from transport.entry import read_control
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.requests.processor import Processor

# What goes on: a few bytes each. Attaches, closes and expiries do, too: sessions live on.
TAKEN: Final = frozenset(int(op) for op in (
    OpCode.DELETE, OpCode.REMOVE_RECURSIVE, OpCode.TRY_REMOVE, OpCode.SYNC, OpCode.LINEARIZABLE_READ,
    OpCode.CLOSE_SESSION))


class WriteAlarms:
    """*texts*: of the alarms that stand, by member. *stops_writes*: those without one are no quorum."""

    def __init__(self, core: "Processor") -> None:
        self._core = core
        self._all_writes = core.writes
        self.texts: dict[int, str] = {}
        self.stops_writes = False

    def refresh(self) -> None:
        """Call now and then, and when one has been executed: who deletes the node takes the alarm back."""
        texts = {member: text.decode(errors="replace") for member, text in alarms_of(self._core.replica.tree)}
        for member, text in texts.items():
            if member not in self.texts:
                self._core.alarm("disk_nearly_full", of_member=member, reason=text)
        self.texts = texts
        stops = bool(texts) and not self._has_quorum_without(texts)
        if stops == self.stops_writes:
            return
        self.stops_writes = stops
        self._core.writes = self._all_writes & TAKEN if stops else self._all_writes
        self._core.alarm("writes_stopped" if stops else "writes_go_on")

    def _has_quorum_without(self, members: dict[int, str]) -> bool:
        control = self._core.replica.state.control
        if not control:
            return True
        entry = read_control(control)
        return verifier(entry.voters, entry.hierarchy).has_quorum(
            [voter for voter in entry.voters if voter not in members])

    def is_raised(self, member: int) -> bool:
        return alarm_path(member) in self._core.replica.nodes

    def order(self, *, is_raised: bool, text: str = "") -> None:
        """This member's alarm, through the log."""
        core = self._core
        core.submissions.add(
            session_id=0, connection=0, xid=0, op=OpCode.ALARM, identity=b"\0\0\0\0",
            body=pack_alarm(member=core.config.member, is_raised=is_raised, text=text))
