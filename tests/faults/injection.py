"""Something of a real ensemble is made slow: the disk of a member, the link between two, a process that is stopped."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.corral import Ensemble, corral_ensemble
from tests.faults.conftest import SETTINGS
from tests.faults.delay import DelayedLink
from tests.faults.figures import await_all_serving

MEMBERS = (1, 2, 3)
SHIM = Path(__file__).parent / "slow_sync.c"
SYNC_S = 0.050  # what the shim adds
LINK_S = 0.040
STOP_S = 0.300
NEAR = 0.2  # of what was injected


@contextmanager
def quick_disk() -> Iterator[Path]:
    """In memory: what is slow there is what a test makes slow, and not what the tests before it left to be written."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="corral-test-") as directory:
        yield Path(directory)


def slow_sync(folder: Path) -> Path:
    """The library to preload: each fdatasync beside a file `slow-sync` takes SYNC_S longer."""
    library = folder / "slow_sync.so"
    command = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SHIM), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return library


class Slowable(NamedTuple):
    """*links*: (from, to) → what member *from* sends over the connections that it made to *to*."""

    ensemble: Ensemble
    links: dict[tuple[int, int], DelayedLink]


@contextmanager
def slowable() -> Iterator[Slowable]:
    """Three members that serve, and whose disks and links can be made slow, one by one."""
    with quick_disk() as directory, pytest.MonkeyPatch.context() as patch, ExitStack() as made:
        patch.setenv("LD_PRELOAD", str(slow_sync(directory)))
        links: dict[tuple[int, int], DelayedLink] = {}
        with corral_ensemble(directory, settings=SETTINGS) as ensemble:
            for member in MEMBERS:
                ensemble.stop(member)
            for member in MEMBERS:
                put_links_between(ensemble, member, links)
            for link in links.values():
                made.enter_context(link)
            for member in MEMBERS:
                ensemble.corral("start", str(member), "--data", str(ensemble.data))
            await_all_serving(ensemble)
            yield Slowable(ensemble, links)


def put_links_between(ensemble: Ensemble, member: int, links: dict[tuple[int, int], DelayedLink]) -> None:
    """Every connection that the member makes to another's quorum port goes through a link of its own."""
    file = ensemble.home(member) / "zoo.cfg"
    text = file.read_text()
    for other in ensemble.local.members:
        if other.id != member:
            link = links[member, other.id] = DelayedLink((ensemble.local.host, other.quorum_port))
            text = re.sub(rf"(server\.{other.id}=[^:]+):{other.quorum_port}:", rf"\g<1>:{link.port}:", text)
    file.write_text(text)


@contextmanager
def slow_disk(ensemble: Ensemble, member: int) -> Iterator[None]:
    mark = ensemble.local.config(ensemble.local.member(member)).log_dir / "corral" / "slow-sync"
    mark.touch()
    try:
        yield
    finally:
        mark.unlink()


@contextmanager
def slow_link(link: DelayedLink) -> Iterator[DelayedLink]:
    link.delays_s.clear()
    link.delay_s = LINK_S
    try:
        yield link
    finally:
        link.delay_s = 0.0


@contextmanager
def stopped(ensemble: Ensemble, member: int, process: str) -> Iterator[None]:
    pid = ensemble.pids(member)[process]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def others(*members: int) -> list[int]:
    return [each for each in MEMBERS if each not in members]
