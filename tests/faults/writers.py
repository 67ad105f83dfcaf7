"""Kazoo clients that write without end, and remember what was acknowledged."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, KazooException, NodeExistsError, SessionExpiredError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState

from tests.corral import Address, connect_string
from tests.faults.trees import Tree
from tests.waiting import wait_until

JOIN_S = 60.0
REQUEST_S = 20.0


@dataclass
class Outcome:
    """What one writer knows.  created: path -> data.  uncertain: may be there, once, or not."""

    created: dict[str, bytes] = field(default_factory=dict)
    uncertain: dict[str, bytes] = field(default_factory=dict)
    version: int = 0  # of its own node, of which it is the only writer
    values: list[bytes] = field(default_factory=list)  # what that node may hold
    errors: list[str] = field(default_factory=list)  # connection loss and the like
    states: list[KazooState] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)

    @property
    def acknowledged(self) -> int:
        return len(self.created) + self.version


class Writer:
    """One client in a thread: creates nodes that nobody else creates, and sets one with its version."""

    def __init__(self, name: str, addresses: list[Address], root: str, timeout_s: float) -> None:
        self.name = name
        self.own = f"{root}/own-{name}"
        self.root = root
        self.outcome = Outcome()
        self.client = KazooClient(connect_string(addresses), timeout=timeout_s)
        self.client.add_listener(self._on_state)
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self._future: Future[None] | None = None

    def start(self) -> None:
        self.client.start(timeout=30)
        self.client.create(self.own, b"0")
        self.client.create(f"{self.root}/here-{self.name}", ephemeral=True)
        self.outcome.values = [b"0"]
        self._future = self._thread.submit(self._run)

    def stop(self) -> None:
        """Raises what its thread failed with."""
        self._stopping.set()
        try:
            if self._future is not None:
                self._future.result(JOIN_S)
        finally:
            self.client.stop()
            self.client.close()
            self._thread.shutdown(wait=False)

    def _on_state(self, state: KazooState) -> None:
        self.outcome.states.append(state)
        if state == KazooState.CONNECTED:
            assert self.client.client_id is not None
            self.outcome.sessions.add(self.client.client_id[0])

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            self._create(number)
            self._set(number)

    def _create(self, number: int) -> None:
        path, data = f"{self.root}/{self.name}-{number:06}", f"{self.name}/{number}".encode()
        try:
            self.client.create_async(path, data).get(timeout=REQUEST_S)
        except NodeExistsError:
            raise AssertionError(f"{path} was created twice") from None
        except (KazooException, KazooTimeoutError) as error:
            self.outcome.uncertain[path] = data
            self._failed(error)
        else:
            self.outcome.created[path] = data

    def _set(self, number: int) -> None:
        outcome, data = self.outcome, f"{number}".encode()
        try:
            stat = self.client.set_async(self.own, data, outcome.version).get(timeout=REQUEST_S)
        except BadVersionError:
            raise AssertionError(f"{self.own} is not at version {outcome.version}") from None
        except (KazooException, KazooTimeoutError) as error:
            self._failed(error)
            self._look(data)
        else:
            assert stat.version == outcome.version + 1
            outcome.version, outcome.values = stat.version, [data]

    def _look(self, data: bytes) -> None:
        """After a failure: was the set done, or not?  Never less than what was acknowledged."""
        outcome = self.outcome

        def look() -> bool:
            try:
                self.client.sync_async(self.own).get(timeout=REQUEST_S)
                found, stat = self.client.get_async(self.own).get(timeout=REQUEST_S)
            except (KazooException, KazooTimeoutError):
                return self._stopping.is_set()
            done = (outcome.version + 1, data)
            assert (stat.version, found) in {(outcome.version, outcome.values[0]), done}
            if stat.version > outcome.version:
                outcome.version, outcome.values = stat.version, [found]
            return True

        if not wait_until(look, seconds=JOIN_S, what=f"writer {self.name} reads again"):
            return
        if self._stopping.is_set():
            outcome.values.append(data)

    def _failed(self, error: Exception) -> None:
        self.outcome.errors.append(repr(error))
        if isinstance(error, SessionExpiredError):
            self.outcome.sessions.add(0)
        self._stopping.wait(0.05)  # kazoo fails at once while it is not connected


@contextmanager
def writing(root: str, *groups: list[Address], timeout_s: float = 10.0) -> Iterator[list[Outcome]]:
    """A writer per group of addresses that it may connect to; they stop at the end of the block."""
    writers = [Writer(f"w{i}", group, root, timeout_s) for i, group in enumerate(groups)]
    with ExitStack() as stopping:
        for writer in writers:
            stopping.callback(writer.stop)
            writer.start()
        yield [writer.outcome for writer in writers]


def await_progress(outcomes: list[Outcome], writes: int = 20, seconds: float = 30.0) -> None:
    """Until each writer has had so many more writes acknowledged."""
    goals = [outcome.acknowledged + writes for outcome in outcomes]
    wait_until(
        lambda: all(o.acknowledged >= goal for o, goal in zip(outcomes, goals, strict=True)),
        seconds=seconds,
        what=f"{writes} more writes by each of {len(outcomes)} writers",
    )


def check(tree: Tree, root: str, outcomes: list[Outcome]) -> None:
    """Every acknowledged write is in the tree, and nothing that nobody wrote."""
    for number, outcome in enumerate(outcomes):
        lost = [path for path, data in outcome.created.items() if tree.get(path, (None,))[0] != data]
        assert not lost, f"acknowledged, and lost: {lost[:10]}"
        data, stat, _ = tree[f"{root}/own-w{number}"]
        assert data in outcome.values
        assert stat.version - outcome.version in range(len(outcome.values))
    known = {path for outcome in outcomes for path in (*outcome.created, *outcome.uncertain)}
    strange = {path for path in tree if path.startswith(f"{root}/w")} - known
    assert not strange
