"""The audit log's lines: who did what, from where, with what result. Words and fields are ZooKeeper's.

Source: ZooKeeper 3.8's AuditEvent, AuditHelper and Slf4jAuditLogger; a test compares with the genuine one. Beyond it,
the JSON form has the write's zxid, its error, the client's trace, and the paths of a multi that failed.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec
import orjson

Result = Literal["success", "failure", "invoked"]


class AuditEvent(msgspec.Struct, frozen=True):
    """*users*: empty for what the member does by itself. *error*: ZooKeeper's name of it. *trace*: 32 hex digits.

    *numbered_in_multi*: a sequential node made by a multi: ZooKeeper looks its kind up by the path asked for, and has
    none by the path that was made.
    """

    operation: str
    result: Result
    session: int = 0
    users: tuple[str, ...] = ()
    ip: str = ""
    znode: str = ""
    znode_type: str = ""
    acl: tuple[str, ...] = ()
    zxid: int = 0
    error: str = ""
    trace: str = ""
    znodes: tuple[str, ...] = ()
    numbered_in_multi: bool = False


class Writer(msgspec.Struct, frozen=True):
    """Whose lines they are. *user*: that the process runs as."""

    member: int
    process: str
    user: str


Format = Callable[[AuditEvent, Writer, int], bytes]

_SIXTY_FOUR_BITS = (1 << 64) - 1
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


def json_line(event: AuditEvent, writer: Writer, time_ns: int) -> bytes:
    """One object; what is empty is left out. *time_ns*: Unix time."""
    fields: dict[str, Any] = {
        "time": _utc(time_ns),
        "session": _hex(event.session),
        "user": event.users or (writer.user,),
        "ip": event.ip,
        "operation": event.operation,
        "znode": event.znode,
        "znodes": event.znodes,
        "znode_type": event.znode_type,
        "acl": event.acl,
        "result": event.result,
        "error": event.error,
        "zxid": _hex(event.zxid),
        "trace": event.trace,
        "member": writer.member,
        "process": writer.process,
    }
    return orjson.dumps({name: value for name, value in fields.items() if value}) + b"\n"


def zookeeper_line(event: AuditEvent, writer: Writer, time_ns: int) -> bytes:
    """As ZooKeeper's own log4j configuration writes it, in local time; in its order, with tabs between."""
    fields = {
        "session": _hex(event.session),
        "user": ",".join(event.users or (writer.user,)),
        "ip": event.ip,
        "operation": event.operation,
        "znode": event.znode,
        "znode_type": "" if event.numbered_in_multi else event.znode_type,
        "acl": "".join(event.acl),  # nothing between them: so it is there
        "result": event.result,
    }
    level = "ERROR" if event.result == "failure" else "INFO"
    head = f"{_local(time_ns)} {level} audit.Slf4jAuditLogger: "
    if not "".join(fields.values()).isprintable():
        fields = {name: _CONTROL.sub(_escaped, value) for name, value in fields.items()}
    text = "\t".join([f"{name}={value}" for name, value in fields.items() if value])
    return (head + text + "\n").encode(errors="replace")


FORMATS: dict[str, Format] = {"json": json_line, "zookeeper": zookeeper_line}


@lru_cache(maxsize=1)  # the lines of one turn have the same
def _utc(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1)
def _local(time_ns: int) -> str:
    time = datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone()
    return f"{time:%Y-%m-%d %H:%M:%S},{time.microsecond // 1000:03d}"


def _hex(number: int) -> str:
    return f"{number & _SIXTY_FOUR_BITS:#x}" if number else ""


def _escaped(match: re.Match[str]) -> str:
    """Nobody makes two lines, or another field, of one path."""
    return f"\\u{ord(match[0]):04x}"
