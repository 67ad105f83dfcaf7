"""The lives of processes that no supervisor starts: who runs now, and how often each was started again.

`<name>.life` in the run directory, locked by the process for as long as it lives: a second one of that name is refused.
What stands in it outlives the process, and systemd restarts without telling anybody how often; so whoever finds that
the life before it did not end as it was asked to counts one more. A run directory goes with a reboot, and so do they.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from node.roles import RESTART_WINDOW_S
from node.storage.errors import RefusedError

SUFFIX: Final = ".life"
LOOK_S: Final = 0.5
_POLL_S: Final = 0.01
_BYTES: Final = 1024  # always written whole, so that a reader finds no rest of an earlier one
_DEATHS_MAX: Final = 10


class Life(msgspec.Struct, frozen=True):
    """restarts: after lives that ended unasked.  deaths_ms: of the last minute, when they were noticed.

    has_ended: as it was asked to, or refused.
    """

    pid: int = 0
    restarts: int = 0
    deaths_ms: tuple[int, ...] = ()
    has_ended: bool = True


class OwnLife:
    """This process's."""

    def __init__(self, run_dir: Path, name: str, *, now_ms: int) -> None:
        """Raises RefusedError: such a process runs already."""
        path = run_dir / f"{name}{SUFFIX}"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        is_ours = _lock_within(self._file, LOOK_S)
        before = _decode(os.pread(self._file, _BYTES, 0)) or Life()
        if not is_ours:
            os.close(self._file)
            raise RefusedError(
                f"process {before.pid} is this member's {name} already", file=path,
                cure="stop that one first (systemctl, if systemd started it)")
        deaths_ms = tuple(t for t in before.deaths_ms if 0 <= now_ms - t < RESTART_WINDOW_S * 1000)
        if not before.has_ended:
            deaths_ms = (*deaths_ms, now_ms)[-_DEATHS_MAX:]
        self.life = Life(os.getpid(), before.restarts + (not before.has_ended), deaths_ms, has_ended=False)
        self._write()

    def end(self) -> None:
        """It ends as it was asked to, or because starting again would not help."""
        self.life = msgspec.structs.replace(self.life, has_ended=True)
        self._write()

    def close(self) -> None:
        os.close(self._file)

    def _write(self) -> None:
        os.pwrite(self._file, msgspec.json.encode(self.life).ljust(_BYTES), 0)


def read_lives(run_dir: Path) -> dict[str, Life]:
    """By name; also those that have ended."""
    found = {}
    for path in sorted(run_dir.glob(f"*{SUFFIX}")):
        try:
            life = _decode(path.read_bytes())
        except OSError:
            continue
        if life is not None:
            found[path.name.removesuffix(SUFFIX)] = life
    return found


def living(run_dir: Path) -> dict[str, int]:
    """Name -> pid of those that run now, by their locks: /proc does not show every unit to every other."""
    return {
        name: life.pid for name, life in read_lives(run_dir).items() if _is_locked(run_dir / f"{name}{SUFFIX}")}


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try_lock(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def _lock_within(file: int, seconds: float) -> bool:
    """Somebody who looks whether it is locked holds it for a moment."""
    until_s = time.monotonic() + seconds
    while not _try_lock(file, fcntl.LOCK_EX):
        if time.monotonic() > until_s:
            return False
        time.sleep(_POLL_S)
    return True


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _decode(content: bytes) -> Life | None:
    try:
        return msgspec.json.decode(content, type=Life)
    except msgspec.DecodeError:
        return None
