"""A local ensemble: the directory that `corral up` makes, and the processes of its members.

DATA/ensemble.json    which members there are, and their ports: what up, down and status go by
DATA/m1/zoo.cfg       as any member's, may be edited     DATA/m1/data  m1/log (what it prints)
DATA/m1/run-dir       the path of its run directory, as it was started last
DATA/up.json          while an `up` runs in the foreground: its pid, for `down`
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from node.cli.errors import Failure
from node.config.address import Address, format_address
from node.config.member import MemberConfig
from node.config.problems import ConfigError
from node.config.read import load_config
from node.keys import init_ensemble
from node.processes.loop import EXIT_REFUSED
from node.run_dir import clear
from node.running import RunningMember, read_running, start_ticks_of

ENSEMBLE_FORMAT: Final = 1
RUN_DIR_FILE: Final = "run-dir"
MEMBERS_MAX: Final = 254
STOP_S: Final = 12.0  # a supervisor gives its processes 8
_POLL_S: Final = 0.05
# Below the ports that the kernel gives to outgoing connections, which would take them while we are down.
_PORTS: Final = range(20000, 32000)


class LocalMember(msgspec.Struct, frozen=True):
    id: int
    client_port: int
    quorum_port: int
    election_port: int
    metrics_port: int


class _EnsembleFile(msgspec.Struct, frozen=True):
    format: int
    host: str
    members: list[LocalMember]


class _UpFile(msgspec.Struct, frozen=True):
    pid: int
    start_ticks: int


class LocalEnsemble:
    """What is in one DATA directory."""

    def __init__(self, directory: Path, host: str, members: list[LocalMember]) -> None:
        self.directory, self.host, self.members = directory, host, members

    @property
    def connect(self) -> str:
        return ",".join(str(address) for address in self.client_addresses)

    @property
    def client_addresses(self) -> list[Address]:
        return [Address(self.host, member.client_port) for member in self.members]

    def metrics_address(self, member: LocalMember) -> str:
        return format_address(self.host, member.metrics_port)

    def home(self, member: LocalMember) -> Path:
        return self.directory / f"m{member.id}"

    def config(self, member: LocalMember) -> MemberConfig:
        """Raises ConfigError."""
        return load_config(self.home(member) / "zoo.cfg").config

    def running(self, member: LocalMember) -> RunningMember | None:
        """Raises ConfigError: it was never started from here, and its zoo.cfg does not say where it would run."""
        return read_running(self.run_dir(member))

    def run_dir(self, member: LocalMember) -> Path:
        """Where it was started last, whatever has become of its zoo.cfg since.  Raises ConfigError."""
        try:
            return Path((self.home(member) / RUN_DIR_FILE).read_text().strip())
        except OSError:
            return self.config(member).run_dir

    def member(self, member_id: int) -> LocalMember:
        for member in self.members:
            if member.id == member_id:
                return member
        known = ", ".join(str(member.id) for member in self.members)
        raise Failure(f"no member {member_id} in {self.directory}: it has {known}")

    def start(self, member: LocalMember, *, die_with: int | None = None) -> subprocess.Popen[bytes]:
        """Start the member's supervisor in a session of its own; die_with: pid of this process."""
        home = self.home(member)
        with contextlib.suppress(ConfigError):  # the supervisor says what is wrong
            (home / RUN_DIR_FILE).write_text(f"{self.config(member).run_dir}\n")
        options = [] if die_with is None else [f"--die-with={die_with}"]
        with (home / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "node.supervisor", str(home / "zoo.cfg"), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log_tail(self, member: LocalMember, lines: int = 5) -> str:
        try:
            text = (self.home(member) / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def stop_all(self) -> None:
        """All at once, in order within each member."""
        stopping = [r for r in map(self._found_running, self.members) if r is not None]
        for running in stopping:
            signal_process(running.pid, signal.SIGTERM)
        for running in stopping:
            await_end_of(running)

    def remove_run_dirs(self) -> None:
        """Of members that do not run: what killed ones left."""
        for member in self.members:
            with contextlib.suppress(ConfigError):
                clear(self.run_dir(member))

    def _found_running(self, member: LocalMember) -> RunningMember | None:
        """A broken zoo.cfg is no reason not to stop the others."""
        try:
            return self.running(member)
        except ConfigError:
            return None


def stop_member(running: RunningMember) -> None:
    signal_process(running.pid, signal.SIGTERM)
    await_end_of(running)


def kill_member(running: RunningMember) -> None:
    """SIGKILL to the supervisor and all processes at once; returns when they are gone."""
    for pid in running.pids:
        signal_process(pid, signal.SIGKILL)
    wait_for(lambda: not any(start_ticks_of(pid) for pid in running.pids), STOP_S)


def await_end_of(running: RunningMember) -> None:
    if not wait_for(lambda: not running.is_running, STOP_S):
        kill_member(running)


def wait_for(condition: Callable[[], bool], deadline_s: float) -> bool:
    """Whether the condition came true in time."""
    until_s = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > until_s:
            return False
        time.sleep(_POLL_S)
    return True


def signal_process(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(pid, number)


# Making and finding -----------------------------------------------------------------------


def create_ensemble(
    directory: Path, *, count: int, host: str, client_port: int, settings: Mapping[str, str]
) -> LocalEnsemble:
    """A new ensemble, initialised with keys, not started.  Raises Failure, ConfigError."""
    _make_empty(directory)
    members = _choose_ports(count, host, client_port)
    ensemble = LocalEnsemble(directory, host, members)
    try:
        for member in members:
            _write_member(ensemble, member, settings)
        init_ensemble([ensemble.config(member) for member in members])
        saved = _EnsembleFile(format=ENSEMBLE_FORMAT, host=host, members=members)
        (directory / "ensemble.json").write_bytes(msgspec.json.encode(saved))
    except BaseException:
        for member in members:  # nothing half made is left to be taken for an ensemble
            shutil.rmtree(ensemble.home(member), ignore_errors=True)
        raise
    return ensemble


def _make_empty(directory: Path) -> None:
    """Raises Failure: there is something in it, or this user may not write there."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_empty = not any(directory.iterdir())
    except OSError as error:
        raise Failure(
            f"{directory}: {error.strerror} — give a directory that you may write, by --data DIR",
            exit_code=EXIT_REFUSED) from None
    if not is_empty:
        raise Failure(
            f"{directory} is not empty and holds no ensemble — give another --data DIR", exit_code=EXIT_REFUSED)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise Failure(
            f"{directory}: you may not write there — give another directory, by --data DIR", exit_code=EXIT_REFUSED)


def load_ensemble(directory: Path) -> LocalEnsemble:
    """Raises Failure: there is none."""
    path = directory / "ensemble.json"
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_EnsembleFile)
    except FileNotFoundError:
        raise Failure(f"no local ensemble in {directory} — `corral up` makes one") from None
    except (OSError, msgspec.DecodeError) as error:
        raise Failure(f"{path}: {error} — remove {directory} to start anew") from None
    if saved.format != ENSEMBLE_FORMAT:
        raise Failure(f"{path}: format {saved.format} — use a newer corral", exit_code=EXIT_REFUSED)
    return LocalEnsemble(directory, saved.host, saved.members)


def has_ensemble(directory: Path) -> bool:
    return (directory / "ensemble.json").exists()


def default_directory() -> Path:
    return _data_home() / "local"


def last_directory() -> Path | None:
    """DATA of the last `up` on this machine by this user."""
    try:
        return Path((_data_home() / "last").read_text().strip())
    except OSError:
        return None


def last_config() -> Path:
    """The zoo.cfg of the first member of the last `up`, for who is told of no CONFIG.  Raises Failure, UsageError."""
    directory = last_directory()
    if directory is None or not has_ensemble(directory):
        raise click.UsageError(
            "say which member: its zoo.cfg, as /etc/corral/main/zoo.cfg; there is no local `corral up` to take one of")
    ensemble = load_ensemble(directory)
    return ensemble.home(ensemble.members[0]) / "zoo.cfg"


def remember_directory(directory: Path) -> None:
    with contextlib.suppress(OSError):  # no home directory: `status` must then be told where
        _data_home().mkdir(parents=True, exist_ok=True, mode=0o700)
        (_data_home() / "last").write_text(f"{directory}\n")


def write_up_file(directory: Path) -> None:
    own = _UpFile(pid=os.getpid(), start_ticks=start_ticks_of(os.getpid()))
    (directory / "up.json").write_bytes(msgspec.json.encode(own))


def remove_up_file(directory: Path) -> None:
    (directory / "up.json").unlink(missing_ok=True)


def foreground_pid(directory: Path) -> int | None:
    """Pid of the `up` that runs here in the foreground."""
    try:
        up = msgspec.json.decode((directory / "up.json").read_bytes(), type=_UpFile)
    except (OSError, msgspec.DecodeError):
        return None
    return up.pid if start_ticks_of(up.pid) == up.start_ticks else None


def _data_home() -> Path:
    given = os.environ.get("XDG_DATA_HOME")
    return (Path(given) if given else Path.home() / ".local" / "share") / "corral"


def _choose_ports(count: int, host: str, client_port: int) -> list[LocalMember]:
    """Client ports in a row from the one given, or free ones like all the others if it is 0."""
    needed = 4 if client_port == 0 else 3
    free = _free_ports(host, needed * count, apart_from=range(client_port, client_port + count))
    members = []
    for index in range(count):
        client = client_port + index if client_port else free.pop()
        members.append(LocalMember(index + 1, client, free.pop(), free.pop(), free.pop()))
    return members


def _free_ports(host: str, count: int, *, apart_from: range) -> list[int]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    _check_ours(host, family)
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            return found
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        if port not in apart_from:
            found.append(port)
    raise Failure(f"fewer than {count} free ports on {host} — stop something")


def _check_ours(host: str, family: socket.AddressFamily) -> None:
    """Raises Failure: it is not an address of this machine, or none at all."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
    except OSError as error:
        raise Failure(
            f"--host {host}: {error.strerror} — members run on this machine: give one of its addresses (`ip address` "
            "lists them), 127.0.0.1 or ::1; for several machines see `corral member --help`",
            exit_code=EXIT_REFUSED) from None


def _write_member(
    ensemble: LocalEnsemble, member: LocalMember, settings: Mapping[str, str]
) -> None:
    home = ensemble.home(member)
    (home / "data").mkdir(parents=True, mode=0o700)
    (home / "data" / "myid").write_text(f"{member.id}\n")
    host = f"[{ensemble.host}]" if ":" in ensemble.host else ensemble.host
    lines = {
        "tickTime": "2000",
        "initLimit": "10",
        "syncLimit": "5",
        "dataDir": str(home / "data"),
        "clientPort": str(member.client_port),
        "clientPortAddress": host,
        "4lw.commands.whitelist": "*",
        "corral.metricsAddress": host,
        "corral.metricsPort": str(member.metrics_port),
        **settings,
    }
    lines |= {
        f"server.{m.id}": f"{host}:{m.quorum_port}:{m.election_port};{host}:{m.client_port}"
        for m in ensemble.members
    }
    head = f"# Member {member.id} of a local ensemble, written once by `corral up`.\n"
    text = head + "".join(f"{key}={value}\n" for key, value in lines.items())
    (home / "zoo.cfg").write_text(text)
