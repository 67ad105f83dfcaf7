"""`corral top`: what an ensemble does, live."""

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from node.cli.errors import EXIT_FAILED, refusals_shown
from node.cli.site import Site, Trust, sites_of, trust_options
from node.cli.top_reading import ROWS_MAX, Reading, Verdicts, read_all, slowest, summary
from node.cli.trace import local_sites

VERDICTS_A_LOOK: Final = 2  # each asks every member
PLAIN_WIDTH: Final = 160  # where the output is no terminal

EXIT_CODES: Final = """\b
Exit codes: 0 all members answer and are well; 1 not all; 2 wrong usage."""


@click.command(epilog=EXIT_CODES)
@click.argument("servers", nargs=-1, metavar="[SERVER]...")
@click.option("--data", type=click.Path(path_type=Path), help="A local ensemble's directory.")
@click.option("-d", "--delay", "interval_s", type=click.FloatRange(0.5), default=2.0, show_default=True,
              metavar="SECONDS", help="Between looks.")  # fmt: skip
@click.option("-n", "--rows", "count", type=click.IntRange(1, 100), default=ROWS_MAX, show_default=True,
              help="Of each list.")  # fmt: skip
@click.option("--once", is_flag=True, help="Look once (twice, --delay apart, for rates), and end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each look.")
@trust_options
@refusals_shown
def top(
    servers: tuple[str, ...], data: Path | None, interval_s: float, count: int, once: bool, as_json: bool,
    trust: Trust,
) -> None:
    """Show what an ensemble does, live: its members, how many more may fail, where the time of writes goes, the hottest
    paths, the biggest clients, the slowest writes.

    SERVER is a member's metrics port, host:port or https://host:port, also several with commas between them; without
    one, those of the last local `corral up`; with https://host:port/PATH where admin.commandURL is another. Paths are
    those of the newest 2000 writes.

    \b
    Examples:
      corral top
      corral top zk1:7000,zk2:7000,zk3:7000
      corral top --ca authority.pem https://zk1:7000,https://zk2:7000,https://zk3:7000
      corral top --once --json | jq '.members[] | {id, role, write_p99_s}'
    """
    wanted = sites_of(servers, trust) or local_sites(data)
    if as_json or once or not sys.stdout.isatty():
        found = _plain(wanted, interval_s, count, once=once, as_json=as_json)
        sys.exit(0 if found["level"] == "ok" else EXIT_FAILED)
    _live(wanted, interval_s, count)


def _plain(servers: list[Site], interval_s: float, count: int, *, once: bool, as_json: bool) -> dict[str, Any]:
    """Look after look; the last one. Ends with the first if *once*."""
    from rich.console import Console

    from node.cli.top_drawing import drawing

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    verdicts = Verdicts()
    before = read_all(servers, count)
    while True:
        time.sleep(interval_s)
        now = read_all(servers, count)
        verdicts.ask(slowest(now, count), count if once else VERDICTS_A_LOOK)
        found = summary(now, before, count, verdicts)
        if as_json:
            click.echo(json.dumps(found))
        else:
            console.print(drawing(found, width=console.width))
        if once:
            return found
        before = now


def _live(servers: list[Site], interval_s: float, count: int) -> None:
    from rich.console import Console
    from rich.live import Live

    from node.cli.top_drawing import panel

    console = Console()
    before: list[Reading] = []
    verdicts = Verdicts()
    with _keys() as is_pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            now = read_all(servers, count)
            verdicts.ask(slowest(now, count), VERDICTS_A_LOOK)
            found = summary(now, before or now, count, verdicts)
            live.update(panel(found, width=console.width, interval_s=interval_s), refresh=True)
            before = now
            if is_pressed(interval_s):
                return


@contextmanager
def _keys() -> Iterator[Any]:
    """A function that waits so many seconds, and says whether the user wants to leave."""
    import termios
    import tty

    if not sys.stdin.isatty():
        yield _pause
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield lambda seconds: _is_leaving(fd, seconds)
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _pause(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _is_leaving(fd: int, seconds: float) -> bool:
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        if select.select([fd], [], [], left_s)[0] and os.read(fd, 64)[:1] in (b"q", b"Q", b""):
            return True
    return False
