"""Namespaces of one thread, and of the threads and processes that it starts while it is in them."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

_CLONE_NEWNET: Final = 0x40000000
_CLONE_NEWNS: Final = 0x00020000
_libc: Final = ctypes.CDLL(None, use_errno=True)


def run(*command: str, stdin: str | None = None) -> str:
    """Raises AssertionError with what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def in_network(namespace: Path) -> Iterator[None]:
    with open("/proc/thread-self/ns/net") as before, namespace.open() as inside:
        _enter(inside, _CLONE_NEWNET)
        try:
            yield
        finally:
            _enter(before, _CLONE_NEWNET)


@contextmanager
def own_mounts() -> Iterator[None]:
    """What is mounted is seen by nobody else, and goes with the last process in here.

    Somebody else's new namespace would hold a copy of each mount: so a file system lives on that is unmounted here.
    """
    folder = Path.cwd()
    with open("/proc/thread-self/ns/mnt") as before:
        _check(_libc.unshare(_CLONE_NEWNS), "unshare")
        try:
            run("mount", "--make-rprivate", "/")
            yield
        finally:
            _enter(before, _CLONE_NEWNS)
            os.chdir(folder)  # entering has led to the root


def _enter(namespace: TextIO, kind: int) -> None:
    _check(_libc.setns(namespace.fileno(), kind), "setns")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
