"""`corral config`: what a member's configuration says, key by key."""

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from node.cli.admin_http import ask_member
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.config.explain import Explained, explain
from node.config.read import load_config


@click.group()
def config() -> None:
    """Read a member's configuration."""


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


def _running(file: Path) -> list[Explained]:
    answer: dict[str, Any] = ask_member(load_config(file).config, "/commands/explain_configuration")
    return [Explained(**each) for each in answer["keys"]]


def _is_asked_for(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name.lower(), each.lower()) for each in patterns)


def _text(each: Explained) -> str:
    live = "; live" if each.is_live else ""
    lines = [f"{each.key}={each.value}    [{each.origin}{live}]", f"    {each.meaning}"]
    if each.note:
        lines.append(f"    {each.standing}: {each.note}")
    return "\n".join(lines)
