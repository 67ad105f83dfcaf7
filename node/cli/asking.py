"""Four-letter words to many servers at once: a hung or unreachable one costs the others nothing."""

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from node.cli.tls_words import CLIENT_PORT
from node.config.address import Address

DEADLINE_S: Final = 1.5  # for everything about one server, so that `status` ends within 2 s
OWN_WORD: Final = b"corl"
NOT_A_MEMBER: Final = "what listens there is not a member"
OR_TLS: Final = "or it speaks TLS: --tls"
_ANSWER_BYTES_MAX: Final = 1 << 20
_COUNTER_BITS: Final = 32  # of a genuine ZooKeeper's zxid


class SilentError(TimeoutError):
    """It took the connection, and said nothing: it hangs, or waits for TLS to begin."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What one server said of itself.  role: leader, follower, observer, looking or down.

    is_serving: it answers clients, so a quorum stands behind it.  values: all that it said, for JSON.
    """

    address: str
    role: str
    is_serving: bool = False
    id: int | None = None
    epoch: int | None = None
    counter: int | None = None
    lag: int | None = None
    connections: int | None = None
    uptime_s: float | None = None
    voters: int = 0
    why: str = ""
    values: dict[str, Any] = field(default_factory=dict)


def ask_all(
    servers: Sequence[Address], deadline_s: float = DEADLINE_S, *, tls: ssl.SSLContext | None = None
) -> list[MemberStatus]:
    """The status of each server, in their order, within the deadline. *tls*: None: in plain."""
    until_s = time.monotonic() + deadline_s
    answers: queue.SimpleQueue[tuple[int, MemberStatus]] = queue.SimpleQueue()
    for index, server in enumerate(servers):
        threading.Thread(
            target=lambda i=index, s=server: answers.put((i, ask(s, until_s, tls=tls))), daemon=True
        ).start()
    # A thread may hang in the resolver, past every timeout: then nobody waits for it.
    found = {i: MemberStatus(str(s), "down", why="no answer") for i, s in enumerate(servers)}
    for _ in servers:
        try:
            index, status = answers.get(timeout=max(0.0, until_s + 0.1 - time.monotonic()))
        except queue.Empty:
            break
        found[index] = status
    return [found[i] for i in range(len(servers))]


def ask(server: Address, until_s: float, *, tls: ssl.SSLContext | None = None) -> MemberStatus:
    """One server's status, by Corral's own word, else as a genuine ZooKeeper."""
    try:
        if own := exchange(server, OWN_WORD, until_s, tls=tls):
            return _from_own(server, orjson.loads(own))
        return _from_srvr(server, exchange(server, b"srvr", until_s, tls=tls).decode(errors="replace"))
    except SilentError:
        return MemberStatus(str(server), "down", why="no answer" if tls is not None else f"no answer, {OR_TLS}")
    except TimeoutError:
        return MemberStatus(str(server), "down", why="no answer")
    except socket.gaierror as error:
        return MemberStatus(str(server), "down", why=f"the name is not known: {error.strerror}")
    except OSError as error:  # before ValueError, which refused certificates are, too
        return MemberStatus(str(server), "down", why=reason_of(error))
    except ValueError:
        return MemberStatus(
            str(server), "down", why=NOT_A_MEMBER if tls is not None else f"{NOT_A_MEMBER}, {OR_TLS}")


def reason_of(error: OSError) -> str:
    """With the cure, where TLS says what is wrong."""
    return CLIENT_PORT.reason(error) if isinstance(error, ssl.SSLError) else error.strerror or str(error)


def exchange(server: Address, word: bytes, until_s: float, *, tls: ssl.SSLContext | None = None) -> bytes:
    """The whole answer; empty if the server closes without one.  Raises OSError, TimeoutError, SilentError."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(
            socket.create_connection((server.host, server.port), timeout=_left(until_s)))
        if tls is not None:
            connection = stack.enter_context(tls.wrap_socket(connection, server_hostname=server.host))
        connection.sendall(word)
        answer = bytearray()
        try:
            while len(answer) < _ANSWER_BYTES_MAX:
                connection.settimeout(_left(until_s))
                piece = connection.recv(1 << 16)
                if not piece:
                    break
                answer += piece
        except TimeoutError:
            raise (TimeoutError if answer else SilentError) from None
        except ConnectionResetError:
            pass  # ZooKeeper's way to refuse a word that it does not know
        return bytes(answer)


def _left(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _from_own(server: Address, values: dict[str, Any]) -> MemberStatus:
    return MemberStatus(
        address=str(server),
        role=str(values["role"]),
        is_serving=bool(values["serving"]),
        id=int(values["id"]),
        epoch=int(values["epoch"]),
        counter=int(values["zxid_counter"]),
        lag=values.get("lag"),
        connections=values.get("connections"),
        uptime_s=values.get("uptime_s"),
        voters=int(values.get("quorum") or 0),
        why=_remark(values),
        values=values,
    )


def _remark(values: dict[str, Any]) -> str:
    if values.get("differs"):
        return "its data differ from the others'"
    return "draining" if values.get("draining") else ""


def _from_srvr(server: Address, text: str) -> MemberStatus:
    lines = (line.partition(": ") for line in text.splitlines())
    fields = {name: value for name, separator, value in lines if separator}
    if "not currently serving" in text:
        return MemberStatus(str(server), "looking", why="does not serve")
    if "not in the whitelist" in text:
        return MemberStatus(str(server), "looking", why="srvr is not in its 4lw.commands.whitelist")
    if "Mode" not in fields:
        raise ValueError(text)
    mode, zxid = fields["Mode"], int(fields["Zxid"], 16)
    return MemberStatus(
        address=str(server),
        role={"standalone": "leader", "read-only": "looking"}.get(mode, mode),
        is_serving=mode != "read-only",
        epoch=zxid >> _COUNTER_BITS,
        counter=zxid & ((1 << _COUNTER_BITS) - 1),
        connections=int(fields["Connections"]),
        values={"version": fields["Zookeeper version"], "mode": mode},
    )
