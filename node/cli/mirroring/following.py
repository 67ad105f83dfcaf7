"""Mirror: the source is watched, and the target follows.

A recursive watch names what changed, and only that is read again. It is silent about ACLs, about what changed while the
connection was away, and servers before 3.6 do not have it: so all of it is compared from time to time.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from node.cli.errors import Failure
from node.cli.mirroring.apply import Done, apply
from node.cli.mirroring.contents import Tree, is_own, read_some, read_tree
from node.cli.mirroring.plan import make_plan
from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import is_within
from node.cli.shell.requests import WatchMode
from transport.errors import Err

GATHER_S: Final = 0.05  # what changes together is read together
AGAIN_S: Final = 1.0  # after a lost connection


class Mirror:
    """*top*: the same path on both sides. *deletes*: also what the source never had, as long as this mirror ran."""

    def __init__(self, source: Client, target: Client, top: str, *, deletes: bool) -> None:
        self.source, self.target, self.top = source, target, top
        self._deletes = deletes
        self._changed = threading.Condition()
        self._paths: set[str] = set()
        self._has_gap = True  # something may have changed that no event told of
        self.is_watching = False

    def copy_all(self) -> tuple[Tree, Tree, Done]:
        """The source as it is, the target as it was, and what was done."""
        self.source.call(requests.sync(self.source.whole(self.top)))
        source, target = read_tree(self.source, self.top), read_tree(self.target, self.top)
        return source, target, apply(self.target, make_plan(source, target, deletes=self._deletes))

    def copy(self, paths: set[str]) -> Done:
        """Only these, and their parents as far as they are among them."""
        in_order = sorted(paths)
        source, target = read_some(self.source, in_order), read_some(self.target, in_order)
        return apply(self.target, make_plan(source, target, deletes=True))

    def follow(self, tell: Callable[[str, Done], None], problem: Callable[[str], None], *, every_s: float) -> None:
        """Until it is interrupted.  *tell*: what was compared ("all", "changes"), and done."""
        with self.source.listening(self._on_event, self._on_state):
            while True:
                try:
                    self._follow(tell, every_s)
                except Failure as error:
                    problem(str(error))
                    self._has_gap = True
                    time.sleep(AGAIN_S)

    def _follow(self, tell: Callable[[str, Done], None], every_s: float) -> None:
        next_all_s = 0.0
        while True:
            if self._has_gap or time.monotonic() >= next_all_s:
                self._has_gap = False
                self._watch()
                tell("all", self.copy_all()[2])
                next_all_s = time.monotonic() + every_s
            paths = self._await_changes(next_all_s)
            if paths:
                tell("changes", self.copy(paths))

    def _watch(self) -> None:
        """Anew after each gap: a new session has none."""
        try:
            self.source.call(requests.add_watch(self.source.whole(self.top), WatchMode.PERSISTENT_RECURSIVE))
            self.is_watching = True
        except RefusedError as error:
            if error.code != Err.UNIMPLEMENTED:
                raise

    def _await_changes(self, until_s: float) -> set[str]:
        with self._changed:
            self._changed.wait_for(lambda: self._paths or self._has_gap, max(0.0, until_s - time.monotonic()))
            if self._paths:
                self._changed.wait_for(lambda: self._has_gap, GATHER_S)
            paths, self._paths = self._paths, set()
        return paths

    def _on_event(self, _event: str, path: str) -> None:
        if is_within(path, self.top) and not is_own(self.source.whole(path)):
            with self._changed:
                self._paths.add(path)
                self._changed.notify()

    def _on_state(self, _state: str) -> None:
        with self._changed:
            self._has_gap = True
            self._changed.notify()
