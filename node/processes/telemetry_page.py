"""What the page of the admin HTTP is told by, and how members' telemetry tell each other how they are.

Two payloads of Relay, apart from those of observability/peers.py by how they begin: a question, once a second while
somebody looks at a page; and its answer.
"""

from collections.abc import Collection
from importlib.metadata import version

import msgspec

from node.config.member import MemberConfig
from node.keys import KeysError, load_keys
from observability.admin.history import History
from observability.admin.page import page, status_route
from observability.admin.status import Health, StatusBoard
from observability.endpoint import Route
from observability.samples import Samples
from transport.messages import Sample
from transport.unpacking import unpacker

ASK = b"health?"
TOLD = b"health!"
ASK_EVERY_S = 1.0

_decode = unpacker(Health)


class StatusPage:
    def __init__(self, config: MemberConfig, samples: Samples) -> None:
        self._others = [member for member in sorted(config.members) if member != config.id]
        self._history = History()
        self._board = StatusBoard(
            me=config.id, members=sorted(config.members), ensemble=_ensemble(config), version=version("corral"),
            figures=samples.figures, history=self._history)
        self._asked_s = 0.0

    def follow(self, members: Collection[int]) -> None:
        """Of a reconfiguration."""
        self._others = [member for member in sorted(members) if member != self._board.me]
        self._board.members = sorted({*members, self._board.me})

    def routes(self) -> dict[str, Route]:
        return {"/": page, "/status": status_route(self._board)}

    def take(self, sample: Sample, now_s: float) -> None:
        self._history.take(sample, now_s)

    def questions(self, now_s: float) -> list[tuple[int, bytes]]:
        """(member, payload) to send; call it at least once a second, as the samples of broadcast come."""
        if now_s - self._asked_s < ASK_EVERY_S / 2 or not self._board.peers.are_watched(now_s):
            return []
        self._asked_s = now_s
        return [(member, ASK) for member in self._others]

    def is_addressed(self, payload: bytes) -> bool:
        return payload.startswith((ASK, TOLD))

    def relayed(self, member: int, payload: bytes, now_s: float) -> bytes | None:
        """An answer to send back at once. What cannot be read, as of another version, is dropped."""
        if payload == ASK:
            return TOLD + msgspec.msgpack.encode(self._board.health())
        try:
            health = _decode(payload[len(TOLD):])
        except msgspec.MsgspecError:
            return None
        self._board.peers.take(member, health, now_s)
        return None


def _ensemble(config: MemberConfig) -> str:
    try:
        return load_keys(config).ensemble
    except KeysError:
        return ""
