"""CURVE: key pairs, and the allow-list that libzmq asks about every key (ZAP, RFC 27).

Without a handler libzmq lets any key in: so it runs, in a thread of its own, before a tcp endpoint
is bound, and ZAP_ENFORCE_DOMAIN closes the gap.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import zmq
import zmq.utils.z85

Allowed = Callable[[str], int | None]  # public key (Z85) -> member; None: not on the list
Refused = Callable[[str, str], None]  # public key (Z85), peer's address; called in the ZAP thread

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
ZAP_DOMAIN = b"corral"
_REQUEST_FRAMES = 7  # version, request id, domain, address, identity, mechanism, key (32 bytes)
_KEYS_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """A key pair, Z85."""

    public: str
    secret: str = field(repr=False)


def make_keys() -> CurveKeys:
    public, secret = zmq.curve_keypair()
    return CurveKeys(public.decode(), secret.decode())


def public_of(secret: str) -> str:
    return zmq.curve_public(secret.encode()).decode()


class AllowList:
    """Answers ZAP's questions by *allowed*; *refused* hears of each unlisted key once."""

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", allowed: Allowed, refused: Refused,
    ) -> None:
        self._allowed, self._refused = allowed, refused
        self._told: set[str] = set()
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind(ZAP_ENDPOINT)
        # The socket is handed over to the thread here and nowhere else.
        self._thread = threading.Thread(target=self._run, name="zap", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """After the context has been told to end, which is what ends the thread."""
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(zmq.ContextTerminated):
            while True:
                request = self._socket.recv_multipart()
                self._socket.send_multipart(self._answer(request))
        self._socket.close()

    def _answer(self, request: list[bytes]) -> list[bytes]:
        if len(request) != _REQUEST_FRAMES or request[5] != b"CURVE":
            request_id = request[1] if len(request) > 1 else b""
            return [b"1.0", request_id, b"400", b"CURVE only", b"", b""]
        key = zmq.utils.z85.encode(request[6]).decode()
        member = self._allowed(key)
        if member is None:
            self._tell(key, request[3].decode(errors="replace"))
            return [b"1.0", request[1], b"400", b"key is not on the allow-list", b"", b""]
        return [b"1.0", request[1], b"200", b"OK", str(member).encode(), b""]

    def _tell(self, key: str, address: str) -> None:
        if key in self._told or len(self._told) >= _KEYS_REMEMBERED:
            return
        self._told.add(key)
        self._refused(key, address)
