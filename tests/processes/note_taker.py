"""The test in telemetry's place: it takes the notes and samples of one member."""

from dataclasses import dataclass, field
from typing import NamedTuple

from node.config.member import MemberConfig
from transport.messages import Relayed, Sample, Timings, decode_telemetry
from transport.sockets import Sockets
from transport.timings import NOTE, Note
from transport.wiring import ipc_endpoint


class Row(NamedTuple):
    kind: Note
    who: int
    part: int
    count: int  # type: ignore[assignment]  # hides tuple.count
    zxid: int
    at_ns: int
    took_ns: int


@dataclass
class NoteTaker:
    """Everything since the start, by process, in the order in which it was sent."""

    config: MemberConfig
    sockets: Sockets
    notes: dict[str, list[Row]] = field(default_factory=dict)
    messages: list[Timings] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)
    relayed: list[Relayed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pull = self.sockets.pull(ipc_endpoint(str(self.config.run_dir), "telemetry"))

    def take_in(self) -> None:
        while (payload := self.pull.receive()) is not None:
            match decode_telemetry(payload):
                case Timings() as message:
                    self.messages.append(message)
                    rows = self.notes.setdefault(message.process, [])
                    rows += [Row(Note(kind), *rest) for kind, *rest in NOTE.iter_unpack(message.notes)]
                case Sample() as sample:
                    self.samples[sample.process] = sample
                case Relayed() as relayed:
                    self.relayed.append(relayed)

    def of(self, process: str, kind: Note) -> list[Row]:
        """All of that kind so far."""
        self.take_in()
        return [row for row in self.notes.get(process, []) if row.kind is kind]

    def upto(self, process: str, kind: Note, zxid: int) -> Row | None:
        """The first that covers *zxid*."""
        return next((row for row in self.of(process, kind) if row.zxid >= zxid), None)

    def figure(self, process: str, name: str) -> object:
        self.take_in()
        sample = self.samples.get(process)
        return sample.values.get(name) if sample else None
