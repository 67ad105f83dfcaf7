"""Timings that note nothing, where CORRAL_TEST_NO_NOTES=1: what notes cost is for bench/telemetry_cost.py to say."""

import os
from typing import Final

from node.processes.broadcast_timings import BroadcastTimings
from node.processes.processor_timings import ProcessorTimings
from node.requests.submissions import Flight
from transport.messages import Watermark
from transport.sockets import Push

_SWITCH: Final = "CORRAL_TEST_NO_NOTES"


class SilentBroadcastTimings(BroadcastTimings):
    def on_taken(self, member: int, processor: int, count: int) -> None: ...

    def on_leadership(self) -> None: ...

    def on_acked(self, member: int, zxid: int) -> None: ...

    def on_append(self, record: bytes, *, leads: bool, has_learners: bool) -> None: ...

    def on_received(self, first_zxid: int, last_zxid: int) -> None: ...

    def on_synced(self, zxid: int, at_ns: int, took_ns: int, *, in_line: bool) -> None: ...

    def on_ack_sent(self, zxid: int) -> None: ...

    def on_committed(self, before: int, zxid: int, completed_by: int, leader: int) -> None: ...

    def on_published(self, zxid: int, offset: int, at_ns: int) -> None: ...

    def on_look(self) -> None: ...

    def on_turn_end(self, now_ns: int, timeout_ms: int) -> None: ...

    def on_woken(self) -> None: ...


class SilentProcessorTimings(ProcessorTimings):
    def on_turn(self, now_ns: int) -> None: ...

    def on_watermark(self, mark: Watermark) -> None: ...

    def on_executed(self, flight: Flight, first_zxid: int, count: int) -> None: ...

    def on_failed(self, zxid: int, error: int) -> None: ...

    def on_notified(self, zxid: int, watchers: int) -> None: ...

    def on_unparked(self, count: int, oldest_ns: int) -> None: ...

    def on_applied(self, buffer: bytes | memoryview, offset: int, began_ns: int, *, is_attended: bool) -> None: ...

    def on_turn_end(self, *, reads: int, has_answered: bool) -> None: ...


def broadcast_timings(push: Push) -> BroadcastTimings:
    return SilentBroadcastTimings(push) if _is_silent() else BroadcastTimings(push)


def processor_timings(process: str, push: Push) -> ProcessorTimings:
    return SilentProcessorTimings(process, push) if _is_silent() else ProcessorTimings(process, push)


def _is_silent() -> bool:
    return os.environ.get(_SWITCH) == "1"
