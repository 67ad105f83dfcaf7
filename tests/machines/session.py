"""A kazoo client, as it comes, whose every request goes into the history."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, KazooException, NodeExistsError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

from tests.corral import connect_string
from tests.histories.operation import History, Operation
from tests.wire_connection import Address

REQUEST_S: Final = 12.0
START_S: Final = 8.0
SESSION_S: Final = 6.0
REFUSALS: Final = {BadVersionError: "BadVersion", NodeExistsError: "NodeExists", NoNodeError: "NoNode"}

Request = Callable[[], Any]  # sends it, waits for the answer, and returns what goes into the history


class Session:
    """Its requests wait for their answers one by one.  name: of the client in the history."""

    def __init__(self, name: str, history: History, addresses: Sequence[Address]) -> None:
        self.name, self.history, self.addresses = name, history, list(addresses)
        self.kazoo = self.new_client()

    def new_client(self) -> KazooClient:
        # As many connections are tried as it takes, half a second apart at most: faults are short.
        retry = {"max_tries": -1, "delay": 0.05, "backoff": 2, "max_delay": 0.5}
        return KazooClient(connect_string(self.addresses), timeout=SESSION_S, connection_retry=retry)

    def start(self) -> bool:
        """Whether it is connected; if not, another start may be tried."""
        try:
            self.kazoo.start(timeout=START_S)
        except KazooTimeoutError:
            return False
        return True

    def restart(self) -> bool:
        """A new session; the old one is closed if that can be told to a server, and expires else."""
        self.end()
        self.kazoo = self.new_client()
        return self.start()

    def end(self) -> None:
        with contextlib.suppress(KazooException, KazooTimeoutError):
            self.kazoo.stop()
        with contextlib.suppress(KazooException, KazooTimeoutError):
            self.kazoo.close()

    def id(self) -> int:
        """Of the session that it has now."""
        client_id = self.kazoo.client_id
        return int(client_id[0]) if client_id else 0

    def do(self, request: Request, kind: str, key: str, name: str, argument: Any = None) -> Operation:
        """Send a request and write down what came of it."""
        before = self.id()
        pending = self.history.begin(kind, self.name, key, name, argument)
        try:
            result = request()
        except tuple(REFUSALS) as error:
            return pending.fail(REFUSALS[type(error)], session=self._same(before))
        except (KazooException, KazooTimeoutError, OSError) as error:
            return pending.unknown(type(error).__name__)
        return pending.ok(result, session=self._same(before))

    def _same(self, before: int) -> int:
        """The session that answered; 0: it may be either, kazoo has made a new one meanwhile."""
        return before if self.id() == before else 0


def answer(asked: Any) -> Any:
    """Of one of kazoo's asynchronous requests, or what it failed with; KazooTimeoutError: none came in time."""
    return asked.get(timeout=REQUEST_S)
