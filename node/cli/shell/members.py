"""config, reconfig."""

from pathlib import Path
from typing import Final

import click

from node.cli.shell import requests
from node.cli.shell.requests import ANY_VERSION
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.stats import stat_json, stat_lines

CONFIG: Final = "/zookeeper/config"


@command("config")
@click.option("-c", "clients_only", is_flag=True, help="Its version and a connect string for clients.")
@click.option("-w", "is_watched", is_flag=True, help="Say it once when it changes.")
@click.option("-s", "with_stat", is_flag=True, help="Also the facts of its znode.")
@pass_shell
def config(shell: Shell, clients_only: bool, is_watched: bool, with_stat: bool) -> None:
    """Show the members of the ensemble: a line for each, and the version of the configuration.

    \b
    Examples:
      config
      config -c                     a connect string
    """
    data, stat = shell.client.call(requests.get(CONFIG, watch=is_watched))
    text = (data or b"").decode(errors="replace")
    value = {"servers": _servers(text), "version": _version(text), "connect": _connect(text), "stat": stat_json(stat)}
    shown = f"{value['version']} {value['connect']}" if clients_only else text
    shell.output.answer(value, [shown, *(stat_lines(stat) if with_stat else [])])


def _servers(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if line.startswith("server."))
    return {name.removeprefix("server."): value for name, _, value in lines}


def _version(text: str) -> str:
    return next((line.partition("=")[2] for line in text.splitlines() if line.startswith("version=")), "")


def _connect(text: str) -> str:
    """host:port,… of the servers whose client port stands there."""
    found = []
    for value in _servers(text).values():
        server, _, client = value.partition(";")
        host, _, port = client.rpartition(":")
        if port:
            outer = server.rpartition("]")[0] + "]" if server.startswith("[") else server.partition(":")[0]
            found.append(f"{outer if host in ('', '0.0.0.0', '[::]') else host}:{port}")
    return ",".join(found)


@command("reconfig")
@click.option("-add", "--add", "joining", metavar="SERVER,…", help="As in server.4=host:2888:3888;2181.")
@click.option("-remove", "--remove", "leaving", metavar="ID,…", help="Ids of members that leave.")
@click.option("-members", "--members", "members", metavar="SERVER,…", help="All members there shall be.")
@click.option("-file", "--file", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A file with the lines of all members there shall be.")
@click.option("-v", "version", type=str, default="", help="Only if the configuration has this version, in hexadecimal.")
@click.option("-s", "with_stat", is_flag=True, help="Also the facts of its znode.")
@pass_shell
def reconfig(
    shell: Shell, joining: str | None, leaving: str | None, members: str | None, file: Path | None, version: str,
    with_stat: bool,
) -> None:
    """Change the members of a running ensemble.

    \b
    Examples:
      reconfig -add 'server.4=host4:2888:3888;2181'
      reconfig -remove 3
      reconfig -file members.cfg
    """
    whole = members or (_lines(file) if file is not None else None)
    if bool(whole) == bool(joining or leaving):
        raise click.UsageError("say -add and -remove, or -members, or -file")
    try:
        wanted = int(version, 16) if version else ANY_VERSION
    except ValueError:
        raise click.BadParameter(f"{version!r} is no hexadecimal number — `config` shows it", param_hint="-v") from None
    data, stat = shell.client.call(requests.reconfig(joining, leaving, whole, wanted))
    text = (data or b"").decode(errors="replace")
    shell.output.answer(
        {"servers": _servers(text), "version": _version(text), "stat": stat_json(stat)},
        ["Committed new configuration:", text, *(stat_lines(stat) if with_stat else [])])


def _lines(file: Path) -> str:
    lines = (line.strip() for line in file.read_text().splitlines())
    return ",".join(line for line in lines if line.startswith("server."))
