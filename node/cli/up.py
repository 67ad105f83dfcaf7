"""`corral up`: an ensemble on this machine, in the foreground until Ctrl-C, or detached."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import click

from node.cli.asking import MemberStatus
from node.cli.drawing import Row, draw_places
from node.cli.errors import EXIT_CODES, EXIT_FAILED, Failure, refusals_shown
from node.cli.local import (
    MEMBERS_MAX,
    LocalEnsemble,
    LocalMember,
    create_ensemble,
    default_directory,
    has_ensemble,
    load_ensemble,
    remember_directory,
    remove_up_file,
    wait_for,
    write_up_file,
)
from node.cli.observe import HOW, Prometheus, prometheus_program, start_prometheus, stop_prometheus
from node.cli.status import local_rows, row_json, serves, with_lag
from node.processes.loop import EXIT_REFUSED

QUORUM_S: Final = 60.0
STRAGGLERS_S: Final = 2.0  # a quorum serves; the others mostly do so a moment later
_ENDINGS: Final = frozenset([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])

Started = dict[int, "subprocess.Popen[bytes]"]


class Ended(BaseException):
    """Ctrl-C or SIGTERM, wherever we are."""


@click.command(epilog=EXIT_CODES)
@click.option("--members", type=click.IntRange(1, MEMBERS_MAX), help="How many.  [default: 3]")
@click.option("--data", type=click.Path(path_type=Path), help="Their directory; kept until "
              "`down --wipe`.  [default: ~/.local/share/corral/local]")  # fmt: skip
@click.option("--client-port", type=click.IntRange(0, 65535), help="Member i serves clients on "
              "this port + i - 1; 0 takes free ones.  [default: 2181]")  # fmt: skip
@click.option("--host", help="Address of all members; ::1 works too.  [default: 127.0.0.1]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="A line for every member's zoo.cfg, of a new ensemble.")  # fmt: skip
@click.option("--detach", is_flag=True, help="Return once a quorum serves; `corral down` ends it.")
@click.option("--observe", is_flag=True, help="Run Prometheus too, its configuration and rules ready.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: connect, members.")
@refusals_shown
def up(
    members: int | None,
    data: Path | None,
    client_port: int | None,
    host: str | None,
    settings: tuple[str, ...],
    detach: bool,
    observe: bool,
    as_json: bool,
) -> None:
    """Start an ensemble on this machine, with keys of its own, and print how to connect.

    What is in the data directory stays, with its ports, until `corral down --wipe`.

    \b
    Examples:
      corral up
      corral up --members 5 --client-port 3181 --data ./run
      corral up --observe
      corral up --detach --json --client-port 0
      corral up --set corral.processors=2 --set tickTime=500
    """
    directory = (data or default_directory()).absolute()
    ensemble = _ensemble(directory, members, client_port, host, settings)
    remember_directory(directory)
    for number in _ENDINGS:
        signal.signal(number, _end)
    try:
        _run(ensemble, detach=detach, observe=observe, as_json=as_json)
    except Ended:
        click.echo("stopped", err=True)
    finally:
        if not detach:
            remove_up_file(directory)


def _ensemble(
    directory: Path,
    members: int | None,
    client_port: int | None,
    host: str | None,
    settings: tuple[str, ...],
) -> LocalEnsemble:
    if has_ensemble(directory):
        ensemble = load_ensemble(directory)
        _refuse_change(ensemble, members, client_port, host, settings)
        return ensemble
    return create_ensemble(
        directory,
        count=3 if members is None else members,
        host=(host or "127.0.0.1").strip("[]"),
        client_port=2181 if client_port is None else client_port,
        settings=_settings(settings),
    )


def _refuse_change(
    ensemble: LocalEnsemble,
    members: int | None,
    client_port: int | None,
    host: str | None,
    settings: tuple[str, ...],
) -> None:
    """The data there go before the options: their ports and number stay."""
    first = ensemble.members[0].client_port
    wrong = [
        f"{option} {found}, not {asked}"
        for option, asked, found in (
            ("--members", members, len(ensemble.members)),
            ("--client-port", client_port or None, first),
            ("--host", host, ensemble.host),
        )
        if asked is not None and asked != found
    ]
    if settings:
        wrong.append(f"settings of their own (edit {ensemble.directory}/m1/zoo.cfg and so on)")
    if wrong:
        raise Failure(
            f"the ensemble in {ensemble.directory} has {'; '.join(wrong)} — leave the option out, "
            "give another --data DIR, or `corral down --wipe` first",
            exit_code=EXIT_REFUSED,
        )


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for text in given:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
        settings[key.strip()] = value.strip()
    return settings


def _run(ensemble: LocalEnsemble, *, detach: bool, observe: bool, as_json: bool) -> None:
    """Raises Ended, Failure."""
    running = [m.id for m in ensemble.members if ensemble.running(m)]
    if running:
        raise Failure(
            f"members {', '.join(map(str, running))} run already in {ensemble.directory} — "
            "see `corral status`, or end them by `corral down`"
        )
    if not detach:
        write_up_file(ensemble.directory)
    die_with = None if detach else os.getpid()
    started: Started = {}
    try:
        for member in ensemble.members:
            started[member.id] = ensemble.start(member, die_with=die_with)
        _await_quorum(ensemble, started)
        prometheus = start_prometheus(ensemble, dies_with_us=not detach) if observe else None
        _show(ensemble, prometheus, as_json=as_json, detach=detach)
        if observe and not as_json:
            _show_observing(ensemble, prometheus)
        if not detach:
            _watch(ensemble, started)
    except BaseException:
        _stop(ensemble, started)
        raise


def _stop(ensemble: LocalEnsemble, started: Started) -> None:
    """Those that we started, even before they said so, and those that `start` did."""
    for number in _ENDINGS:  # a second Ctrl-C must not leave members behind
        signal.signal(number, signal.SIG_IGN)
    for process in started.values():
        process.terminate()
    stop_prometheus(ensemble.directory)
    ensemble.stop_all()
    for process in started.values():
        process.wait()


def _await_quorum(ensemble: LocalEnsemble, started: Started) -> None:
    """Raises Failure: members ended, or it takes too long; with the last lines of their logs."""

    def is_settled() -> bool:
        return bool(_ended(ensemble, started)) or serves(_statuses(ensemble))

    def all_serve() -> bool:
        return all(status.is_serving for status in _statuses(ensemble))

    settled = wait_for(is_settled, QUORUM_S)
    ended = _ended(ensemble, started)
    if settled and not ended:
        wait_for(all_serve, STRAGGLERS_S)
        return
    reason = "ended at once" if ended else f"no quorum within {QUORUM_S:.0f} s"
    tails = [
        f"member {m.id} ({ensemble.home(m)}/log):\n{ensemble.log_tail(m)}"
        for m in ended or ensemble.members
    ]
    refused = any(started[m.id].returncode == EXIT_REFUSED for m in ended)
    code = EXIT_REFUSED if refused else EXIT_FAILED
    raise Failure(f"{reason}\n" + "\n".join(tails), exit_code=code)


def _statuses(ensemble: LocalEnsemble) -> list[MemberStatus]:
    return [row.status for row in local_rows(ensemble)]


def _ended(ensemble: LocalEnsemble, started: Started) -> list[LocalMember]:
    return [member for member in ensemble.members if started[member.id].poll() is not None]


def _show(ensemble: LocalEnsemble, prometheus: Prometheus | None, *, as_json: bool, detach: bool) -> None:
    rows = local_rows(ensemble)
    statuses = with_lag([row.status for row in rows])
    rows = [Row(status, row.running) for status, row in zip(statuses, rows, strict=True)]
    if as_json:
        shown: dict[str, Any] = {
            "connect": ensemble.connect,
            "data": str(ensemble.directory),
            "members": [row_json(row) for row in rows],
            **({"prometheus": prometheus.url} if prometheus else {}),
        }
        click.echo(json.dumps(shown))
        sys.stdout.flush()
        return
    draw_places(rows)
    click.echo(f"\nconnect: {ensemble.connect}")
    click.echo(f"data:    {ensemble.directory}")
    option = f"--data {ensemble.directory}"
    click.echo(f"stop:    corral down {option}" if detach else "stop:    Ctrl-C (the data stay)")
    sys.stdout.flush()


def _show_observing(ensemble: LocalEnsemble, prometheus: Prometheus | None) -> None:
    folder = ensemble.directory / "observe"
    if prometheus is not None:
        click.echo(f"graphs:  {prometheus.graph}")
        click.echo(f"alerts:  {prometheus.url}/alerts")
        click.echo(f"Grafana: dashboards/README.md says how; the data source is {prometheus.url}")
    elif prometheus_program() is None:
        click.echo(f"graphs:  Prometheus is not installed: {HOW}, then `corral up --observe` again; or let one of "
                   f"yours read {folder}/prometheus.yml")
    else:
        click.echo(f"graphs:  Prometheus ended at once, see {folder}/log")
    sys.stdout.flush()


def _watch(ensemble: LocalEnsemble, started: Started) -> None:
    """Until we are told to end; what ends by itself is said once, since `start` may bring it back."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, *_ENDINGS})
    told: set[int] = set()
    while True:
        for member in _ended(ensemble, started):
            if member.id not in told:
                told.add(member.id)
                code = started[member.id].returncode
                click.echo(f"member {member.id} ended ({_ending(code)})", err=True)
        if signal.sigwait({signal.SIGCHLD, *_ENDINGS}) != signal.SIGCHLD:
            raise Ended


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def _end(_number: int, _frame: object) -> None:
    raise Ended
