"""Reads of the past by the admin HTTP: a znode as of a zxid or a time, from this member's snapshots and log.

They run in processes of their own (node/processes/past_read.py), one at a time and at most half of the time, with a
bound on memory: nobody who serves clients is asked, but for the ACL that the znode has today.
"""

import os
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec
import orjson

from node.backup.wanted import own_environment
from node.config.member import MemberConfig
from node.history.points import parse_point
from node.processes.past_read import Outcome, PastAnswer, PastNode, PastRequest
from node.processes.processor_words import ACL_OF
from node.requests.auth import AuthRules, authenticate, has_scheme, with_sasl_user
from node.tree.acl import ADMIN, ALL, READ, Acl, encode_identities, identities_of, is_permitted, without_hashes
from node.tree.paths import is_valid
from node.tree.wire import pack_string
from observability.admin.logins import LoginError
from observability.endpoint import JSON, Request, Response
from transport.jute import decode
from transport.records import Stat
from transport.zxid import counter_of, epoch_of, show

READ_S: Final = 60.0
WAIT_S: Final = 5.0  # for one's turn
WAITING_MAX: Final = 4
CHILDREN_MAX: Final = 10_000
USAGE: Final = "path=/a/znode and at=WHEN are needed, as in ?path=/app/config&at=4:17"
NOT_LET: Final = "the ACL does not let you"
_BIT_NAMES: Final = ((READ, "READ"), (2, "WRITE"), (4, "CREATE"), (8, "DELETE"), (ADMIN, "ADMIN"))

Live = Callable[[str], Mapping[str, Any] | None]


class PastRefusedError(Exception):
    """The text is for who asked. *status*: of HTTP. *more*: what is told besides."""

    def __init__(self, status: int, text: str, **more: str) -> None:
        super().__init__(text)
        self.status, self.more = status, more


@dataclass(frozen=True, slots=True)
class Question:
    """As it stands in the URL: *at* is a zxid, a time or an age."""

    path: str
    at: str

    @classmethod
    def of(cls, request: Request) -> "Question":
        """Raises PastRefusedError."""
        path, at = request.query.get("path", ""), request.query.get("at", "")
        if not at or not is_valid(path.encode()):
            raise PastRefusedError(HTTPStatus.BAD_REQUEST, USAGE)
        return cls(path, at)


class Past:
    """Called in the threads of requests."""

    def __init__(
        self, config: MemberConfig, live: Live, identify: Callable[[Request], bytes],
        clock_s: Callable[[], float] = time.monotonic, pause: Callable[[float], object] = time.sleep,
        wait_s: float = WAIT_S,
    ) -> None:
        """*live*: what the member's processors report for a word; None: none answers. *identify*: who asks.

        *wait_s*: for one's turn, at most; *pause*: until it comes.
        """
        self._pause, self._wait_s, self._waiting = pause, wait_s, threading.BoundedSemaphore(WAITING_MAX)
        self._config, self._live, self._identify, self._clock_s = config, live, identify, clock_s
        self._lock = threading.Lock()
        self._free_at_s = 0.0

    def route(self, request: Request) -> Response:
        """The command past."""
        try:
            identities = self._identify(request)
            self._check_required(identities)
            told = {**self.read(Question.of(request), identities), "command": "past", "error": None}
        except PastRefusedError as error:
            return Response(orjson.dumps({"command": "past", "error": str(error), **error.more}), JSON, error.status)
        return Response(orjson.dumps(told), JSON, headers=(("Cache-Control", "no-store"),))

    def browsed(self, identities: bytes, request: Request) -> dict[str, Any]:
        """For the browser of znodes, as it shows them. Raises LoginError."""
        try:
            told = self.read(Question.of(request), identities)
        except PastRefusedError as error:
            raise LoginError(error.status, str(error)) from None
        return told | {"data": told["data"] or ""}

    def read(self, question: Question, identities: bytes) -> dict[str, Any]:
        """Raises PastRefusedError."""
        if not self._config.http.past_bytes:
            raise PastRefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "reads of the past are off here (corral.pastMemory of zoo.cfg)")
        report = self._live(f"{ACL_OF}{question.path}")
        if report is None:
            raise PastRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "no processor of this member answers")
        if report["acl"] is not None:  # what was hidden later is hidden
            self._check(tuple((perms, scheme.encode(), ident.encode()) for perms, scheme, ident in report["acl"]),
                        identities)
        answer = self._answered(question, report["zxid"])
        if answer.node is None:
            raise _refused(answer, question)
        self._check(answer.node.acl, identities)
        return _told(question, answer, answer.node, is_permitted(answer.node.acl, ADMIN, identities))

    def _check_required(self, identities: bytes) -> None:
        required = self._config.security.auth.required
        if required and not has_scheme(identities, required):
            raise PastRefusedError(
                HTTPStatus.UNAUTHORIZED, "send Authorization: SCHEME CREDENTIALS of one of these schemes: "
                + " ".join(sorted(required)))

    def _check(self, acl: Acl, identities: bytes) -> None:
        """What is open to the world is shown where the browser of znodes shows it, too. Raises PastRefusedError."""
        if self._config.browser == "off" and not any(scheme == b"super" for scheme, _ in identities_of(identities)):
            acl = tuple(entry for entry in acl if entry[1] != b"world") or ((0, b"world", b"anyone"),)
        if not is_permitted(acl, READ, identities):
            raise PastRefusedError(HTTPStatus.FORBIDDEN, NOT_LET)

    # The reading process -------------------------------------------------------------------------

    def _answered(self, question: Question, executed: int) -> PastAnswer:
        try:
            point = parse_point(question.at, time.time_ns() // 1_000_000)
        except ValueError as error:
            raise PastRefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
        request = PastRequest(
            parent=os.getpid(), file=str(self._config.file), path=question.path.encode(), executed=executed,
            memory_bytes=self._config.http.past_bytes, children_max=CHILDREN_MAX, zxid=point.zxid,
            time_ms=point.time_ms)
        with self._turn():
            begin_s = self._clock_s()
            try:
                return _run(request)
            finally:
                now_s = self._clock_s()
                self._free_at_s = now_s + (now_s - begin_s)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Raises PastRefusedError: it does not come soon."""
        if not self._waiting.acquire(blocking=False):
            raise PastRefusedError(HTTPStatus.TOO_MANY_REQUESTS, f"{WAITING_MAX} wait for their turn: try again")
        try:
            if not self._lock.acquire(timeout=self._wait_s):
                raise PastRefusedError(HTTPStatus.TOO_MANY_REQUESTS, "one is under way: try again")
            try:
                self._rest()
                yield
            finally:
                self._lock.release()
        finally:
            self._waiting.release()

    def _rest(self) -> None:
        """They take no more than half of the time. Raises PastRefusedError."""
        left_s = self._free_at_s - self._clock_s()
        if left_s > self._wait_s:
            raise PastRefusedError(
                HTTPStatus.TOO_MANY_REQUESTS, f"again in {left_s:.0f} s: they take no more than half of the time")
        if left_s > 0:
            self._pause(left_s)


def identities_of_login(rules: AuthRules, scheme: str, user: str, password: str) -> bytes:
    """Of somebody whom this member has let in; not the address, which is telemetry's."""
    nobody = encode_identities(())
    if scheme == "digest":
        return authenticate(
            bytes(4) + pack_string(b"digest") + pack_string(f"{user}:{password}".encode()), nobody, "", rules)
    return with_sasl_user(nobody, user, rules) if scheme == "sasl" else nobody


def _run(request: PastRequest) -> PastAnswer:
    """Raises PastRefusedError."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "node.processes.past_read"], input=msgspec.msgpack.encode(request),
            capture_output=True, check=False, timeout=READ_S, env=own_environment())
    except subprocess.TimeoutExpired:
        raise PastRefusedError(
            HTTPStatus.GATEWAY_TIMEOUT, f"not done within {READ_S:.0f} s: `corral show` on the member's machine takes "
            "its time") from None
    if not done.stdout:
        return PastAnswer(Outcome.NO_MEMORY if b"MemoryError" in done.stderr else Outcome.FAILED,
                          problem=f"the reading process ended with code {done.returncode}")
    return msgspec.msgpack.decode(done.stdout, type=PastAnswer)


def _refused(answer: PastAnswer, question: Question) -> PastRefusedError:
    span = {"oldest": show(answer.oldest), "newest": show(answer.newest)} if answer.newest else {}
    match answer.outcome:
        case Outcome.NO_NODE:
            return PastRefusedError(
                HTTPStatus.NOT_FOUND, f"there was no such znode at {show(answer.zxid)}", zxid=show(answer.zxid), **span)
        case Outcome.TOO_EARLY:
            return PastRefusedError(
                HTTPStatus.GONE, f"{answer.problem}; the oldest that can be asked for is {show(answer.oldest)}", **span)
        case Outcome.TOO_LATE:
            return PastRefusedError(HTTPStatus.BAD_REQUEST, answer.problem, **span)
        case Outcome.NO_MEMORY:
            return PastRefusedError(
                HTTPStatus.INSUFFICIENT_STORAGE, "it needs more memory than corral.pastMemory lets it have: raise "
                f"that, or say `corral show ZOO_CFG {question.path} --at {question.at}` on the member's machine")
    return PastRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"{answer.problem}: try again, or another member")


def _told(question: Question, answer: PastAnswer, node: PastNode, is_admin: bool) -> dict[str, Any]:
    stat = decode(Stat, node.stat)
    acl = node.acl if is_admin else without_hashes(node.acl)
    return {
        "path": question.path, "zxid": show(answer.zxid), "epoch": epoch_of(answer.zxid),
        "counter": counter_of(answer.zxid), "oldest": show(answer.oldest), "newest": show(answer.newest),
        "stat": {name: _shown(name, getattr(stat, field)) for name, field in _STAT},
        "data": None if node.data is None else b64encode(node.data).decode(),
        "children": [name.decode(errors="replace") for name in node.children], "childrenInAll": stat.num_children,
        "acl": [{"scheme": scheme.decode(errors="replace"), "id": ident.decode(errors="replace"),
                 "perms": _names(perms)} for perms, scheme, ident in acl],
    }


_STAT: Final = (
    ("czxid", "czxid"), ("mzxid", "mzxid"), ("pzxid", "pzxid"), ("ctime", "ctime"), ("mtime", "mtime"),
    ("version", "version"), ("cversion", "cversion"), ("aversion", "aversion"), ("ephemeralOwner", "ephemeral_owner"),
    ("dataLength", "data_length"), ("numChildren", "num_children"))


def _names(perms: int) -> list[str]:
    return ["ALL"] if perms == ALL else [name for bit, name in _BIT_NAMES if perms & bit]


def _shown(name: str, value: int) -> int | str:
    """Numbers of 64 bits as text: a browser would round them."""
    return f"0x{value & (1 << 64) - 1:x}" if name.endswith("zxid") or name == "ephemeralOwner" else value
