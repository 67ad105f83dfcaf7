"""`corral down`, `stop`, `start` and `kill`: a local ensemble, whole or one member."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask_all
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.cli.local import (
    STOP_S,
    LocalEnsemble,
    LocalMember,
    default_directory,
    foreground_pid,
    kill_member,
    last_directory,
    load_ensemble,
    signal_process,
    stop_member,
    wait_for,
)
from node.cli.observe import remove_observations, stop_prometheus
from node.running import RunningMember

START_S = 30.0

_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="The ensemble's directory.  [default: that of the last `corral up`]",
)
_member_id = click.argument("member_id", metavar="ID", type=int)


def _local(data: Path | None) -> LocalEnsemble:
    return load_ensemble((data or last_directory() or default_directory()).absolute())


@click.command(epilog=EXIT_CODES)
@click.option("--wipe", is_flag=True, help="Delete the members' data, logs and keys too.")
@_data
@refusals_shown
def down(wipe: bool, data: Path | None) -> None:
    """Stop a local ensemble; its data stay for the next `corral up`, unless --wipe.

    \b
    Examples:
      corral down
      corral down --wipe --data ./run
    """
    ensemble = _local(data)
    if (pid := foreground_pid(ensemble.directory)) is not None:
        signal_process(pid, signal.SIGTERM)
        wait_for(lambda: foreground_pid(ensemble.directory) is None, STOP_S)
    stop_prometheus(ensemble.directory)
    ensemble.stop_all()
    if wipe:
        delete_ensemble(ensemble)


@click.command(epilog=EXIT_CODES)
@_member_id
@_data
@refusals_shown
def stop(member_id: int, data: Path | None) -> None:
    """Stop one member of a local ensemble, in order.

    \b
    Example:
      corral stop 2 --data ./run
    """
    _end_member(_local(data), member_id, stop_member)


@click.command(epilog=EXIT_CODES)
@_member_id
@_data
@refusals_shown
def kill(member_id: int, data: Path | None) -> None:
    """Kill one member of a local ensemble: SIGKILL to all its processes, as a power cut would.

    \b
    Example:
      corral kill 1 --data ./run && corral status
    """
    _end_member(_local(data), member_id, kill_member)


@click.command(epilog=EXIT_CODES)
@_member_id
@_data
@refusals_shown
def start(member_id: int, data: Path | None) -> None:
    """Start one member of a local ensemble again; returns once it answers.

    \b
    Example:
      corral start 1 --data ./run
    """
    ensemble = _local(data)
    member = ensemble.member(member_id)
    if (running := ensemble.running(member)) is not None:
        raise Failure(f"member {member_id} runs already, as process {running.pid}")
    process = ensemble.start(member)
    is_up = wait_for(lambda: process.poll() is not None or _answers(ensemble, member), START_S)
    if not is_up or process.poll() is not None:
        raise Failure(
            f"member {member_id} {'ended' if is_up else f'does not answer after {START_S:.0f} s'}, "
            f"see {ensemble.home(member)}/log:\n{ensemble.log_tail(member)}",
            exit_code=process.returncode if (process.returncode or 0) > 0 else 1,
        )


def delete_ensemble(ensemble: LocalEnsemble) -> None:
    """What `up` made, and nothing else that somebody may have put there."""
    ensemble.remove_run_dirs()
    for member in ensemble.members:
        shutil.rmtree(ensemble.home(member))
    remove_observations(ensemble.directory)
    (ensemble.directory / "ensemble.json").unlink()
    if not any(ensemble.directory.iterdir()):
        ensemble.directory.rmdir()


def _end_member(
    ensemble: LocalEnsemble, member_id: int, end: Callable[[RunningMember], Any]
) -> None:
    running = ensemble.running(ensemble.member(member_id))
    if running is None:
        raise Failure(f"member {member_id} does not run — `corral start {member_id}` starts it")
    end(running)


def _answers(ensemble: LocalEnsemble, member: LocalMember) -> bool:
    index = ensemble.members.index(member)
    (status,) = ask_all([ensemble.client_addresses[index]], deadline_s=0.5)
    return status.role != "down"
