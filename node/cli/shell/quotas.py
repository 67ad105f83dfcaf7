"""quota, setquota, listquota, delquota: kept, as ZooKeeper does it, in znodes below /zookeeper/quota."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import click

from node.cli.errors import Failure
from node.cli.shell import requests
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import PATH, parent_of
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.walk import walk
from transport.errors import Err

TOP: Final = "/zookeeper/quota"
LIMITS, STATS = "zookeeper_limits", "zookeeper_stats"
NONE: Final = -1
_NAMES: Final = {"count": "count", "bytes": "bytes", "byteHardLimit": "hard_bytes", "countHardLimit": "hard_count"}


@dataclass
class Track:
    """ZooKeeper's StatsTrack; -1: no limit. The soft ones are only logged where they are passed."""

    count: int = NONE
    bytes: int = NONE
    hard_bytes: int = NONE
    hard_count: int = NONE

    @classmethod
    def parse(cls, text: str) -> "Track":
        found = cls()
        for part in text.replace("=;", ",").replace(";", ",").split(","):
            name, _, value = part.partition("=")
            if name in _NAMES and value.lstrip("-").isdigit():
                setattr(found, _NAMES[name], int(value))
        return found

    def text(self) -> str:
        """As zkCli 3.8 writes it."""
        return (f"count={self.count},bytes={self.bytes}=;byteHardLimit={self.hard_bytes};"
                f"countHardLimit={self.hard_count}")

    def is_empty(self) -> bool:
        return self == Track()


@command("quota")
@click.argument("path", type=PATH, default=".")
@click.option("--count", type=click.IntRange(1), help="So many znodes; only logged beyond.")
@click.option("--bytes", "size", type=click.IntRange(1), help="So many bytes of values; only logged beyond.")
@click.option("--hard", is_flag=True, help="Refuse what goes beyond (enforceQuota=true).")
@click.option("-d", "--delete", "is_deleted", is_flag=True, help="Lift the limits.")
@click.option("--all", "is_all", is_flag=True, help="Every quota that is set below PATH.")
@pass_shell
def quota(
    shell: Shell, path: str, count: int | None, size: int | None, hard: bool, is_deleted: bool, is_all: bool,
) -> None:
    """Show the limits of a subtree and how much of them is used, or set them.

    \b
    Examples:
      quota /app
      quota --all /
      quota /app --count 1000 --bytes 1000000
      quota /app --count 1000 --hard
      quota -d /app
    """
    if is_deleted:
        remove_quota(shell, path, tuple(asdict(Track())))
    elif count is not None or size is not None:
        names = {"hard_count": count, "hard_bytes": size} if hard else {"count": count, "bytes": size}
        set_quota(shell, path, {name: value for name, value in names.items() if value is not None})
    else:
        paths = _all(shell, path) if is_all else [path]
        rows = [_row(shell, each) for each in paths]
        shell.output.answer(rows if is_all else rows[0], [_line(row) for row in rows])


def _all(shell: Shell, path: str) -> list[str]:
    below = TOP if path == "/" else TOP + path
    if shell.client.exists(below) is None:
        return []
    ends = f"/{LIMITS}"
    return sorted(found.path[len(TOP):-len(ends)] or "/" for found in walk(shell.client, below)
                  if found.path.endswith(ends))


def _row(shell: Shell, path: str) -> dict[str, Any]:
    limits, used = _tracks(shell, path)
    return {"path": path, "limits": asdict(limits), "used": {"count": used.count, "bytes": used.bytes}}


def _line(row: dict[str, Any]) -> str:
    limits, used = row["limits"], row["used"]
    parts = []
    for name in ("count", "bytes"):
        for limit, word in ((limits[name], "soft"), (limits[f"hard_{name}"], "hard")):
            if limit != NONE:
                parts.append(f"{used[name]:,} of {limit:,} {'znodes' if name == 'count' else 'bytes'} ({word})")
    return f"{row['path']}: {', '.join(parts) or 'no limit'}"


def _tracks(shell: Shell, path: str) -> tuple[Track, Track]:
    """Limits, and what is used.  Raises Failure: it has none."""
    try:
        return tuple(  # type: ignore[return-value]  # two
            Track.parse((shell.client.get(f"{TOP}{path}/{name}")[0] or b"").decode(errors="replace"))
            for name in (LIMITS, STATS))
    except RefusedError as error:
        if error.code != Err.NO_NODE:
            raise
        raise Failure(f"{path} has no quota — `quota {path} --count N` sets one") from None


def set_quota(shell: Shell, path: str, wanted: dict[str, int]) -> None:
    client = shell.client
    if client.exists(path) is None:
        raise RefusedError(path, Err.NO_NODE)
    at = f"{TOP}{path}"
    if client.exists(f"{at}/{LIMITS}") is None:
        _refuse_nested(shell, path)
        _make(shell, at)
        track = Track(**wanted)
        _create(shell, f"{at}/{LIMITS}", track.text())
        _create(shell, f"{at}/{STATS}", "count=0,bytes=0")  # the server counts when it sees this one
    else:
        data, stat = client.get(f"{at}/{LIMITS}")
        track = Track.parse((data or b"").decode(errors="replace"))
        for name, value in wanted.items():
            setattr(track, name, value)
        client.set(f"{at}/{LIMITS}", track.text().encode(), stat.version)
    shell.output.answer({"path": path, "limits": asdict(track)}, [])


def _refuse_nested(shell: Shell, path: str) -> None:
    """A server counts for one quota on a path only."""
    parent = path
    while parent != "/":
        parent = parent_of(parent)
        if shell.client.exists(f"{TOP}{parent.rstrip('/')}/{LIMITS}") is not None:
            raise Failure(_nested(path, parent))
    if below := _all(shell, path):
        raise Failure(_nested(path, below[0]))


def _nested(path: str, other: str) -> str:
    return f"{path}: {other} has a quota, and quotas do not nest — `quota -d {other}` lifts it"


def _make(shell: Shell, at: str) -> None:
    parts = at.split("/")[3:]
    for index in range(len(parts)):
        _create(shell, f"{TOP}/{'/'.join(parts[:index + 1])}", None)


def _create(shell: Shell, path: str, text: str | None) -> None:
    try:
        shell.client.call(requests.create(shell.client.whole(path), None if text is None else text.encode()))
    except RefusedError as error:
        if error.code != Err.NODE_EXISTS:
            raise


def remove_quota(shell: Shell, path: str, names: tuple[str, ...]) -> None:
    """Of these kinds; where none is left all of it goes."""
    client = shell.client
    track, _ = _tracks(shell, path)
    for name in names:
        setattr(track, name, NONE)
    at = f"{TOP}{path}"
    if not track.is_empty():
        client.set(f"{at}/{LIMITS}", track.text().encode())
    else:
        client.delete(f"{at}/{LIMITS}")
        client.delete(f"{at}/{STATS}")
        while at != TOP and not client.children(at)[0]:
            client.delete(at)
            at = parent_of(at)
    shell.output.answer({"path": path, "limits": asdict(track)}, [])


@command("setquota")
@click.option("-n", "count", type=int, help="Znodes; only logged beyond.")
@click.option("-b", "size", type=int, help="Bytes; only logged beyond.")
@click.option("-N", "hard_count", type=int, help="Znodes; refused beyond.")
@click.option("-B", "hard_bytes", type=int, help="Bytes; refused beyond.")
@click.argument("path", type=PATH)
@pass_shell
def setquota(
    shell: Shell, path: str, count: int | None, size: int | None, hard_count: int | None, hard_bytes: int | None,
) -> None:
    """Limit a subtree.

    \b
    Example:
      setquota -n 1000 /app
    """
    given = {"count": count, "bytes": size, "hard_count": hard_count, "hard_bytes": hard_bytes}
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        raise click.UsageError("say -n, -b, -N or -B")
    set_quota(shell, path, wanted)


@command("listquota")
@click.argument("path", type=PATH)
@pass_shell
def listquota(shell: Shell, path: str) -> None:
    """The limits of a subtree and what is used, as zkCli prints them.

    \b
    Example:
      listquota /app
    """
    limits, used = _tracks(shell, path)
    shell.output.answer(_row(shell, path), [
        f"Output quota for {path} {limits.text()}", f"Output stat for {path} count={used.count},bytes={used.bytes}"])


@command("delquota")
@click.option("-n", "kinds", flag_value="count", multiple=True, help="The limit of znodes.")
@click.option("-b", "kinds", flag_value="bytes", multiple=True, help="Of bytes.")
@click.option("-N", "kinds", flag_value="hard_count", multiple=True, help="The hard one of znodes.")
@click.option("-B", "kinds", flag_value="hard_bytes", multiple=True, help="The hard one of bytes.")
@click.argument("path", type=PATH)
@pass_shell
def delquota(shell: Shell, path: str, kinds: tuple[str, ...]) -> None:
    """Lift limits of a subtree; without an option, all.

    \b
    Example:
      delquota -n /app
    """
    remove_quota(shell, path, kinds or tuple(asdict(Track())))
