"""One mode of watching per client of a sequence.

ZooKeeper 3.8 keeps one mode per path and connection: a getData with a watch makes a persistent watch a standard one
(ZOOKEEPER-4466, mended in 3.9 and in Corral). So a client of a sequence watches in one way only.
"""

from dataclasses import replace
from enum import Enum

from tests.differential.steps import Burst, Rewatch, Step
from tests.later_requests import ANY_WATCH, PERSISTENT, RECURSIVE, AddWatch, RemoveWatches
from tests.wire import Exists, Request, WatchingRequest


class Mode(Enum):
    STANDARD = "one-shot watches, by reads"
    PERSISTENT = "persistent watches"
    RECURSIVE = "persistent recursive watches"


def fitted(step: Step, mode: Mode) -> Step:
    """The step, watching in this mode alone."""
    match step:
        case Burst():
            return replace(step, requests=tuple(fitted_request(request, mode) for request in step.requests))
        case Rewatch() if mode is Mode.PERSISTENT:
            return replace(step, data=(), exist=(), child=(), persistent=step.data + step.child)
        case Rewatch() if mode is Mode.RECURSIVE:
            return replace(step, data=(), exist=(), child=(), recursive=step.data + step.child)
        case _:
            return step


def fitted_request(request: Request, mode: Mode) -> Request:
    match request:
        case AddWatch() if request.mode not in (PERSISTENT, RECURSIVE):
            return request  # refused in any case
        case AddWatch() if mode is Mode.STANDARD:
            return Exists(request.path, watch=True)
        case AddWatch():
            return replace(request, mode=PERSISTENT if mode is Mode.PERSISTENT else RECURSIVE)
        case WatchingRequest() if mode is not Mode.STANDARD:
            return replace(request, watch=False)
        case RemoveWatches() if mode is Mode.RECURSIVE:
            return replace(request, type=ANY_WATCH)  # 3.8 keeps it in two tables, and may lose it in one of them
        case _:
            return request
