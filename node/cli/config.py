"""`corral config`: what a member's configuration says, key by key; and its live keys, taken over."""

import fnmatch
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from node.auth.check import check_security
from node.cli.admin_http import ask_member
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.config.explain import Explained, explain
from node.config.live import changed, stamp_of, stamp_path
from node.config.member import MemberConfig
from node.config.read import load_config
from node.lives import living
from node.running import read_running

RELOADED_S: Final = 10.0
POLL_S: Final = 0.02


@click.group()
def config() -> None:
    """Explain a member's configuration, and have its changes taken over.

    \b
    Examples:
      corral config explain /etc/corral/main/zoo.cfg tickTime
      corral config reload /etc/corral/main/zoo.cfg
    """


@config.command(name="explain", epilog=EXIT_CODES)
@click.argument("file", metavar="CONFIG", type=click.Path(path_type=Path))
@click.argument("keys", nargs=-1, metavar="[KEY...]")
@click.option("--given", is_flag=True, help="Only keys that a file gives.")
@click.option("--running", is_flag=True, help="What the running member goes by, instead of what CONFIG says by now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def explain_command(file: Path, keys: tuple[str, ...], given: bool, running: bool, as_json: bool) -> None:
    """List every key of CONFIG, a zoo.cfg: its value, where that comes from, and what it means.

    KEY limits it to some; * stands for anything. Passwords are not shown. Keys of ZooKeeper that mean nothing without a
    JVM are listed too, with what Corral does instead.

    \b
    Examples:
      corral config explain /etc/corral/main/zoo.cfg
      corral config explain zoo.cfg tickTime 'ssl.*'
      corral config explain zoo.cfg --given --json
      corral config explain zoo.cfg --running
    """
    found = _running(file) if running else explain(file)
    wanted = [each for each in found if (each.is_given or not given) and _is_asked_for(each.key, keys)]
    if not wanted and keys:
        raise Failure(f"no key is called {', '.join(keys)} — `corral config explain {file}` lists them all")
    if as_json:
        click.echo(json.dumps({"file": str(file.absolute()), "keys": [asdict(each) for each in wanted]}, indent=2))
        return
    for each in wanted:
        click.echo(_text(each))


@config.command(name="reload", epilog=EXIT_CODES)
@click.argument("file", metavar="CONFIG", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say what would change, and what a restart.")
@refusals_shown
def reload_command(file: Path, check: bool) -> None:
    """Have the running member of CONFIG, its zoo.cfg, take over what has changed in it, without a restart.

    Only live keys are taken over: `corral config explain` marks them. What else has changed is named: it wants
    a restart. Certificates and login files need no command: they are followed by themselves.

    \b
    Examples:
      corral config reload /etc/corral/main/zoo.cfg --check
      corral config reload /etc/corral/main/zoo.cfg
    """
    loaded = load_config(file).config
    check_security(loaded.security)
    live, others = changed(_running(file), explain(file))
    if not check:
        _have_reloaded(loaded)
    click.echo(f"live: {', '.join(live) or 'nothing has changed'}")
    if others:
        click.echo(f"after a restart: {', '.join(others)}")


def _have_reloaded(loaded: MemberConfig) -> None:
    """Raises Failure."""
    wanted = stamp_of(loaded)
    pids = {name: pid for name, pid in _pids(loaded.run_dir).items() if name.startswith(("processor-", "telemetry"))}
    if not pids:
        raise Failure(f"no process of the member runs at {loaded.run_dir}")
    for pid in pids.values():
        os.kill(pid, signal.SIGHUP)
    until_s = time.monotonic() + RELOADED_S
    while left := [name for name in pids if _stamp(loaded.run_dir, name) != wanted]:
        if time.monotonic() > until_s:
            raise Failure(f"{', '.join(left)} did not take it over: see the member's log")
        time.sleep(POLL_S)


def _pids(run_dir: Path) -> dict[str, int]:
    running = read_running(run_dir)
    return living(run_dir) if running is None else {each.name: each.pid for each in running.processes if each.pid}


def _stamp(run_dir: Path, name: str) -> str:
    try:
        return stamp_path(run_dir, name).read_text()
    except OSError:
        return ""


def _running(file: Path) -> list[Explained]:
    loaded = load_config(file).config
    answer: dict[str, Any] = ask_member(loaded, f"{loaded.http.command_url}/explain_configuration")
    return [Explained(**each) for each in answer["keys"]]


def _is_asked_for(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name.lower(), each.lower()) for each in patterns)


def _text(each: Explained) -> str:
    live = "; live" if each.is_live else ""
    lines = [f"{each.key}={each.value}    [{each.origin}{live}]", f"    {each.meaning}"]
    if each.note:
        lines.append(f"    {each.standing}: {each.note}")
    return "\n".join(lines)
