"""The audit log's file: what a turn changed, in one write, before any answer of that turn leaves.

docs/decisions/0008-audit.md has the why. All processors of a member append to one file (O_APPEND: pieces do not mix);
it is opened anew when it was renamed.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from node.config.member import MemberConfig
from node.processes.processor_words import user_name
from node.requests.audit import AuditedProcessor
from observability.audit import FORMATS, AuditEvent, Result, Writer
from observability.logging import get_logger

_LINES_LOGGED_MAX: Final = 1000  # of those that the file could not take
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_MODE: Final = 0o640  # for a group that may read it


class Audit:
    """*on_failure*: the processor must fall silent; nothing is written after that."""

    def __init__(
        self, config: MemberConfig, path: Path, index: int, core: AuditedProcessor, on_failure: Callable[[], None]
    ) -> None:
        self._path = path
        self._core = core
        self._on_failure = on_failure
        self._format = FORMATS[config.audit_format]
        self._writer = Writer(config.id, f"processor-{index}", user_name())
        self._log = get_logger(process=self._writer.process, member=config.id)
        self._file = -1
        self._has_failed = False
        self._has_started = False

    def flush(self) -> bool:
        """Write what has happened since the last time; whether answers may go out."""
        if self._core.audit and not self._has_failed:
            self._write(self._core.take_audit())
        return not self._has_failed

    def started(self, *, succeeded: bool) -> None:
        self._has_started = succeeded
        self._write([_of_server("serverStart", "success" if succeeded else "failure")])

    def stopped(self) -> None:
        """The processor ends as it was asked to."""
        if self.flush() and self._has_started:
            self._write([_of_server("serverStop", "invoked")])

    def follow_file(self) -> None:
        """Now and then: what was renamed or deleted is left behind."""
        try:
            there, ours = os.stat(self._path), os.fstat(self._file)  # noqa: PTH116 - the latter is of a descriptor
            is_ours = (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
        except OSError:
            is_ours = False
        if not is_ours and self._file >= 0:
            os.close(self._file)
            self._file = -1  # the next line opens it

    def _write(self, events: list[AuditEvent]) -> None:
        now_ns = time.time_ns()
        data = b"".join([self._format(event, self._writer, now_ns) for event in events])
        left = memoryview(data)
        try:
            if self._file < 0:
                self._file = os.open(self._path, _FLAGS, _MODE)
            while left:
                left = left[os.write(self._file, left):]
        except OSError as error:
            self._has_failed = True
            lines = bytes(left).decode(errors="replace").splitlines()
            self._log.error(
                "audit_failed", reason=str(error), file=str(self._path), lines=lines[:_LINES_LOGGED_MAX],
                left_out=max(len(lines) - _LINES_LOGGED_MAX, 0),
                cure="make room, or let this user write there; or set audit.enable=false")
            self._on_failure()


def _of_server(operation: str, result: Result) -> AuditEvent:
    return AuditEvent(operation, result)
