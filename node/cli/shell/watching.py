"""watch, addWatch, removewatches, printwatches."""

import queue
import time
from datetime import datetime
from typing import Any

import click
from rich.text import Text

from node.cli.shell import requests
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import PATH, is_within
from node.cli.shell.requests import WatchMode
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.values import kind_of, size_text, text_of, value_json
from node.cli.waterfall import harmless
from node.tree.watches import WatcherType
from transport.errors import Err

_VALUE_SHOWN = 120  # characters of a new value
_STYLES = {"NodeCreated": "green", "NodeDeleted": "red", "NodeDataChanged": "yellow", "NodeChildrenChanged": "cyan"}
_POLL_S = 0.2  # so that Ctrl-C is heard


@command("watch")
@click.argument("path", type=PATH, default=".")
@click.option("-r", "is_recursive", is_flag=True, help="With all below.")
@click.option("-c", "--count", type=click.IntRange(1), help="End after so many events.")
@click.option("--for", "seconds", type=click.FloatRange(0), help="End after so many seconds.")
@click.option("--values/--no-values", default=True, help="Also the new value.  [default: with]")
@pass_shell
def watch(
    shell: Shell, path: str, is_recursive: bool, count: int | None, seconds: float | None, values: bool,
) -> None:
    """Show what changes, as it happens, until Ctrl-C. With --json one object a line.

    Where the connection breaks the watch is set again; what changed in between is not shown, and that is said.

    \b
    Examples:
      watch -r /app
      watch /app/config -c 1           wait for the next change
      watch -r / --json | tee changes
    """
    client = shell.client
    told: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    mode = WatchMode.PERSISTENT_RECURSIVE if is_recursive else WatchMode.PERSISTENT
    until_s = None if seconds is None else time.monotonic() + seconds

    def hear(event: str, at: str) -> None:
        if at == path or (is_recursive and is_within(at, path)):
            told.put((event, at))

    with client.listening(hear, lambda state: told.put(("", state))):
        shell.watching = path
        client.call(requests.add_watch(client.whole(path), mode))
        shell.output.remark(f"watching {path}{' and all below' if is_recursive else ''}; Ctrl-C ends it")
        try:
            _follow(shell, told, path, mode, count=count, until_s=until_s, with_values=values)
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            if client.state.startswith("CONNECTED"):
                _remove(shell, path, WatcherType.ANY)
            shell.watching = None  # only now: what came before its end is not told as another watch's


def _follow(
    shell: Shell, told: "queue.SimpleQueue[tuple[str, str]]", path: str, mode: WatchMode, *, count: int | None,
    until_s: float | None, with_values: bool,
) -> None:
    shown = 0
    while (count is None or shown < count) and (until_s is None or time.monotonic() < until_s):
        try:
            event, at = told.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if not event:
            _state_changed(shell, at, path, mode)
            continue
        shown += 1
        _show(shell, event, at, with_values=with_values and event != "NodeDeleted")


def _state_changed(shell: Shell, state: str, path: str, mode: WatchMode) -> None:
    if state == "CONNECTED":
        shell.client.call(requests.add_watch(shell.client.whole(path), mode))
        shell.output.remark("connected again; what changed in between is not shown")
    else:
        shell.output.remark("the connection is lost")


def _show(shell: Shell, event: str, path: str, *, with_values: bool) -> None:
    data, version = b"", None
    if with_values and event != "NodeChildrenChanged":
        try:
            data, stat = shell.client.get(path)  # type: ignore[assignment]  # None is shown as null
            version = stat.version
        except RefusedError:
            with_values = False  # gone again, or not ours to read
    if shell.output.as_json:
        row: dict[str, Any] = {"at": datetime.now().astimezone().isoformat(), "event": event, "path": path}
        shell.output.json({**row, "version": version, **value_json(data)} if version is not None else row)
        return
    line = Text(datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3] + " ", style="dim")
    line.append(f"{event:<20}", style=_STYLES.get(event, ""))
    line.append(harmless(path))
    if version is not None:
        line.append(f"  version {version}  {_brief(data)}", style="dim")
    shell.output.print(line)


def _brief(data: bytes | None) -> str:
    text = text_of(data or b"")
    if not data or text is None:
        return f"({kind_of(data)}{', ' + size_text(len(data)) if data else ''})"
    first = harmless(" ".join(text.split()))
    return first if len(first) <= _VALUE_SHOWN else f"{first[:_VALUE_SHOWN]}…"


@command("addWatch")
@click.argument("path", type=PATH)
@click.option("-m", "mode", type=click.Choice([each.name for each in WatchMode], case_sensitive=False),
              default=WatchMode.PERSISTENT_RECURSIVE.name, show_default=True, help="Of the znode, or with all below.")
@pass_shell
def add_watch(shell: Shell, path: str, mode: str) -> None:
    """Watch from now on, while other commands go on; events are printed between them. `watch` waits for them instead.

    \b
    Examples:
      addWatch /app
      addWatch -m PERSISTENT /app/config
    """
    shell.client.call(requests.add_watch(shell.client.whole(path), WatchMode[mode.upper()]))
    shell.output.answer({"path": path, "mode": mode.upper()}, [])


@command("removewatches")
@click.argument("path", type=PATH)
@click.option("-c", "kind", flag_value=WatcherType.CHILDREN.name, help="Those on its children.")
@click.option("-d", "kind", flag_value=WatcherType.DATA.name, help="Those on its value.")
@click.option("-p", "kind", flag_value=WatcherType.PERSISTENT.name, help="Persistent ones (servers from 3.9 on).")
@click.option("-r", "kind", flag_value=WatcherType.PERSISTENT_RECURSIVE.name, help="Recursive ones (from 3.9 on).")
@click.option("-a", "kind", flag_value=WatcherType.ANY.name, default=True, help="All.  [default]")
@click.option("-l", "is_local", is_flag=True, help="Taken for zkCli's sake: none is kept here.")
@pass_shell
def removewatches(shell: Shell, path: str, kind: str, is_local: bool) -> None:
    """Stop watching a znode.

    \b
    Example:
      removewatches /app
    """
    removed = _remove(shell, path, WatcherType[kind])
    if not removed:
        raise RefusedError(path, Err.NO_WATCHER)
    shell.output.answer({"path": path, "removed": kind}, [])


def _remove(shell: Shell, path: str, kind: WatcherType) -> bool:
    """Whether there was one."""
    client = shell.client
    try:
        client.call(requests.remove_watches(client.whole(path), kind))
    except RefusedError as error:
        if error.code != Err.NO_WATCHER:
            raise
        return False
    return True


@command("printwatches")
@click.argument("switch", type=click.Choice(["on", "off"]), required=False)
@pass_shell
def printwatches(shell: Shell, switch: str | None) -> None:
    """Whether events of -w and addWatch are printed.

    \b
    Example:
      printwatches off
    """
    if switch is not None:
        shell.prints_watches = switch == "on"
    switch = "on" if shell.prints_watches else "off"
    shell.output.answer({"printwatches": shell.prints_watches}, f"printwatches is {switch}")
