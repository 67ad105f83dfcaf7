"""Batches on their way to the leader: each executed at most once, in order, across failures.

A batch is kept until it has been executed here. Within an epoch the leader takes only the next sequence, and tells
on every new link which it took last: what stands after that is sent again. The start of an epoch comes in log
order, so a batch that was not executed before it is dead for certain: it is sent anew under the new epoch.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from transport.batch import REQUEST, BatchHeader, pack_batch, renumbered

IN_FLIGHT_BYTES_MAX: Final = 16 << 20
IN_FLIGHT_BATCHES_MAX: Final = 256
# A batch is closed when it has grown to that: nobody must ever get one that ZeroMQ drops.
BATCH_BYTES_MAX: Final = 512 << 10
# With so many batches on their way, what comes next waits for what comes soon, within limits: fewer and larger
# records. A hundred clients with one request each in flight cost a fifth less CPU so, and nobody waits longer.
GATHER_BATCHES: Final = 2
GATHER_BYTES: Final = 16 << 10
GATHER_MS: Final = 2
NO_CREDIT: Final = -1 << 40
IDENTITIES_MAX: Final = 10_000  # of one batch, which counts them in 16 bits


@dataclass(slots=True)
class Flight:
    batch: bytes
    sequence: int
    sealed_ms: int
    traced: int  # requests that carry a client's trace context
    read_ns: int = 0  # when the first of its requests was read
    sent_ns: int = 0  # when it was sent to the leader last
    times_sent: int = 0


class Submissions:
    """The building batch is `requests`, `count`, `bytes`, `traced`, `identities`: filled in line by the hot loop.

    The shell sets *read_ns* before the first request of a batch is read, and *now_ns* before `seal`.
    """

    def __init__(self, *, member: int, processor: int, outstanding_max: int = 1000) -> None:
        self._outstanding_max = outstanding_max
        self.member = member
        self.processor = processor
        self.generation = 0
        self.epoch = 0
        self.linked = False  # the leader of `epoch` accepts on the present link
        self.flights: deque[Flight] = deque()
        self.flight_bytes = 0
        self._flight_requests = 0
        self._sequence = 0  # last one given in this epoch
        self._unsent: deque[Flight] = deque()
        self.requests: list[bytes] = []
        self.count = 0
        self.bytes = 0
        self.traced = 0
        self.identities: dict[bytes, int] = {}
        self.read_ns = self.now_ns = 0

    @property
    def is_full(self) -> bool:
        """Out of credit: stop reading from clients until something has been executed."""
        return (
            self.flight_bytes + self.bytes > IN_FLIGHT_BYTES_MAX
            or len(self.flights) >= IN_FLIGHT_BATCHES_MAX
        )

    @property
    def room(self) -> int:
        """Requests that may still come before globalOutstandingLimit is reached; NO_CREDIT where `is_full`."""
        if self.flight_bytes + self.bytes > IN_FLIGHT_BYTES_MAX or len(self.flights) >= IN_FLIGHT_BATCHES_MAX:
            return NO_CREDIT
        return self._outstanding_max - self._flight_requests - self.count

    @property
    def outstanding(self) -> int:
        """Requests taken from clients and not executed yet."""
        return self._flight_requests + self.count

    def add(
        self, *, session_id: int, connection: int, xid: int, op: int, identity: bytes, body: bytes
    ) -> None:
        """The cold form of what Processor.feed does in line."""
        index = self.identity_of(identity)
        self.requests += (
            REQUEST.pack(session_id, connection, xid, op, 0, index, 0, len(body)), body)
        self.count += 1
        self.bytes += REQUEST.size + len(body)

    def took(self, count: int, size: int, *, is_traced: bool) -> None:
        """So many requests stand in `requests`: *size* bytes, with their contexts."""
        self.count += count
        self.bytes += size
        if is_traced:
            self.traced += count

    def identity_of(self, identity: bytes) -> int:
        """Its index in the building batch, which it joins, and weighs, when a write first needs it."""
        index = self.identities.get(identity)
        if index is None:
            index = self.identities[identity] = len(self.identities)
            self.bytes += len(identity)
        return index

    def close_batch(self, now_ms: int) -> None:
        """The building batch becomes a flight; `requests` and `identities` are new ones after it."""
        assert self.generation, "requests before the Welcome"
        self._sequence += 1
        batch = pack_batch(
            member=self.member, processor=self.processor, generation=self.generation,
            sequence=self._sequence, epoch=self.epoch, count=self.count,
            identities=list(self.identities), requests=b"".join(self.requests))
        flight = Flight(batch, self._sequence, now_ms, self.traced, self.read_ns)
        self.flights.append(flight)
        self._unsent.append(flight)
        self.flight_bytes += len(batch)
        self._flight_requests += self.count
        self.requests = []
        self.count = self.bytes = self.traced = 0
        self.identities = {}

    @property
    def is_gathering(self) -> bool:
        """A batch waits for company: call `seal` again when something has been executed, or after GATHER_MS."""
        return self.linked and self.count > 0

    def _is_due(self, now_ms: int) -> bool:
        flights = self.flights
        return self.linked and (
            len(flights) < GATHER_BATCHES or self.bytes >= GATHER_BYTES
            or now_ms - flights[-1].sealed_ms >= GATHER_MS)

    def seal(self, now_ms: int) -> list[bytes]:
        """Close the building batch, if it may go now or has grown large. Returns batches to send, in order."""
        if self.count and (self._is_due(now_ms) or self.bytes >= BATCH_BYTES_MAX):
            self.close_batch(now_ms)
        if not self.linked or not self._unsent:
            return []
        due = [flight.batch for flight in self._unsent]
        for flight in self._unsent:
            flight.sent_ns = self.now_ns
            flight.times_sent += 1
        self._unsent.clear()
        return due

    def accepting(self, *, epoch: int, sequence: int) -> None:
        """The leader took everything up to *sequence* in *epoch*; the rest is due again."""
        if epoch != self.epoch:
            return  # we have not executed that epoch's start yet, or are past it: the shell asks again
        self.linked = True
        self._unsent = deque(f for f in self.flights if f.sequence > sequence)

    def unlinked(self) -> None:
        self.linked = False
        self._unsent.clear()

    def epoch_started(self, epoch: int) -> None:
        """In log order. What has not been executed by now never will be, under its old name."""
        self.epoch = epoch
        self.unlinked()
        self._sequence = 0
        for flight in self.flights:
            self._sequence += 1
            flight.sequence = self._sequence
            flight.batch = renumbered(flight.batch, epoch=epoch, sequence=self._sequence)

    def owns(self, header: BatchHeader) -> bool:
        return (
            header.generation == self.generation
            and header.member == self.member
            and header.processor == self.processor
        )

    def executed(self, header: BatchHeader) -> Flight:
        """An own batch has come in the log: it is the oldest in flight, or the at-most-once rule is broken."""
        flight = self.flights.popleft()
        assert (header.epoch, header.sequence) == (self.epoch, flight.sequence), (header, flight.sequence)
        self.flight_bytes -= len(flight.batch)
        self._flight_requests -= header.count
        return flight


