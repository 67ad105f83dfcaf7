"""What `log`, `show` and `diff` share: a member's history, points in time on a command line, values for people."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from node.backup.barrier import own_address
from node.cli.asking import ask
from node.cli.errors import Failure
from node.cli.waterfall import harmless
from node.config.member import MemberConfig
from node.config.read import load_config
from node.history.place import History, open_history
from node.history.points import FORMS, Point, parse_point
from node.processes.loop import EXIT_REFUSED
from node.storage.errors import CorruptionError, LogGapError, RefusedError
from node.storage.files import RealFiles
from node.tree.acl import Acl
from node.tree.execute import CorruptRecordError
from node.tree.paths import is_valid
from node.tree.snapshot import CorruptSnapshotError
from transport.zxid import Zxid, make_zxid

ASK_S: Final = 2.0
SHOWN_BYTES: Final = 60


class PointType(click.ParamType[Point]):
    """A zxid, a time or an age."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Point:
        if isinstance(value, Point):
            return value
        try:
            return parse_point(value, time.time_ns() // 1_000_000)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PathType(click.ParamType[bytes]):
    """A znode's path."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        path = value if isinstance(value, bytes) else value.encode()
        if not is_valid(path):
            self.fail(f"{value!r} is no path: it begins with / and does not end with one", param, ctx)
        return bytes(path)


POINTS: Final = f"WHEN is {FORMS}."


@contextmanager
def history_of(path: Path) -> Iterator[History]:
    """Of the member whose zoo.cfg this is; what is wrong with its files becomes a Failure."""
    config = load_config(path).config
    try:
        yield open_history(RealFiles(), config, executed_by(config))
    except RefusedError as error:
        raise Failure(str(error), exit_code=EXIT_REFUSED) from None
    except (LogGapError, CorruptionError, CorruptRecordError, CorruptSnapshotError) as error:
        raise Failure(f"{error} — if the member has just taken a snapshot or deleted old log, try again") from None


def executed_by(config: MemberConfig) -> Zxid | None:
    """Up to where the member says that it is; None: it does not run, or serve."""
    status = ask(own_address(config), time.monotonic() + ASK_S)
    if not status.is_serving or status.id != config.id or status.epoch is None or status.counter is None:
        return None
    return make_zxid(epoch=status.epoch, counter=status.counter)


def text_of(data: bytes | None, most: int | None = SHOWN_BYTES) -> str:
    """For a terminal, which must not obey it."""
    if data is None:
        return "null"
    try:
        text = str(harmless(data.decode())) if most is not None else data.decode()
    except UnicodeDecodeError:
        text = f"0x{data.hex()}"
    return text if most is None or len(text) <= most else f"{text[:most]}…"


def json_of(data: bytes | None) -> dict[str, Any]:
    """As text where it is text, else as base64."""
    if data is None:
        return {"data": None}
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(data).decode()}


def acl_text(acl: Acl) -> list[str]:
    """scheme:id:perms, as zkCli writes them."""
    return [f"{scheme.decode(errors='replace')}:{ident.decode(errors='replace')}:" + "".join(
        letter for bit, letter in ((8, "d"), (2, "w"), (4, "c"), (1, "r"), (16, "a")) if perms & bit)
        for perms, scheme, ident in acl]
