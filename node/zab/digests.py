"""Replicas compared: whose digest after the same zxid is another than the majority's?

A report stands for one process of one member. Digests are compared per zxid; an idle replica reports again for the
same one.
"""

from dataclasses import dataclass
from typing import Final

from transport.messages import Digest
from transport.zxid import MemberId

ZXIDS_MAX: Final = 256  # how many digest points are kept: a replica that catches up reports old ones


@dataclass(frozen=True, slots=True)
class Differing:
    """*process* of *member* has another digest than most; process "": there is no majority among the replicas."""

    member: MemberId
    process: str
    zxid: int


class Digests:
    def __init__(self) -> None:
        self._reports: dict[int, dict[tuple[MemberId, str], int]] = {}
        self._seen_ms: dict[tuple[MemberId, str], int] = {}
        self._tied: set[int] = set()

    def on_digest(self, member: MemberId, digest: Digest, *, now_ms: int, alive_ms: int) -> list[Differing]:
        """Takes part in the count: every replica that has reported within *alive_ms*."""
        source = (member, digest.process)
        self._seen_ms[source] = now_ms
        reports = self._reports.setdefault(digest.zxid, {})
        reports[source] = digest.digest
        while len(self._reports) > ZXIDS_MAX:
            forgotten = next(iter(self._reports))
            del self._reports[forgotten]
            self._tied.discard(forgotten)
        if len(set(reports.values())) == 1:
            return []
        replicas = {each for each, seen_ms in self._seen_ms.items() if now_ms - seen_ms <= alive_ms}
        return self._judge(digest.zxid, reports, replicas | reports.keys())

    def _judge(
        self, zxid: int, reports: dict[tuple[MemberId, str], int], replicas: set[tuple[MemberId, str]],
    ) -> list[Differing]:
        values = list(reports.values())
        most = max(sorted(set(values)), key=values.count)
        if values.count(most) * 2 > len(replicas):
            odd = [source for source, value in reports.items() if value != most]
            for source in odd:
                del reports[source]  # told once; it will report again
            return [Differing(member, process, zxid) for member, process in odd]
        if len(reports) == len(replicas) and zxid not in self._tied:
            self._tied.add(zxid)
            return [Differing(MemberId(0), "", zxid)]
        return []
