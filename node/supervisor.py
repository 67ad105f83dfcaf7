"""One member in the foreground: starts its roles, restarts what dies, stops all in order.

    python -m node.supervisor CONFIG [--die-with PID]

Processes are forked from here, after everything that they share has been imported: a restart takes
milliseconds, and a member's memory is counted once. That is safe because this process has one thread
and no ZeroMQ context, ever. A process dies with its supervisor (PR_SET_PDEATHSIG).

A process that ends with EXIT_REFUSED has found something that no restart mends (corruption, another
ensemble's data): the member stops, with the same code.
"""

import argparse
import contextlib
import ctypes
import fcntl
import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from node.config.address import format_address
from node.config.member import MemberConfig
from node.config.read import load_config
from node.keys import KeysUnreadableError, load_keys
from node.ports import claim_ports
from node.processes.loop import EXIT_REFUSED
from node.role_run import EXIT_FAILED, REFUSALS, exit_code_of
from node.roles import RESTART_WINDOW_S, ROLES, Role, lower_priority
from node.run_dir import clear, lock_exclusive, make_private, remove_stale
from node.running import (
    RunningMember,
    RunningProcess,
    own_start_ticks,
    write_running,
)
from node.storage.errors import RefusedError
from node.title import set_title
from observability.logging import configure_logging, get_logger

STOP_ROLE_S: Final = 3.0  # from SIGTERM to SIGKILL, per start_order
STOP_ALL_S: Final = 8.0

# Its HTTP and OpenTelemetry are not to be in the memory of the others.
IMPORTED_APART: Final = frozenset(["telemetry"])

_SIGNALS: Final = frozenset([signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM])
_GO_ON: Final = frozenset([signal.SIGCHLD, None])  # anything else is to stop the member
_SHORTEST_S: Final = 1e-4  # 0 would be no timer
_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Child:
    """One process of the table.  pid: 0 while it does not run; due_s: when it is to be started."""

    def __init__(self, role: Role, index: int, name: str) -> None:
        self.role, self.index, self.name = role, index, name
        self.pid = 0
        self.due_s = 0.0
        self.restarts = 0
        self.deaths_s: list[float] = []

    def on_death(self, now_s: float) -> None:
        """The first restart waits the role's delay, each further one within a minute twice that."""
        self.pid = 0
        self.restarts += 1
        self.deaths_s = [t for t in self.deaths_s if now_s - t < RESTART_WINDOW_S] + [now_s]
        self.due_s = now_s + self.role.restart_pause_s(len(self.deaths_s))


class Supervisor:
    """Runs the processes of one member until SIGTERM, SIGINT or a refusal."""

    def __init__(self, config: MemberConfig, roles: Sequence[Role] = ROLES) -> None:
        self.config = config
        self.children = [
            Child(role, index, name)
            for role in sorted(roles, key=lambda r: r.start_order)
            for index, name in enumerate(role.names(config))
        ]
        self.private_files: list[int] = []
        self.refusal = 0
        self.log = get_logger(process="supervisor", member=config.id)

    def run(self) -> int:
        """The member's exit code.  Raises RefusedError, PortError: nothing was started."""
        locks = [_lock(self.config.data_dir)]
        make_private(self.config.run_dir)
        locks.append(lock_exclusive(self.config.run_dir))
        ports = claim_ports(self.config)
        self.config = ports.config
        self.private_files = [*locks, *(held.fileno() for held in ports.held)]
        for left in remove_stale():
            self.log.info("stale_run_dir_removed", path=str(left))
        self.preload()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self.log.info("member_starting", clients=self.client_addresses())
        try:
            self.watch()
        finally:
            self.stop()
            clear(self.config.run_dir)
            self.log.info("member_stopped")
            for held in ports.held:
                held.close()
            for lock in locks:
                os.close(lock)
        return self.refusal

    def preload(self) -> None:
        for role in {child.role for child in self.children}:
            if role.name not in IMPORTED_APART:
                importlib.import_module(role.module)
        gc.collect()
        gc.freeze()  # what is here now is never looked at by a child's collector, so stays shared

    def watch(self) -> None:
        while not self.refusal:
            self.start_due()
            dues = [child.due_s for child in self.children if not child.pid]
            if _await_signal(min(dues, default=None)) not in _GO_ON:
                return
            self.reap()

    def start_due(self) -> None:
        now_s = time.monotonic()
        due = [child for child in self.children if not child.pid and child.due_s <= now_s]
        for child in due:
            child.pid = self.fork(child)
        if due:
            self.write_state()

    def fork(self, child: Child) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be_child(child, self.config, self.private_files, parent)
        return pid

    def reap(self) -> None:
        for pid, status in _dead_children():
            child = next((c for c in self.children if c.pid == pid), None)
            if child is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            child.on_death(time.monotonic())
            if code == EXIT_REFUSED:
                self.refusal = EXIT_REFUSED
            self.log.warning("process_died", died=child.name, pid=pid, code=code)
            self.write_state()

    def stop(self) -> None:
        """SIGTERM in the reverse of the start order, SIGKILL to what does not go."""
        deadline_s = time.monotonic() + STOP_ALL_S
        for order in sorted({child.role.start_order for child in self.children}, reverse=True):
            group = [c for c in self.children if c.role.start_order == order and c.pid]
            for child in group:
                os.kill(child.pid, signal.SIGTERM)
            until_s = min(deadline_s, time.monotonic() + STOP_ROLE_S)
            if not self.await_end(group, until_s):
                self.kill(group)

    def await_end(self, group: list[Child], until_s: float) -> bool:
        """Whether all have ended in time; a second SIGTERM or SIGINT ends the wait."""
        while any(child.pid for child in group):
            if _await_signal(until_s) != signal.SIGCHLD:
                return False
            self.forget_dead()
        return True

    def forget_dead(self) -> None:
        dead = {pid for pid, _ in _dead_children()}
        for child in self.children:
            if child.pid in dead:
                child.pid = 0

    def kill(self, group: list[Child]) -> None:
        for child in group:
            if child.pid:
                self.log.warning("process_killed", killed=child.name, pid=child.pid)
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = 0

    def client_addresses(self) -> list[str]:
        return [format_address(h, self.config.client_port) for h in self.config.client_addresses]

    def write_state(self) -> None:
        config = self.config
        running = RunningMember(
            member=config.id,
            config=str(config.file),
            pid=os.getpid(),
            start_ticks=own_start_ticks(),
            clients=self.client_addresses(),
            metrics=format_address(config.metrics_address, config.metrics_port),
            processes=[RunningProcess(c.name, c.pid, c.restarts) for c in self.children],
        )
        try:
            write_running(config.run_dir, running)
        except OSError as error:
            self.log.warning("state_not_written", reason=str(error))


def _await_signal(until_s: float | None) -> signal.Signals | None:
    """The next of _SIGNALS; None: it is *until_s* by the monotonic clock.

    Not by sigtimedwait: CPython's returns a signal that nobody sent where the process was stopped meanwhile (SIGSTOP, a
    debugger, a frozen cgroup) and goes on after the deadline.
    """
    try:
        while True:
            if until_s is not None:
                left_s = until_s - time.monotonic()
                signal.setitimer(signal.ITIMER_REAL, max(left_s, _SHORTEST_S))
            number = signal.Signals(signal.sigwait(_SIGNALS))
            if number != signal.SIGALRM:
                return number
            if until_s is not None and time.monotonic() >= until_s:
                return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _dead_children() -> list[tuple[int, int]]:
    """All that have ended, with their status; SIGCHLD may stand for several."""
    dead: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return dead
        if pid == 0:
            return dead
        dead.append((pid, status))


def _lock(data_dir: Path) -> int:
    """The supervisor's own lock; broadcast has another, for when it runs without one.

    Raises RefusedError: a member runs on this data.
    """
    directory = data_dir / "corral"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(directory / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        cure = "give a dataDir that this user may write"
        raise RefusedError(str(error.strerror), file=Path(error.filename), cure=cure) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode().strip()
        os.close(lock)
        problem = f"process {holder or 'unknown'} runs a member on this data"
        raise RefusedError(problem, file=data_dir, cure="stop it, or give another dataDir") from None
    with contextlib.suppress(OSError):  # a full disk: whoever comes second is refused without our pid
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _be_child(child: Child, config: MemberConfig, private: list[int], parent: int) -> NoReturn:
    """In the new process: run the role, then end without the interpreter's farewells."""
    code = 1
    try:
        log = get_logger(process=child.name, member=config.id)
        code = exit_code_of(lambda: _live(child, config, private, parent), log)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _live(child: Child, config: MemberConfig, private: list[int], parent: int) -> None:
    _settle(child, config, private, parent)
    importlib.import_module(child.role.module).run(config, child.index)


def _settle(child: Child, config: MemberConfig, private: list[int], parent: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that took effect
        os._exit(1)
    set_title(config.id, child.name)
    for descriptor in private:
        os.close(descriptor)
    os.setsid()  # Ctrl-C is for the supervisor, which stops all in order
    lower_priority(child.role)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m node.supervisor")
    parser.add_argument("config", type=Path)
    parser.add_argument("--die-with", type=int, metavar="PID", help="of the parent")
    arguments = parser.parse_args(argv)
    configure_logging()
    if arguments.die_with is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != arguments.die_with:  # it died before that took effect
            return 1
    try:
        loaded = load_config(arguments.config)
        configure_logging(loaded.config.log_level)
        log = get_logger(process="supervisor", member=loaded.config.id)
        for warning in loaded.warnings:
            log.warning("configuration", problem=str(warning))
        load_keys(loaded.config)
        set_title(loaded.config.id, "supervisor")
        return Supervisor(loaded.config).run()
    except KeysUnreadableError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except REFUSALS as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
