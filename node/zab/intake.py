"""The leader takes batches at most once, in order: design, section 2.

A batch is named by (member, processor, generation, epoch, sequence). The leader takes only its own epoch and the next
sequence of the source, and joins what waits into one record. What it has taken and not proposed when the epoch ends
is lost for certain: its processor sends it again under the next one.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from transport.batch import BATCH, REQUEST
from transport.entry import RECORD_BYTES_MAX
from transport.messages import Accepting, Refused, SubmitHello

_LENGTH: Final = BATCH.size
# Beyond it a record would not fit into a message to learners: nobody could ever follow a leader that has logged it.
BATCH_BYTES_MAX: Final = 40 << 20


@dataclass(slots=True)
class Source:
    """One processor. *sequence*: of the last batch taken in this epoch."""

    generation: int
    sequence: int = 0


class Intake:
    def __init__(self, *, me: int, ensemble: str) -> None:
        self.me = me
        self.ensemble = ensemble
        self.epoch = 0  # 0: closed
        self.queued_bytes = 0
        self.queued_requests = 0
        self._sources: dict[tuple[int, int], Source] = {}
        self._queue: deque[tuple[bytes, int]] = deque()

    def open(self, epoch: int) -> None:
        """An epoch has begun; nothing of an earlier one counts any more."""
        self.close()
        self.epoch = epoch

    def close(self) -> None:
        self.epoch = 0
        self.queued_bytes = self.queued_requests = 0
        self._sources.clear()
        self._queue.clear()

    def hello(self, hello: SubmitHello) -> Accepting | Refused:
        """A link is made, or made anew: where the processor goes on from. A new life of it supersedes the old one."""
        if hello.ensemble != self.ensemble:
            return Refused(f"this is ensemble {self.ensemble}", 0, operator=True)
        if not self.epoch:
            return Refused("not leading", 0)
        if hello.epoch != self.epoch:
            return Refused(f"epoch {self.epoch} has begun", self.me)
        source = self._sources.get((hello.member, hello.processor))
        if source is None or source.generation < hello.generation:
            source = Source(hello.generation)
            self._sources[hello.member, hello.processor] = source
        elif source.generation > hello.generation:
            return Refused("a newer life of this processor has said hello", self.me)
        return Accepting(self.epoch, source.sequence)

    def submit(self, batch: bytes, *, member: int) -> bool:
        """Take a batch off a link of *member*.

        A repeated one is dropped silently. Returns False where the link must end: a gap, another epoch or life, or more
        requests than it has room for, each of which would take a zxid. What is in them only execution sees.
        """
        if not _LENGTH <= len(batch) <= BATCH_BYTES_MAX:
            return False
        length, whose, processor, _, generation, sequence, epoch, count, identities = BATCH.unpack_from(batch)
        source = self._sources.get((whose, processor))
        if (
            source is None or length != len(batch) or whose != member or not count
            or epoch != self.epoch or generation != source.generation or sequence > source.sequence + 1
            or _LENGTH + identities + count * REQUEST.size > length
        ):
            return False
        if sequence <= source.sequence:
            return True
        source.sequence = sequence
        self._queue.append((batch, count))
        self.queued_bytes += length
        self.queued_requests += count
        return True

    def take(self, bytes_max: int = RECORD_BYTES_MAX) -> tuple[bytes, int] | None:
        """The body of the next record and its count of requests: whole batches; one that is larger goes alone."""
        queue = self._queue
        if not queue:
            return None
        if self.queued_bytes <= bytes_max:
            body = queue[0][0] if len(queue) == 1 else b"".join([batch for batch, _ in queue])
            count = self.queued_requests
            queue.clear()
            self.queued_bytes = self.queued_requests = 0
            return body, count
        batches: list[bytes] = []
        size = count = 0
        while queue and (not batches or size + len(queue[0][0]) <= bytes_max):
            batch, requests = queue.popleft()
            batches.append(batch)
            size += len(batch)
            count += requests
        self.queued_bytes -= size
        self.queued_requests -= count
        return b"".join(batches), count
