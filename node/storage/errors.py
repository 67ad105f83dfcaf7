"""What can go wrong on disk, by what the caller can do about it."""

from pathlib import Path

from transport.zxid import show


class StorageError(Exception):
    """The process must end: what is on disk is not what this process believes (design, section 3, rule 3)."""

    def __init__(self, *, file: Path, action: str, error: OSError) -> None:
        self.file = file
        self.action = action
        self.errno = error.errno
        super().__init__(f"{action} {file}: {error.strerror or error} (errno {error.errno})")


class RefusedError(Exception):
    """This member does not start on these files; *cure* says what an operator can do."""

    def __init__(self, problem: str, *, file: Path, cure: str) -> None:
        self.problem = problem
        self.file = file
        self.cure = cure
        super().__init__(f"{file}: {problem}; {cure}")


class CorruptionError(RefusedError):
    """Something that was durable is not there any more, or not as it was.

    *zxid*: the last one before it that is intact.
    """

    def __init__(self, problem: str, *, file: Path, offset: int, zxid: int) -> None:
        self.offset = offset
        self.zxid = zxid
        super().__init__(
            f"{problem} at byte {offset}, after zxid {show(zxid)}",
            file=file,
            cure=(
                "the disk lost or changed data that had been acknowledged. If the other members serve, move this "
                "member's data directory and its log directory away and start it: it joins without a vote and "
                "takes a snapshot from the leader. If they do not, copy the files of the member with the highest zxid"
            ),
        )


class LogGapError(Exception):
    """The log does not hold what comes after *after*: purged, cut, or replaced by a snapshot. Load the newest one."""

    def __init__(self, *, directory: Path, after: int, problem: str) -> None:
        self.after = after
        super().__init__(f"{directory}: no log after zxid {show(after)}: {problem}")
