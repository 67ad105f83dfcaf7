"""A member's run directory: its sockets and what else lives no longer than its processes.

It is beside the data, unless that path is too long for a socket: then it is in /tmp (node/config/read.py), where what a
killed member left would lie for ever. So a member that starts looks for such as are left of members that are gone.
"""

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import Final

from node.backup.wanted import LOCK, MARK, UPLOAD
from node.config.live import STAMP
from node.lives import SUFFIX, living
from node.processes.address_counts import FILE as ADDRESSES
from node.running import STATE_FILE, read_running
from node.storage.errors import RefusedError
from transport.wiring import LINKS, Scope

METRICS_PORT: Final = "metrics-port"
TEMPORARY: Final = Path("/tmp")
STALE_S: Final = 3600.0  # a younger one may be that of a member which is just starting


def temporary_prefix() -> str:
    return f"corral-{os.getuid()}-"


def is_temporary(run_dir: Path) -> bool:
    """Whether it was put into /tmp because its own place has too long a name."""
    return run_dir.parent == TEMPORARY and run_dir.name.startswith(temporary_prefix())


def make_private(run_dir: Path) -> None:
    """Raises RefusedError: the directory belongs to somebody else, who could swap our sockets; or cannot be made."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if run_dir.stat().st_uid != os.getuid():
            raise RefusedError("another user's", file=run_dir, cure="set corral.runDir to another")
        run_dir.chmod(0o700)
    except OSError as error:
        cure = "set corral.runDir to a directory that this user may write"
        raise RefusedError(str(error.strerror), file=run_dir, cure=cure) from None


def lock_exclusive(run_dir: Path) -> int:
    """For a supervisor, as long as the descriptor is open.  Raises RefusedError: processes run without one."""
    lock = _try_lock(run_dir, fcntl.LOCK_EX)
    if lock is None:
        alone = ", ".join(f"{name} (process {pid})" for name, pid in living(run_dir).items())
        raise RefusedError(
            f"this member's processes run by themselves: {alone or 'of another start'}", file=run_dir,
            cure="stop them first, as by systemctl stop corral@INSTANCE.target")
    return lock


def lock_shared(run_dir: Path) -> int:
    """For a process without a supervisor.  Raises RefusedError: there is one."""
    lock = _try_lock(run_dir, fcntl.LOCK_SH)
    if lock is None:
        running = read_running(run_dir)
        raise RefusedError(
            f"process {running.pid if running else 'unknown'} runs this member, with all its processes", file=run_dir,
            cure="stop it first (`corral member` or `corral up`), or start no process by itself")
    return lock


def _try_lock(run_dir: Path, kind: int) -> int | None:
    lock = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def clear(run_dir: Path) -> None:
    """After a clean stop, when nothing of the member runs: what is ours goes; the directory too if it is in /tmp."""
    with contextlib.suppress(OSError):
        for path in [*(run_dir / name for name in _names()), *run_dir.glob(f"*{SUFFIX}"),
                     *run_dir.glob(f"*{STAMP}")]:
            path.unlink(missing_ok=True)
        if is_temporary(run_dir):
            run_dir.rmdir()


def _names() -> list[str]:
    sockets = [link.endpoint for link in LINKS if link.scope is Scope.MEMBER]
    return [*sockets, *(f"{name}.lock" for name in sockets), STATE_FILE, f"{STATE_FILE}.new", METRICS_PORT, ADDRESSES,
            LOCK, MARK, f"{MARK}.new", UPLOAD]


def remove_stale(*, directory: Path = TEMPORARY, older_than_s: float = STALE_S) -> list[Path]:
    """Those of this user in *directory* that no living process holds; returns them."""
    before_s = time.time() - older_than_s
    gone = [path for path in directory.glob(f"{temporary_prefix()}*") if _is_stale(path, before_s)]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return gone


def _is_stale(path: Path, before_s: float) -> bool:
    try:
        found = path.lstat()
        if found.st_uid != os.getuid() or found.st_mtime > before_s or not path.is_dir() or path.is_symlink():
            return False
        return read_running(path) is None and not any(_is_locked(lock) for lock in path.glob("*.lock"))
    except OSError:
        return False


def _is_locked(path: Path) -> bool:
    """As transport/endpoints.py locks what it binds."""
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
