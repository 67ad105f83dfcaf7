"""One session with an ensemble: kazoo keeps the connection, each call has a deadline, events go to who listens."""

import contextlib
import logging
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import ConnectionClosedError, KazooException, SessionClosedRequireSaslError
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.protocol.serialization import Watch
from kazoo.protocol.states import KeeperState

from node.cli.errors import Failure
from node.cli.shell import requests
from node.cli.shell.errors import NoSessionError, RefusedError, reason
from node.cli.shell.requests import Request, Result
from node.cli.shell.target import Target
from transport.errors import Err
from transport.records import Stat

IN_FLIGHT: Final = 256  # requests sent before the first answer is waited for
EVENTS: Final = {1: "NodeCreated", 2: "NodeDeleted", 3: "NodeDataChanged", 4: "NodeChildrenChanged"}

Listener = Callable[[str, str], None]  # (an event's name, path)


class _Handler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo has no types
    """Of kazoo, which waits for a socket, though TLS has decrypted the next answers already: until its next ping."""

    def select(self, rlist: Sequence[Any], *rest: Any, **options: Any) -> Any:
        decrypted = [each for each in rlist if isinstance(each, ssl.SSLSocket) and each.pending()]
        return (decrypted, [], []) if decrypted else super().select(rlist, *rest, **options)


class _Heard(logging.Handler):
    """What kazoo complained of last; it tells its log alone."""

    _PREFIXES: Final = (
        "Connection dropped: socket connection error: ", "Connection dropped: ", "Connection time-out: ",
        "AUTH_FAILED closing: ", "Cannot resolve ")

    def __init__(self) -> None:
        super().__init__()
        self.last = ""
        self.logger = logging.Logger("kazoo", logging.WARNING)  # noqa: LOG001 # of this client alone
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = str(error or record.getMessage())
        for prefix in self._PREFIXES:
            if text.startswith(prefix):
                self.last = text.removeprefix(prefix)
                return
        if error is not None:
            self.last = text


class Client:
    """Paths here are the user's: below the chroot.  Methods raise RefusedError, and Failure where no answer comes."""

    def __init__(self, target: Target, *, connect_s: float = 10.0, answer_s: float = 30.0) -> None:
        """Connects.  Raises Failure."""
        logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # what it says is said by who asked
        self.target, self._answer_s = target, answer_s
        self._listeners: list[Listener] = []
        self._state_listeners: list[Callable[[str], None]] = []
        self._heard = _Heard()
        self._kazoo = KazooClient(
            target.servers, timeout=target.timeout_s, read_only=target.read_only, logger=self._heard.logger,
            handler=_Handler(), **target.credentials.kazoo_options())
        self._chroot = (self._kazoo.chroot or "").rstrip("/")
        self._hear_events()
        self._kazoo.add_listener(self._state_changed)
        self._start(connect_s)

    def _start(self, connect_s: float) -> None:
        """Raises NoSessionError."""
        servers, sasl = self.target.servers, self.target.credentials.sasl
        try:
            self._kazoo.start(timeout=connect_s)
            if sasl:  # kazoo has a session before it has proved who it is
                self._kazoo.exists_async("/").get(timeout=connect_s)
        except (KazooTimeoutError, self._kazoo.handler.timeout_exception) as error:
            why = self._heard.last or str(error)
        except SessionClosedRequireSaslError as error:
            why = reason(error.code)
        except KazooException as error:
            why = self._heard.last or str(error) or type(error).__name__
        else:
            return
        state = self._kazoo.client_state
        self._kazoo.stop()
        self._kazoo.close()
        if sasl and state in (KeeperState.AUTH_FAILED, KeeperState.CLOSED):
            raise NoSessionError(
                f"{servers} does not believe who you are: {why} — check --sasl: user and password, or `klist`")
        raise NoSessionError(
            f"no server of {servers} takes a session within {connect_s:g} s: {why} — see "
            f"`corral status {servers.partition('/')[0]}`; a port that speaks TLS wants --tls, another does not")

    def close(self) -> None:
        self._kazoo.stop()
        self._kazoo.close()

    # Of the session ----------------------------------------------------------------------------

    @property
    def session_id(self) -> int:
        return int((self._kazoo.client_id or (0, b""))[0])

    @property
    def last_zxid(self) -> int:
        """The highest of any answer."""
        return int(self._kazoo.last_zxid)

    @property
    def password(self) -> bytes:
        return bytes((self._kazoo.client_id or (0, b""))[1])

    @property
    def state(self) -> str:
        """As ZooKeeper names it: CONNECTED, CONNECTED_RO, CONNECTING, CLOSED, …"""
        return str(self._kazoo.client_state)

    @property
    def timeout_ms(self) -> int:
        """As wanted; what a server grants it says to kazoo, which keeps it to itself."""
        return int(self.target.timeout_s * 1000)

    @property
    def server(self) -> str:
        """Address of the one that it is connected to; empty: to none."""
        socket = self._kazoo._connection._socket
        try:
            host, port = socket.getpeername()[:2]
        except (OSError, AttributeError):
            return ""
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def add_auth(self, scheme: str, credential: str) -> None:
        try:
            self._kazoo.add_auth(scheme, credential)
        except KazooException as error:
            raise RefusedError(f"{scheme}", getattr(error, "code", Err.AUTH_FAILED)) from None

    # Requests ----------------------------------------------------------------------------------

    def call(self, request: Request) -> Any:
        return self._answer(self._send(request), request)

    def call_all(self, wanted: Iterable[Request]) -> Iterator[tuple[Request, Any]]:
        """Many at once, in order. An answer may be a RefusedError."""
        rest = iter(wanted)
        while batch := list(islice(rest, IN_FLIGHT)):
            sent = [self._send(each) for each in batch]
            for request, pending in zip(batch, sent, strict=True):
                try:
                    yield request, self._answer(pending, request)
                except RefusedError as error:
                    yield request, error

    def whole(self, path: str) -> str:
        """From the server's root on."""
        return (self._chroot + path).rstrip("/") or "/" if path != "/" else self._chroot or "/"

    def own(self, path: str) -> str:
        """The user's path of a whole one."""
        return path.removeprefix(self._chroot) or "/"

    def exists(self, path: str, *, watch: bool = False) -> Stat | None:
        found: Stat | None = self.call(requests.exists(self.whole(path), watch=watch))
        return found

    def get(self, path: str, *, watch: bool = False) -> tuple[bytes | None, Stat]:
        data, stat = self.call(requests.get(self.whole(path), watch=watch))
        return data, stat

    def children(self, path: str, *, watch: bool = False) -> tuple[list[str], Stat]:
        names, stat = self.call(requests.children(self.whole(path), watch=watch))
        return names, stat

    def set(self, path: str, data: bytes | None, version: int = requests.ANY_VERSION) -> Stat:
        stat: Stat = self.call(requests.set_data(self.whole(path), data, version))
        return stat

    def delete(self, path: str, version: int = requests.ANY_VERSION) -> None:
        self.call(requests.delete(self.whole(path), version))

    def multi(self, operations: Sequence[Request]) -> list[Result]:
        """All or nothing.  Raises RefusedError of the one that failed."""
        results: list[Result] = self.call(requests.multi(operations))
        for operation, result in zip(operations, results, strict=False):
            if result.err not in (Err.OK, Err.RUNTIME_INCONSISTENCY):
                raise RefusedError(self.own(operation.path), result.err)
        return [each._replace(path=self.own(each.path)) if each.path else each for each in results]

    def _send(self, request: Request) -> Any:
        pending = self._kazoo.handler.async_result()
        self._kazoo._call(request, pending)
        return pending

    def _answer(self, pending: Any, request: Request) -> Any:
        try:
            return pending.get(timeout=self._answer_s)
        except ConnectionClosedError:
            raise Failure("there is no connection — `connect` makes one") from None
        except KazooException as error:
            raise RefusedError(self.own(request.path), getattr(error, "code", Err.SYSTEM_ERROR)) from None
        except (KazooTimeoutError, self._kazoo.handler.timeout_exception):
            raise Failure(f"no answer within {self._answer_s:g} s, the connection is {self.state} — see "
                          "`corral status`") from None

    # Events ------------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """For good."""
        self._listeners.append(listener)

    @contextlib.contextmanager
    def listening(self, listener: Listener, state: Callable[[str], None] = lambda _: None) -> Iterator[None]:
        """Both are called in kazoo's threads. *state*: CONNECTED, SUSPENDED or LOST."""
        self._listeners.append(listener)
        self._state_listeners.append(state)
        try:
            yield
        finally:
            self._listeners.remove(listener)
            self._state_listeners.remove(state)

    def _hear_events(self) -> None:
        """kazoo tells of watches that were set by its own methods alone, and knows no persistent ones."""
        connection = self._kazoo._connection
        of_kazoo = connection._read_watch_event

        def read(buffer: bytes, offset: int) -> None:
            event, _ = Watch.deserialize(buffer, offset)
            for listener in list(self._listeners):
                listener(EVENTS.get(event.type, str(event.type)), self.own(event.path))
            of_kazoo(buffer, offset)

        connection._read_watch_event = read

    def _state_changed(self, state: str) -> None:
        if state in (KazooState.CONNECTED, KazooState.SUSPENDED, KazooState.LOST):
            for listener in list(self._state_listeners):
                listener(str(state))
