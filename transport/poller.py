"""Waits for listeners, streams and descriptors at once; sees to monitors and probes by itself.

zmq_poll asks every socket for its events at every call, some system calls for each. Here only those are asked whose
descriptor woke us, or that were used since they were last found empty (their descriptor may have been reset by that:
it is edge-triggered).
"""

import select
import time
from collections.abc import Callable
from typing import Final

import zmq

from transport.listener import Listener
from transport.push_pull import Pull
from transport.stream import Stream
from transport.zmq_socket import option_of

Source = Listener | Stream | Pull
_POLLIN: Final = int(zmq.POLLIN)
_POLLOUT: Final = int(zmq.POLLOUT)
_EVENTS: Final = int(zmq.EVENTS)


class Poller:
    """The one place where a process of ours sleeps."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sources: list[tuple[Source, Callable[[int], int]]] = []  # and how to read its options
        self._listeners: list[Listener] = []
        self._owners: dict[int, tuple[Source | int, bool]] = {}  # by descriptor; True: its monitor's

    def add(self, source: Source | int) -> None:
        if isinstance(source, int):
            self._register(source, source, is_monitor=False)
            return
        self._sources.append((source, option_of(source.socket)))
        self._register(int(source.socket.fd), source, is_monitor=False)
        if not isinstance(source, Pull):
            self._register(int(source.monitor.socket.fd), source, is_monitor=True)
        if isinstance(source, Listener):
            self._listeners.append(source)

    def remove(self, source: Source | int) -> None:
        """Before it is closed."""
        for descriptor in [each for each, (owner, _) in self._owners.items() if owner is source]:
            del self._owners[descriptor]
            self._epoll.unregister(descriptor)
        if not isinstance(source, int):
            self._sources = [each for each in self._sources if each[0] is not source]
        if isinstance(source, Listener):
            self._listeners.remove(source)

    def poll(self, timeout_ms: int) -> list[Source | int]:
        """What may be ready, within *timeout_ms* (0: only look; -1: no limit): receive from it until None.

        A Listener is also ready when a stream of it was found lost.
        """
        ready: dict[Source | int, None] = {}
        for source, option in self._sources:
            if source.is_touched:
                events = option(_EVENTS)
                if events & _POLLIN:
                    ready[source] = None
                else:
                    source.is_touched = False
                if isinstance(source, Stream) and source.wants_out and events & _POLLOUT:
                    source.flush()
        for descriptor, _ in self._epoll.poll(0 if ready else self._timeout_s(timeout_ms)):
            owner, is_monitor = self._owners[descriptor]
            ready[owner] = None
            if is_monitor or (isinstance(owner, Stream) and owner.wants_out):
                assert isinstance(owner, (Listener, Stream))
                owner.maintain()
        for listener in self._listeners:
            if listener.is_uneasy:
                if listener.deadline_ns:
                    listener.maintain()
                if listener.has_lost:
                    ready[listener] = None
        return list(ready)

    def _timeout_s(self, timeout_ms: int) -> float:
        for listener in self._listeners:
            if listener.is_uneasy and listener.deadline_ns:
                left_ms = max(0, (listener.deadline_ns - time.monotonic_ns()) // 1_000_000 + 1)
                timeout_ms = min(timeout_ms, left_ms) if timeout_ms >= 0 else left_ms
        return timeout_ms / 1000 if timeout_ms >= 0 else -1

    def _register(self, descriptor: int, owner: Source | int, *, is_monitor: bool) -> None:
        self._owners[descriptor] = (owner, is_monitor)
        self._epoll.register(descriptor, select.EPOLLIN)
