"""What takes some seconds to see: silences of sessions, rates, hot znodes."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from node.cli.asking import exchange
from node.cli.doctor.subject import Pause, Scrapes, Subject
from node.cli.errors import Failure
from node.cli.scrape import Figures, scrape
from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.requests import Request, WatchMode
from node.cli.shell.sessions import connections
from node.cli.site import Site
from node.config.address import Address
from node.tree.watches import WatcherType

_EVERY_S: Final = 0.3
_WORD_S: Final = 5.0
_HOT: Final = 20


class Pauses:
    """Longest silences, by what the four-letter word cons says again and again.

    A server says when it answered a session last, by a clock of its own: the newest of these is about now.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, float]] = {}  # (server, session) -> last response, seen first at
        self._longest: dict[tuple[str, str], Pause] = {}

    def take(self, server: str, rows: Sequence[Mapping[str, Any]], now_s: float) -> None:
        newest = max((row["last_response_ms"] or 0 for row in rows), default=0)
        for row in rows:
            if not row["session"] or not row["timeout_ms"]:
                continue
            key, last = (server, row["session"]), int(row["last_response_ms"] or 0)
            seen, since_s = self._seen.get(key, (-1, now_s))
            if seen != last:
                since_s = now_s
                self._seen[key] = (last, now_s)
            silent_ms = max(float(newest - last), (now_s - since_s) * 1000)
            if key not in self._longest or silent_ms > self._longest[key].silent_ms:
                self._longest[key] = Pause(row["session"], row["client"], server, int(row["timeout_ms"]), silent_ms)

    def longest(self) -> list[Pause]:
        return sorted(self._longest.values(), key=lambda pause: -pause.silent_ms / pause.timeout_ms)


def observe(subject: Subject, metrics: Sequence[Site], seconds: float) -> None:
    """Fills the subject with what only time shows."""
    pauses, begin_s = Pauses(), time.monotonic()
    firsts = {server: figures for server in metrics if (figures := _scraped(subject, server)) is not None}
    with _changes(subject, is_needed=not firsts):
        while True:
            for server in subject.servers:
                _take_pauses(subject, pauses, server)
            left_s = begin_s + seconds - time.monotonic()
            if left_s <= 0:
                break
            time.sleep(min(_EVERY_S, left_s))
    subject.seconds = time.monotonic() - begin_s
    subject.pauses = None if "cons" in subject.without else pauses.longest()
    subject.scrapes = [found for server, first in firsts.items() if (found := _second(subject, server, first))]


def _take_pauses(subject: Subject, pauses: Pauses, server: Address) -> None:
    answer = word(subject, server, b"cons")
    if answer is not None:
        pauses.take(str(server), connections(answer), time.monotonic())


def word(subject: Subject, server: Address, name: bytes) -> str | None:
    """What a four-letter word says; None, with the reason in the subject: it says nothing."""
    text = name.decode()
    try:
        answer = exchange(server, name, time.monotonic() + _WORD_S, tls=subject.tls).decode(errors="replace")
    except OSError:
        return None  # who does not answer is a finding of its own
    if "not in the whitelist" in answer or not answer:
        subject.without[text] = f"{text} is not in 4lw.commands.whitelist of {server}"
        return None
    return None if "not currently serving" in answer else answer


def _scraped(subject: Subject, server: Site) -> Figures | None:
    try:
        return scrape(server)
    except OSError as error:
        subject.without["metrics"] = f"{server}: no answer ({error})"
        return None


def _second(subject: Subject, server: Site, first: Figures) -> Scrapes | None:
    now = _scraped(subject, server)
    if now is None:
        return None
    try:
        hot = server.get_json(f"/hot?n={_HOT}")
        member = str(server.get_json(f"{server.commands}/zabstate")["myid"])
    except (OSError, KeyError):
        hot, member = {}, str(server)
    return Scrapes(f"member {member}", first, now, hot)


@contextmanager
def _changes(subject: Subject, *, is_needed: bool) -> Iterator[None]:
    """Counts changes of values by a watch on everything, where no member's log can be asked."""
    client = subject.client
    if client is None or not is_needed:
        yield
        return
    counts: Counter[str] = Counter()

    def hear(event: str, path: str) -> None:
        if event == "NodeDataChanged":
            counts[path] += 1

    whole = client.whole("/")
    with client.listening(hear):
        if not _is_done(subject, client, requests.add_watch(whole, WatchMode.PERSISTENT_RECURSIVE)):
            yield
            return
        yield
        if not _is_done(subject, client, requests.remove_watches(whole, WatcherType.ANY)):
            return
    subject.changes = counts


def _is_done(subject: Subject, client: Client, request: Request) -> bool:
    """False, with the reason in the subject: it is refused, or nobody answers."""
    try:
        client.call(request)
    except Failure as error:
        subject.without["changes"] = error.message
        return False
    return True
