"""Waits for listeners, streams and descriptors at once; sees to monitors and probes by itself."""

import time

import zmq

from transport.sockets import Listener, Pull, Stream

Source = Listener | Stream | Pull
_POLLIN = int(zmq.POLLIN)
_POLLIN_OUT = int(zmq.POLLIN | zmq.POLLOUT)
_Waited = zmq.Socket[bytes] | int


class Poller:
    """The one place where a process of ours sleeps."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._fds: list[int] = []
        self._listeners: list[Listener] = []
        self._streams: list[Stream] = []
        self._items: list[tuple[_Waited, int]] = []
        self._owners: dict[_Waited, tuple[Source | int, bool]] = {}  # True: its monitor
        self._with_output: list[Stream] = []  # those whose output the items wait for

    def add(self, source: Source | int) -> None:
        if isinstance(source, int):
            self._fds.append(source)
        else:
            self._sources.append(source)
        self._list_items()

    def remove(self, source: Source | int) -> None:
        if isinstance(source, int):
            self._fds.remove(source)
        else:
            self._sources.remove(source)
        self._list_items()

    def poll(self, timeout_ms: int) -> list[Source | int]:
        """What is ready, within *timeout_ms* (0: only look; -1: no limit).

        A Listener is also ready when a stream of it was found lost.
        """
        if [stream for stream in self._streams if stream.wants_out] != self._with_output:
            self._list_items()
        now_ns = time.monotonic_ns()
        for listener in self._listeners:
            if listener.deadline_ns:
                left_ms = max(0, (listener.deadline_ns - now_ns) // 1_000_000 + 1)
                timeout_ms = min(timeout_ms, left_ms) if timeout_ms >= 0 else left_ms
        ready: dict[Source | int, None] = {}
        for waited, _ in zmq.zmq_poll(self._items, timeout_ms):
            source, needs_maintenance = self._owners[waited]
            ready[source] = None
            if needs_maintenance or source in self._with_output:
                assert isinstance(source, (Listener, Stream))
                source.maintain()
        for listener in self._listeners:
            if listener.deadline_ns:
                listener.maintain()
            if listener.has_lost:
                ready[listener] = None
        return list(ready)

    def _list_items(self) -> None:
        self._listeners = [each for each in self._sources if isinstance(each, Listener)]
        self._streams = [each for each in self._sources if isinstance(each, Stream)]
        self._with_output = [stream for stream in self._streams if stream.wants_out]
        self._items = [(fd, _POLLIN) for fd in self._fds]
        self._owners = {fd: (fd, False) for fd in self._fds}
        for source in self._sources:
            flags = _POLLIN_OUT if source in self._with_output else _POLLIN
            self._items.append((source.socket, flags))
            self._owners[source.socket] = (source, False)
            if not isinstance(source, Pull):
                self._items.append((source.monitor.socket, _POLLIN))
                self._owners[source.monitor.socket] = (source, True)
