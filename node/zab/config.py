"""What a member is told before it starts: ids, limits, durations."""

from dataclasses import dataclass, field
from typing import Final

from transport.entry import FEATURE_LEVEL
from transport.hierarchy import MAJORITY, Hierarchy
from transport.zxid import MemberId

SILENCE_MS_MIN: Final = 500  # below that, a busy machine's scheduling looks like death


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in ms.

    Two leaders never serve at once, by durations alone, without a common clock:
    - A follower that receives a ping at R grants its leader until R + silence_ms. Until then it lets nobody else serve:
      it names the rest of the grant in AckEpoch, and a new leader waits it out.
    - A leader serves until S + lease_ms, S being the send time of the newest pings that a quorum echoed. S <= R.
    - Quorums intersect, so some member of the new leader's quorum granted at R >= S, and S + lease_ms < R + silence_ms.
      The quarter between the two pays for clocks of different speed and for rounding.
    A grant ends early only where the old leader is known to lead no more: it says so, follows the new one, or its host
    says that nobody listens on its port (its processors stop with it). A member that has just started counts as having
    granted to somebody unknown.
    A follower's own lease counts from its own clock: the at_ms of the last Pong that the leader says it has heard.
    """

    tick_ms: int
    sync_ms: int  # syncLimit: a learner that answers nothing, or acks nothing that is due, is dropped
    init_ms: int  # initLimit: synchronisation of a quorum without progress
    silence_ms: int  # a follower that hears nothing for so long looks again
    lease_ms: int
    ping_ms: int
    discovery_ms: int  # for a quorum to say hello, and again to accept the epoch

    @classmethod
    def of(cls, *, tick_ms: int, init_limit: int, sync_limit: int) -> "Timing":
        # ZooKeeper waits the whole syncLimit (10 s by default) before it misses a silent leader. Most of a tick is
        # enough: a member that is merely slow is rejoined by an empty DIFF.
        sync_ms = tick_ms * sync_limit
        silence_ms = min(sync_ms, max(tick_ms * 4 // 5, SILENCE_MS_MIN))
        return cls(
            tick_ms=tick_ms,
            sync_ms=sync_ms,
            init_ms=max(tick_ms * init_limit, silence_ms),
            silence_ms=silence_ms,
            lease_ms=silence_ms * 3 // 4,
            ping_ms=max(silence_ms // 6, 1),
            discovery_ms=max(tick_ms, silence_ms),
        )


@dataclass(frozen=True, slots=True)
class ZabConfig:
    """*generation*: of this life of the broadcast process. *settings*: those that change results of execution."""

    me: MemberId
    voters: tuple[MemberId, ...]
    ensemble: str
    timing: Timing
    feature_level: int = FEATURE_LEVEL  # the highest that this member follows
    version: str = ""  # of Corral: goes into the log with a feature level
    settings: dict[str, str] = field(default_factory=dict)
    generation: int = 0
    window_bytes: int = 32 << 20  # sent to a learner and not acked
    chunk_bytes: int = 1 << 20  # asked of SendRecords at a time
    uncommitted_bytes_max: int = 64 << 20  # proposed and not committed
    hierarchy: Hierarchy = MAJORITY  # of zoo.cfg: its group.N and weight.N
    servers: dict[int, str] = field(default_factory=dict)  # of zoo.cfg: server.N; empty: standalone
    observer_masters: bool = False  # observers follow followers, and those let them
    reconfig_enabled: bool = False
    standalone_enabled: bool = True  # then one voter alone is none that a reconfiguration may lead to
