"""A command at a real terminal: a pty, keys in, screen text out."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

ROOT = Path(__file__).parent.parent.parent.parent
DEADLINE_S = 60.0  # CI's machine stalls for seconds at times
CTRL_C, CTRL_D, TAB, UP, ENTER = "\x03", "\x04", "\t", "\x1b[A", "\r"
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r")


class Terminal:
    def __init__(self, process: "subprocess.Popen[bytes]", fd: int) -> None:
        self.process, self._fd = process, fd
        self._seen = ""
        self._waited_to = 0

    def type(self, *keys: str) -> None:
        os.write(self._fd, "".join(keys).encode())

    def wait_for(self, text: str) -> str:
        """Until it has been printed after what was waited for before; what came with it."""
        until_s = time.monotonic() + DEADLINE_S
        while (at := self._seen.find(text, self._waited_to)) < 0:
            ready, _, _ = select.select([self._fd], [], [], max(until_s - time.monotonic(), 0.0))
            assert ready, f"not printed: {text!r}; but {self._seen[self._waited_to:]!r}"
            try:
                self._seen += os.read(self._fd, 1 << 16).decode(errors="replace")
            except OSError:
                raise AssertionError(f"ended without {text!r}: {self._seen[self._waited_to:]!r}") from None
            self._seen = _CODES.sub("", self._seen)
        found = self._seen[self._waited_to:at + len(text)]
        self._waited_to = at + len(text)
        return found

    def end(self) -> int:
        """Its exit code; what it prints at last is read away."""
        with contextlib.suppress(OSError):
            while select.select([self._fd], [], [], DEADLINE_S)[0] and os.read(self._fd, 1 << 16):
                pass
        return self.process.wait(DEADLINE_S)


@contextlib.contextmanager
def at_terminal(*words: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """`corral` with these words."""
    parent, child = pty.openpty()
    ioctl(child, TIOCSWINSZ, pack("HHHH", 40, 160, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "node", *words], stdin=child, stdout=child, stderr=child, cwd=ROOT,
        start_new_session=True, preexec_fn=_take_terminal,
        env={**os.environ, **environment, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"})
    os.close(child)
    try:
        yield Terminal(process, parent)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(parent)


def _take_terminal() -> None:
    """So that Ctrl-C typed there is a signal here."""
    from termios import TIOCSCTTY

    ioctl(0, TIOCSCTTY, 0)
