"""Who looks at znodes in a browser: each login is a client of the ensemble, with its own session and identity.

What may be seen and changed is what the ensemble's ACLs let that client see and change; nothing is decided here.
"""

import hmac
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

LOGINS_MAX: Final = 16
IDLE_S: Final = 600.0
TRIES_PER_MINUTE: Final = 20  # of all who try: a password that can be guessed is not guessed here
CONNECT_S: Final = 5.0
SESSION_S: Final = 10.0


class LoginError(Exception):
    """The text is for who tried.  status: of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Login:
    """*token* is the cookie's value, *form* what every change has to bring along besides. *identities*: what the login
    has proved, as a jute vector<Id>."""

    client: Any  # kazoo's, loaded when the first one is needed
    who: str
    identities: bytes
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    form: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    used_s: float = 0.0


class Logins:
    """Those that there are. Called in the threads of requests."""

    def __init__(
        self, server: Callable[[], str], identities: Callable[[str, str, str], bytes],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """*server*: HOST:PORT of this member's clients. *identities*: of scheme, user and password that it took."""
        self._server, self._identities, self._now_s = server, identities, now_s
        self._lock = threading.Lock()
        self._logins: dict[str, Login] = {}
        self._tries: list[float] = []

    def enter(self, scheme: str, user: str, password: str) -> Login:
        """Raises LoginError."""
        self._admit()
        client = _connect(self._server(), scheme, user, password)
        login = Login(
            client, f"{scheme}:{user}" if scheme else "anyone", self._identities(scheme, user, password))
        with self._lock:
            login.used_s = self._now_s()
            self._logins[login.token] = login
        return login

    def find(self, token: str) -> Login:
        """Raises LoginError: there is none of this token any more."""
        self.sweep()
        with self._lock:
            for login in self._logins.values():
                if hmac.compare_digest(login.token.encode(), token.encode()):
                    login.used_s = self._now_s()
                    return login
        raise LoginError(401, "log in")

    def leave(self, login: Login) -> None:
        with self._lock:
            is_here = self._logins.pop(login.token, None) is not None
        if is_here:  # closing waits for the ensemble
            threading.Thread(target=_disconnect, args=(login.client,), name="logout", daemon=True).start()

    def sweep(self) -> None:
        """Ends those that nobody uses any more."""
        with self._lock:
            old = [each for each in self._logins.values() if self._now_s() - each.used_s > IDLE_S]
        for login in old:
            self.leave(login)

    def _admit(self) -> None:
        self.sweep()
        with self._lock:
            now_s = self._now_s()
            self._tries = [each for each in self._tries if now_s - each < 60]
            if len(self._tries) >= TRIES_PER_MINUTE:
                raise LoginError(429, f"more than {TRIES_PER_MINUTE} logins in a minute: wait a little")
            if len(self._logins) >= LOGINS_MAX:
                raise LoginError(503, f"{LOGINS_MAX} are here already; a login ends after {IDLE_S / 60:g} idle minutes")
            self._tries.append(now_s)


def _connect(server: str, scheme: str, user: str, password: str) -> Any:
    """By an address that no ACL names: an `ip:127.0.0.1` is meant for who sits at this host, not for a browser."""
    from kazoo.client import KazooClient
    from kazoo.exceptions import KazooException
    from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler

    class Handler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo has no types
        def create_connection(self, address: tuple[str, int], *_: Any, timeout: float, **__: Any) -> socket.socket:
            source = ("127.0.0.2", 0) if ":" not in address[0] else None
            return socket.create_connection(address, timeout, source_address=source)

    options: Mapping[str, Any] = {}
    if scheme == "digest":
        options = {"auth_data": [("digest", f"{user}:{password}")]}
    elif scheme == "sasl":
        options = {"sasl_options": {"mechanism": "DIGEST-MD5", "username": user, "password": password}}
    elif scheme:
        raise LoginError(400, f"{scheme!r} is no way to log in: digest, sasl or none")
    client = KazooClient(server, timeout=SESSION_S, handler=Handler(), read_only=True, **options)
    try:
        client.start(CONNECT_S)
    except (KazooException, KazooTimeoutError) as error:
        _disconnect(client)
        raise LoginError(503 if not scheme else 403, f"this member did not let you in: {error}") from None
    return client


def _disconnect(client: Any) -> None:
    client.stop()
    client.close()
