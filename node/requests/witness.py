"""Who hears of what became of a processor's own requests: the shell, which has a clock (node/processes)."""

from typing import Protocol

from node.requests.submissions import Flight


class Witness(Protocol):
    def on_executed(self, flight: Flight, first_zxid: int, count: int) -> None:
        """An own batch is about to be executed: *count* requests from *first_zxid* on."""

    def on_failed(self, zxid: int, error: int) -> None:
        """An own request was answered with *error*, which is negative."""

    def on_notified(self, zxid: int, watchers: int) -> None:
        """So many watchers here are told of what that request did."""

    def on_unparked(self, count: int, oldest_ns: int) -> None:
        """So many reads of a connection run now that waited for its writes, the first since then."""


class NoWitness:
    def on_executed(self, flight: Flight, first_zxid: int, count: int) -> None: ...

    def on_failed(self, zxid: int, error: int) -> None: ...

    def on_notified(self, zxid: int, watchers: int) -> None: ...

    def on_unparked(self, count: int, oldest_ns: int) -> None: ...
