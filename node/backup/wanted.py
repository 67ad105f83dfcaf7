"""A restoration that a running member was asked for: its broadcast does it when it starts the next time.

Whoever asks leaves a mark in the run directory, and has every process that holds the old state end. These hold a lock
while they live, and take it only where there is no mark; broadcast does the restoration once it has the lock for
itself. So nothing of the old state is left when the new one begins to count, however the processes are started.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

import node
from node.config.member import MemberConfig

UPLOAD: Final = "restore-wanted.backup"
MARK: Final = "restore-wanted.json"
LOCK: Final = "replicas.lock"
VALID_S: Final = 600.0  # then nobody waits for it any more: a start that comes later is not to surprise
_POLL_S: Final = 0.05


class Wanted(msgspec.Struct, frozen=True):
    """*file*: the backup. *made_s*: Unix time. *options*: of `corral restore`."""

    file: str
    made_s: float
    options: list[str]


def want(config: MemberConfig, file: Path, options: list[str]) -> None:
    """It need not outlast a power cut: then the state is what it was, and who asked asks again."""
    aside = config.run_dir / f"{MARK}.new"
    aside.write_bytes(msgspec.json.encode(Wanted(str(file), time.time(), options)))
    aside.replace(config.run_dir / MARK)


def wanted(config: MemberConfig) -> Wanted | None:
    try:
        found = msgspec.json.decode((config.run_dir / MARK).read_bytes(), type=Wanted)
    except (OSError, msgspec.DecodeError):
        return None
    return found if 0 <= time.time() - found.made_s < VALID_S else None


def forget(config: MemberConfig) -> None:
    """The backup goes with the mark."""
    found = wanted(config)
    (config.run_dir / MARK).unlink(missing_ok=True)
    if found is not None:
        Path(found.file).unlink(missing_ok=True)


def hold_replica(config: MemberConfig, on_wait: Callable[[], object]) -> int:
    """Before the state is loaded: the lock of whoever has it, a descriptor that stays open as long as the process."""
    lock = os.open(config.run_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if wanted(config) is None:
            return lock
        fcntl.flock(lock, fcntl.LOCK_UN)
        on_wait()
        _rest()


def restore_if_wanted(config: MemberConfig, on_wait: Callable[[], object]) -> str | None:
    """By broadcast, before it opens anything. None: nothing was wanted; else empty, or why it was not done."""
    found = wanted(config)
    if found is None:
        return None
    lock = os.open(config.run_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(lock):
            on_wait()
            _rest()
        reason = _restore(config, found, on_wait)
        forget(config)
        return reason
    finally:
        os.close(lock)


def _restore(config: MemberConfig, found: Wanted, on_wait: Callable[[], object]) -> str:
    """In a process of its own, which takes the memory of the whole state with it."""
    command = [sys.executable, "-P", "-m", "node", "restore", found.file, str(config.file), "--replace", "--yes",
               "--by-member", *found.options]
    with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=own_environment()) as child:
        while True:
            try:
                _, errors = child.communicate(timeout=_POLL_S)
            except subprocess.TimeoutExpired:
                on_wait()
                continue
            return errors.strip() if child.returncode else ""


def own_environment() -> dict[str, str]:
    """For a command of this very program, wherever it lies."""
    return {**os.environ, "PYTHONPATH": str(Path(node.__file__).parent.parent)}


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _rest() -> None:
    time.sleep(_POLL_S)
