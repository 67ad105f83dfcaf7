"""What telemetry of another member has to say to ours: passed on, some messages a second at most."""

from typing import Final

from node.processes.loop import now_ms
from transport.messages import Relay, Relayed, encode
from transport.sockets import Push

RELAYS_PER_SECOND: Final = 100  # of all members together
RELAY_BYTES_MAX: Final = 1 << 20


class Relays:
    """Beyond its bounds, or where telemetry takes nothing, it drops and counts."""

    def __init__(self, push: Push) -> None:
        self._push = push
        self._second = 0
        self._left = 0
        self.passed = self.dropped = 0

    def relay(self, member: int, relay: Relay) -> None:
        """*member*: whom the stream's key belongs to."""
        second = now_ms() // 1000
        if second != self._second:
            self._second, self._left = second, RELAYS_PER_SECOND
        if not self._left or len(relay.payload) > RELAY_BYTES_MAX:
            self.dropped += 1
            return
        self._left -= 1
        if self._push.send(encode(Relayed(member, relay.payload))):
            self.passed += 1
        else:
            self.dropped += 1

    def figures(self) -> dict[str, int]:
        return {"relays": self.passed, "relays_dropped": self.dropped}
