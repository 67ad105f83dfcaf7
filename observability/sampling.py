"""Which writes become traces: decided after the fact, from what the origin's processor noted of every own batch.

Pure: no clock, no socket. Every write slower than the threshold is kept, and every one that went through an election,
up to a cap of some times the budget; then those whose client's context says that it is sampled; then the rest, as far
as the ratio and what is left of the budget allow. What is not kept is counted with its reason.

Writes of one batch share their stages, so the story is told once: the budget counts batches. The first pick of a batch
gets the stages; the others ride along with a root of their own each, which is cheap, and are bounded apart.

    batches = Batches()                    one per life of a processor
    for batch in sampler.in_order(batches.take(notes)):
        picks, unread = sampler.offer(batch, now_ns)   unread: contexts of clients to look up, then sampler.client(...)
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from transport.timings import NOTE, Note
from transport.zxid import epoch_of

URGENT_TIMES = 3  # slow and election writes: whole traces per second, in budgets
URGENT_RIDERS_TIMES = 30  # and those that ride along with them
RIDERS_TIMES = 5  # those that ride along with the rest
PENDING_MAX = 1024  # batches of a processor that are not answered: four times what may be in flight
WAITED_NS = 5_000_000  # longer than a batch is collected while somebody leads
MASK_64 = (1 << 64) - 1
SPREAD = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: Fibonacci hashing spreads neighbouring zxids evenly
SECOND_NS = 1_000_000_000
_READ, _SUBMITTED, _REPLIED = int(Note.READ), int(Note.SUBMITTED), int(Note.REPLIED)


class Reason(StrEnum):
    """Why a trace is kept."""

    SLOW = "slow"
    ELECTION = "election"
    CLIENT = "client"
    SAMPLED = "sampled"  # within the budget


class Loss(StrEnum):
    """Why none is."""

    BUDGET = "budget"  # of the rest
    CLIENT_BUDGET = "client_budget"  # the client wanted it
    URGENT_CAP = "urgent_cap"  # slow, or during an election
    RATIO = "ratio"


class Batch(NamedTuple):
    """A finished own batch. *was_kept_up*: sent more than once, or kept until there was a leader."""

    first_zxid: int
    requests: int
    latency_ns: int
    was_kept_up: bool
    traced: int

    @property
    def zxids(self) -> range:
        return range(self.first_zxid, self.first_zxid + self.requests)


class Pick(NamedTuple):
    """The first of a batch gets the stages, the others of that batch a root each."""

    zxid: int
    reason: Reason


@dataclass(slots=True)
class _Pending:
    read_ns: int
    requests: int
    was_kept_up: bool = False
    traced: int = 0


class Batches:
    """Puts the notes of one life of a processor together: READ and SUBMITTED by a batch's first zxid, then REPLIED."""

    def __init__(self) -> None:
        self._pending: OrderedDict[int, _Pending] = OrderedDict()
        self._epoch = 0
        self._opened_ns = 0  # when the first batch of that epoch was sent, if an earlier epoch is known
        self.lost = 0  # never heard to be answered

    def take(self, notes: bytes) -> list[Batch]:
        """Batches that *notes* finish, in order."""
        finished: list[Batch] = []
        for kind, _who, part, count, zxid, at_ns, _took_ns in NOTE.iter_unpack(notes):
            if kind == _READ:
                self._pending[zxid] = _Pending(at_ns, count)
                if len(self._pending) > PENDING_MAX:
                    self._pending.popitem(last=False)
                    self.lost += 1
            elif kind == _SUBMITTED and (pending := self._pending.get(zxid)) is not None:
                pending.traced = count
                pending.was_kept_up = self._was_kept_up(zxid, pending.read_ns, at_ns) or part > 1
            elif kind == _REPLIED:
                self._replied(zxid, at_ns, finished)
        return finished

    def _was_kept_up(self, first_zxid: int, read_ns: int, submitted_ns: int) -> bool:
        """It had been read for a while when the first batch of its epoch was sent."""
        epoch = epoch_of(first_zxid)
        if epoch > self._epoch:
            self._opened_ns = submitted_ns if self._epoch else 0
            self._epoch = epoch
        return read_ns + WAITED_NS <= self._opened_ns

    def _replied(self, upto: int, at_ns: int, finished: list[Batch]) -> None:
        """Everything up to there is answered."""
        while self._pending:
            first, pending = next(iter(self._pending.items()))
            if first + pending.requests - 1 > upto:
                return
            del self._pending[first]
            latency_ns = at_ns - pending.read_ns
            finished.append(Batch(first, pending.requests, latency_ns, pending.was_kept_up, pending.traced))


@dataclass(slots=True)
class _Bucket:
    """Tokens per second; holds one second's worth, and may be overdrawn to *floor*."""

    rate: float
    floor: float = 0.0
    tokens: float = field(init=False)
    at_ns: int = 0

    def __post_init__(self) -> None:
        self.tokens = self.rate

    def refill(self, now_ns: int) -> None:
        elapsed = max(0, now_ns - self.at_ns) if self.at_ns else 0
        self.tokens = min(self.rate, self.tokens + elapsed * self.rate / SECOND_NS)
        self.at_ns = now_ns

    def take(self, wanted: int, *, down_to: float = 0.0) -> int:
        """How many of so many there are tokens for; they are taken."""
        given = max(0, min(wanted, int(self.tokens - down_to)))
        self.tokens -= given
        return given


class Sampler:
    """*budget*: whole traces per second; 0: none at all. *ratio*: of the writes that nothing distinguishes."""

    def __init__(self, *, ratio: float, budget: int, slow_ns: int) -> None:
        self.ratio = ratio
        self.slow_ns = slow_ns
        self._threshold = int(ratio * (1 << 64))
        self._budget = _Bucket(float(budget))
        self._riders = _Bucket(float(budget * RIDERS_TIMES))
        self._urgent = _Bucket(float(budget * URGENT_TIMES))
        self._urgent_riders = _Bucket(float(budget * URGENT_RIDERS_TIMES))
        self._refilled_ns = 0
        self.kept: dict[Reason, int] = dict.fromkeys(Reason, 0)
        self.dropped: dict[Loss, int] = dict.fromkeys(Loss, 0)

    def in_order(self, batches: list[Batch]) -> list[Batch]:
        """To offer them in: the slowest of the slow ones first, so that the cap leaves out what is less slow."""
        return sorted(batches, key=lambda each: -each.latency_ns if each.latency_ns >= self.slow_ns else 0)

    def offer(self, batch: Batch, now_ns: int) -> tuple[list[Pick], bool]:
        """The writes of this batch to trace, and whether its clients' contexts must be read before the rest is decided.

        Then nothing is picked yet: call `client`.
        """
        self._refill(now_ns)
        if batch.latency_ns >= self.slow_ns:
            return self._urgent_ones(batch.zxids, Reason.SLOW), False
        if batch.was_kept_up:
            return self._urgent_ones(batch.zxids, Reason.ELECTION), False
        if batch.traced:
            return [], True
        return self._rest(batch.zxids), False

    def client(self, contexts: Iterable[tuple[int, bool | None]], now_ns: int) -> list[Pick]:
        """*contexts*: of a batch's writes, zxid and the sampled flag of its client; None: no context.

        A client that does not sample is taken at its word. One that does may overdraw the budget by a second's worth,
        which the rest then lacks.
        """
        self._refill(now_ns)
        wanted: list[int] = []
        plain: list[int] = []
        for zxid, sampled in contexts:
            if sampled is None:
                plain.append(zxid)
            elif sampled:
                wanted.append(zxid)
            else:
                self.dropped[Loss.RATIO] += 1
        given = self._given(len(wanted), self._budget, self._riders, down_to=-self._budget.rate)
        self.dropped[Loss.CLIENT_BUDGET] += len(wanted) - given
        return self._picked(wanted[:given], Reason.CLIENT) + self._rest(plain, is_told=given > 0)

    def is_chosen(self, zxid: int) -> bool:
        """By the ratio: the same on every member."""
        return (zxid * SPREAD & MASK_64) < self._threshold

    def _refill(self, now_ns: int) -> None:
        if now_ns == self._refilled_ns:
            return  # batches of one message
        self._refilled_ns = now_ns
        for bucket in (self._budget, self._riders, self._urgent, self._urgent_riders):
            bucket.refill(now_ns)

    def _given(self, wanted: int, whole: _Bucket, riders: _Bucket, *, down_to: float = 0.0) -> int:
        """How many of a batch: one whole trace, and as many riders as there is room for."""
        if not wanted or not whole.take(1, down_to=down_to):
            return 0
        return 1 + riders.take(wanted - 1)

    def _urgent_ones(self, zxids: range, reason: Reason) -> list[Pick]:
        given = self._given(len(zxids), self._urgent, self._urgent_riders)
        self.dropped[Loss.URGENT_CAP] += len(zxids) - given
        if given:
            # What is urgent goes past the budget; the rest pays for it, within a second's worth.
            self._budget.take(1, down_to=-self._budget.rate)
        return self._picked(zxids[:given], reason)

    def _rest(self, zxids: range | list[int], *, is_told: bool = False) -> list[Pick]:
        """*is_told*: another write of the batch gets the stages.

        Stops looking once there is no room: what is left is dropped for that, whatever the ratio says.
        """
        if not is_told and self._budget.tokens < 1:
            self.dropped[Loss.BUDGET] += len(zxids)
            return []
        picked: list[int] = []
        whole = 0 if is_told else 1
        room = whole + int(self._riders.tokens)
        looked = 0
        for zxid in zxids if room else ():
            looked += 1
            if self.is_chosen(zxid):
                picked.append(zxid)
                if len(picked) == room:
                    break
        if picked:
            self._budget.take(whole)
            self._riders.take(len(picked) - whole)
        self.dropped[Loss.RATIO] += looked - len(picked)
        self.dropped[Loss.BUDGET] += len(zxids) - looked
        return self._picked(picked, Reason.SAMPLED)

    def _picked(self, zxids: Iterable[int], reason: Reason) -> list[Pick]:
        picks = [Pick(zxid, reason) for zxid in zxids]
        self.kept[reason] += len(picks)
        return picks
