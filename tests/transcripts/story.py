"""Runs a story: its verbs over the in-memory ensemble, what is seen as text."""

from collections.abc import Callable, Iterator
from pathlib import Path

from node.zab.effects import Effect
from tests.transcripts.speech import HIDDEN, show_effect
from tests.zab.ensemble import Ensemble, Host
from transport.zxid import show

TESTDATA = Path(__file__).parent / "testdata"
RULE = "----"


class Spoken(Ensemble):
    def __init__(self, count: int, say: Callable[[str], None]) -> None:
        self.say = say
        self.shown: frozenset[str] = frozenset()
        super().__init__(count)

    def _perform(self, host: Host, effect: Effect) -> None:
        line = show_effect(host.id, effect, host.leader or 0)
        if line is not None and not any(
                f" {word} " in f"{line} " and word not in self.shown for word in HIDDEN):
            self.say(line)
        super()._perform(host, effect)


class Story:
    """
    ensemble N           N members, explicitly initialised, looking
    ensemble N led by L  a little later: L leads, and one write is committed everywhere; only the state is told
    elect L [F...]       election tells F..., then L, that L leads (all by default); messages flow
    submit M TEXT        a batch of one request at leader M; messages flow
    hold-flush M         its disk finishes no flush;   release-flush M
    crash M              its process is killed;   power-cut M   what is not durable is lost;   start M
    lose-disk M          while it is down: a new empty directory, not initialised
    cut A B              messages of A to B wait;   heal
    break M              its stream to its leader ends
    advance MS           time passes, members tick, messages flow
    snapshot M           at its watermark; the log before it is purged
    show WORD...         from now on also ping, pong, lease
    state                one line per member
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.ensemble: Spoken | None = None

    def tell(self, command: str) -> list[str]:
        """What is seen after *command*; ok, if nothing."""
        self.seen = []
        verb, *words = command.split()
        if verb == "ensemble":
            self._begin(int(words[0]), [int(word) for word in words[3:]])
        else:
            self._verb(verb)(*words)
        return self.seen or ["ok"]

    def _begin(self, count: int, leader: list[int]) -> None:
        self.ensemble = ensemble = Spoken(count, lambda line: self.seen.append(line))
        for member in leader:
            ensemble.elect(member)
            ensemble.run()
            self._submit(str(member), "set")
            self.seen.clear()
            self._state()

    @property
    def _ensemble(self) -> Spoken:
        assert self.ensemble is not None, "a story begins with: ensemble N"
        return self.ensemble

    def _verb(self, verb: str) -> Callable[..., None]:
        ensemble = self._ensemble

        def then_run(act: Callable[..., object]) -> Callable[..., None]:
            def acted(*words: str) -> None:
                act(*(int(word) for word in words))
                ensemble.run()
            return acted

        verbs: dict[str, Callable[..., None]] = {
            "elect": then_run(ensemble.elect),
            "submit": self._submit,
            "hold-flush": then_run(ensemble.hold),
            "release-flush": then_run(ensemble.release),
            "crash": then_run(ensemble.crash),
            "power-cut": then_run(lambda member: ensemble.crash(member, power=True)),
            "start": then_run(ensemble.start),
            "lose-disk": then_run(ensemble.wipe),
            "cut": lambda one, other: ensemble.cut.add((int(one), int(other))),
            "heal": then_run(ensemble.cut.clear),
            "break": then_run(ensemble.break_stream),
            "advance": then_run(ensemble.advance),
            "snapshot": then_run(ensemble.snapshot),
            "show": self._show,
            "state": self._state,
        }
        return verbs[verb]

    def _submit(self, member: str, text: str) -> None:
        self._ensemble.submit(int(member), text.encode())
        self._ensemble.run()

    def _show(self, *words: str) -> None:
        self._ensemble.shown = frozenset(words)

    def _state(self) -> None:
        for host in self._ensemble.hosts.values():
            self.seen.append(_describe(host))


def _describe(host: Host) -> str:
    member = host.member
    if member is None:
        return f"{host.id} down"
    serving = "serves" if member.is_serving else "does not serve"
    whom = f" of {member.leader}" if member.role == "follower" else ""
    return (
        f"{host.id} {member.role}{whom}, {serving}, epoch {member.epoch}: last {show(member.last_zxid)} "
        f"durable {show(member.durable)} committed {show(member.committed)}")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """(comment and command lines, what was seen) of a story."""
    for block in text.strip().split("\n\n"):
        head, _, seen = block.partition(f"\n{RULE}\n")
        yield head, seen


def retell(text: str) -> str:
    """The same story with what is seen now."""
    story = Story()
    told = []
    for head, _ in blocks(text):
        seen: list[str] = []
        for line in head.splitlines():
            if not line.startswith("#"):
                seen += story.tell(line)
        told.append(f"{head}\n{RULE}\n" + "\n".join(seen) if seen else head)
    return "\n\n".join(told) + "\n"
