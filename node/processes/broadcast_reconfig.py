"""Reconfigurations as the shell sees them: who asked for one, and what becomes of addresses and files once it holds.

The log says who the members are and where; zoo.cfg is only where a member begins to look. So a file that cannot be
written is told of, and stops nothing.
"""

from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from node.config.address import MEMBER_ID_MAX, parse_server
from node.config.dynamic import write_dynamic
from node.config.member import MemberConfig
from node.config.servers import check_hierarchy, participants
from node.processes.peers import Peers
from node.zab import effects
from node.zab.events import Event, Reconfigure
from node.zab.member import Member
from transport.entry import ControlEntry
from transport.hierarchy import MAJORITY, Hierarchy
from transport.messages import ReconfigAnswer, ReconfigWanted
from transport.zxid import Zxid

ASKED_MAX: Final = 1000  # requests whose askers are remembered


class Reconfigs:
    """*step*: hands an event to the core."""

    def __init__(
        self, config: MemberConfig, *, member: Member, peers: Peers, step: Callable[[Event], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._config, self._member, self._peers, self._step, self._log = config, member, peers, step, log
        self._asked: dict[int, Callable[[ReconfigAnswer], None]] = {}  # by intent: the way to answer
        self._seen: ControlEntry | None = None
        self._written = 0

    def on_wanted(self, wanted: ReconfigWanted, answer: Callable[[ReconfigAnswer], None]) -> None:
        """Of a processor, of this member or another."""
        self.ask(wanted.intent, wanted.version, wanted.servers, answer, hierarchy=wanted.hierarchy)

    def ask(
        self, intent: int, version: int, servers: dict[int, str], answer: Callable[[ReconfigAnswer], None], *,
        is_operators: bool = False, hierarchy: Hierarchy | None = None,
    ) -> None:
        """*answer*: hears of a refusal alone. *hierarchy*: None: as it is."""
        if not _is_sound(servers, hierarchy):
            return
        self._asked[intent] = answer
        while len(self._asked) > ASKED_MAX:
            del self._asked[next(iter(self._asked))]
        self._step(Reconfigure(Zxid(intent), version, servers, is_operators, hierarchy))

    def on_refused(self, effect: effects.ReconfigRefused) -> None:
        answer = self._asked.pop(effect.intent, None)
        if answer is not None:
            answer(ReconfigAnswer(effect.intent, effect.err, effect.reason))

    def meet(self, servers: dict[int, str]) -> None:
        """What election has heard of members of whom our own log does not tell."""
        self._peers.meet(servers)

    def on_turn(self) -> None:
        """Whether the log has come to name other servers, or they have come to count."""
        control = self._member.control
        if control is None or not control.config_version:
            return
        if control is not self._seen:
            self._seen = control
            self._peers.follow(control.reconfigured)
            self._asked.pop(control.intent, None)
        if self._written != control.config_version <= self._member.committed:
            self._written = control.config_version
            self._write(control)

    def _write(self, control: ControlEntry) -> None:
        try:
            path = write_dynamic(self._config, control.servers, control.config_version, control.hierarchy)
        except OSError as error:
            self._log.warning(
                "dynamic_config_not_written", file=str(self._config.file), reason=str(error),
                cure="nothing needs it while the log is there; let the member's user write there, or edit it by hand")
            return
        if path is not None:
            self._log.info("dynamic_config_written", file=str(path))


def _is_sound(servers: dict[int, str], hierarchy: Hierarchy | None) -> bool:
    """A processor's word for it is not taken: nothing that cannot be read may come into the log."""
    try:
        for line in servers.values():
            parse_server(line)
        check_hierarchy(hierarchy or MAJORITY, participants(servers))
    except ValueError:
        return False
    return all(1 <= member <= MEMBER_ID_MAX for member in servers)
