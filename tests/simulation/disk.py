"""A disk that keeps its promises and no more: node.storage.files.Files in memory.

Only what was synced survives a power cut for certain. Of the rest each page survives, is lost or is torn by sectors,
on its own: later writes may be there and earlier ones not. Names behave alike: of each directory's changes since its
last fsync_dir a prefix survives. A process's crash loses nothing but its handles and locks: the page cache stays.
"""

import errno
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

PAGE = 4096
SECTOR = 512


class PowerCutError(Exception):
    """Out of the operation at which SimulatedDisk.cut_power_after struck; the process is gone."""


@dataclass(eq=False)
class _Inode:
    """cached: what every process sees; durable: what is on the platter; dirty: pages that may differ.

    rotten: bytes that changed by themselves: offset -> what was flipped.
    """

    cached: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)
    rotten: dict[int, int] = field(default_factory=dict)
    exclusive: int | None = None  # handle
    shared: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Change:
    """Of a directory: *path* gets *inode*, or goes (None); *gone*: the old name of a rename."""

    path: Path
    inode: _Inode | None
    gone: Path | None = None


class SimulatedDisk:
    """One member's disk.  process() of it come and go; power_cut ends them all."""

    def __init__(self) -> None:
        self.operations = 0  # that change something
        self.torn_pages = 0
        self.lost_pages = 0
        self.is_full = False  # nothing grows, and nothing new comes; what is there can be written anew
        self.refused_for_space = 0
        self._names: dict[Path, _Inode] = {}
        self._durable_names: dict[Path, _Inode] = {}
        self._changes: dict[Path, list[_Change]] = defaultdict(list)
        self._failures: dict[str, list[int]] = defaultdict(list)
        self._power_until: int | None = None
        self._next_handle = 1000
        self._processes: list[SimulatedFiles] = []

    def process(self) -> "SimulatedFiles":
        """What one operating system process sees; its crash() is the end of it."""
        files = SimulatedFiles(self)
        self._processes.append(files)
        return files

    # Faults ------------------------------------------------------------------------------------

    def power_cut(self, rng: Random) -> None:
        """Everything not synced is at the mercy of *rng*; all processes are gone."""
        self.crash_processes()
        for directory in sorted(self._changes):
            changes = self._changes[directory]
            for change in changes[:rng.randint(0, len(changes))]:
                _apply(self._durable_names, change)
        self._changes.clear()
        self._power_until = None
        for path in sorted(set(self._names) | set(self._durable_names)):
            inodes = (self._names.get(path), self._durable_names.get(path))
            for inode in {id(i): i for i in inodes if i is not None}.values():
                self._settle(inode, rng)
        self._names = dict(self._durable_names)

    def crash_processes(self) -> None:
        for files in list(self._processes):
            files.crash()

    def cut_power_after(self, operations: int) -> None:
        """PowerCutError at the next changing operation after this many; then call power_cut."""
        self._power_until = self.operations + operations

    def fail_next(self, operation: str, error: int) -> None:
        """The next *operation* (a method of Files) raises OSError(error), once; several add up.

        A failed fdatasync drops what was to be synced, and the page cache goes on showing it.
        """
        self._failures[operation].append(error)

    def rot(self, path: Path, offset: int, *, flip: int = 0x01) -> None:
        """One byte on the platter changes, and so what every process reads."""
        inode = self._names[path]
        inode.rotten[offset] = flip
        inode.cached[offset] ^= flip
        if offset < len(inode.durable):
            inode.durable[offset] ^= flip

    # Looking -----------------------------------------------------------------------------------

    def content(self, path: Path) -> bytes:
        return bytes(self._names[path].cached)

    def durable_content(self, path: Path) -> bytes | bytearray | None:
        """What a power cut could not take away, without what it might spare; None: not even the name.

        Without what has rotted: it was durable, and whose fault it is that it changed is known.
        """
        inode = self._durable_names.get(path)
        if inode is None:
            return None
        if not inode.rotten:
            return inode.durable
        content = bytearray(inode.durable)
        for offset, flip in inode.rotten.items():
            if offset < len(content):
                content[offset] ^= flip
        return content

    def paths(self) -> list[Path]:
        return sorted(self._names)

    # For SimulatedFiles ------------------------------------------------------------------------

    def change(self, operation: str) -> None:
        """Every changing operation passes here first."""
        self.operations += 1
        if self._power_until is not None and self.operations > self._power_until:
            raise PowerCutError
        self.check(operation)

    def check(self, operation: str) -> None:
        if self._failures[operation]:
            error = self._failures[operation].pop(0)
            raise OSError(error, os.strerror(error))

    def take_space(self, wanted: int) -> None:
        if self.is_full and wanted > 0:
            self.refused_for_space += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def rename_or_unlink(self, change: _Change) -> None:
        _apply(self._names, change)
        self._changes[change.path.parent].append(change)

    def sync_names(self, directory: Path) -> None:
        for change in self._changes.pop(directory, []):
            _apply(self._durable_names, change)

    def find(self, path: Path) -> _Inode:
        inode = self._names.get(path)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return inode

    def has(self, path: Path) -> bool:
        return path in self._names

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in self._names if path.parent == directory)

    def handle(self) -> int:
        self._next_handle += 1
        return self._next_handle

    def gone(self, files: "SimulatedFiles") -> None:
        self._processes.remove(files)

    def _settle(self, inode: _Inode, rng: Random) -> None:
        if not inode.dirty and len(inode.durable) == len(inode.cached):
            return
        size = rng.choice((len(inode.durable), len(inode.cached)))
        _resize(inode.durable, size)
        for page in sorted(inode.dirty):
            outcome = rng.random()
            if outcome < 0.4:
                self.lost_pages += 1
            elif outcome < 0.7:
                _copy(inode, page * PAGE, PAGE)
            else:
                self.torn_pages += 1
                for sector in range(page * PAGE, (page + 1) * PAGE, SECTOR):
                    if rng.random() < 0.5:
                        _copy(inode, sector, SECTOR)
        inode.dirty.clear()
        inode.cached = bytearray(inode.durable)


class SimulatedFiles:
    """node.storage.files.Files for one simulated process."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self.disk = disk
        self._open: dict[int, _Inode] = {}
        self._is_alive = True

    def crash(self) -> None:
        """The process ends: its handles and locks go, what it wrote stays in the page cache."""
        if self._is_alive:
            for handle in list(self._open):
                self.close(handle)
            self._is_alive = False
            self.disk.gone(self)

    def open(self, path: Path, *, create: bool = False, write: bool = False) -> int:
        assert self._is_alive
        self.disk.check("open")
        if create and not self.disk.has(path):
            self.disk.change("create")
            self.disk.take_space(1)
            self.disk.rename_or_unlink(_Change(path, _Inode()))
        handle = self.disk.handle()
        self._open[handle] = self.disk.find(path)
        return handle

    def close(self, handle: int) -> None:
        inode = self._open.pop(handle)
        inode.shared.discard(handle)
        if inode.exclusive == handle:
            inode.exclusive = None

    def pread(self, handle: int, size: int, offset: int) -> bytes:
        self.disk.check("pread")
        return bytes(self._open[handle].cached[offset:offset + size])

    def pwrite(self, handle: int, buffers: Sequence[bytes | memoryview], offset: int) -> None:
        self.disk.change("pwrite")
        inode = self._open[handle]
        self.disk.take_space(offset + sum(map(len, buffers)) - len(inode.cached))
        for each in buffers:
            end = offset + len(each)
            if len(inode.cached) < end:
                _resize(inode.cached, end)
            inode.cached[offset:end] = each
            if end > offset:
                inode.dirty.update(range(offset // PAGE, (end - 1) // PAGE + 1))
                _overwrite_rot(inode, offset, end)
            offset = end

    def fdatasync(self, handle: int) -> None:
        inode = self._open[handle]
        try:
            self.disk.change("fdatasync")
        except OSError:
            inode.dirty.clear()
            raise
        if len(inode.durable) != len(inode.cached):
            _resize(inode.durable, len(inode.cached))
        for page in inode.dirty:
            _copy(inode, page * PAGE, PAGE)
        inode.dirty.clear()

    def size(self, handle: int) -> int:
        return len(self._open[handle].cached)

    def truncate(self, handle: int, size: int) -> None:
        self.disk.change("truncate")
        inode = self._open[handle]
        before = len(inode.cached)
        self.disk.take_space(size - before)
        _resize(inode.cached, size)
        _overwrite_rot(inode, size, before)
        first, last = sorted((before, size))
        inode.dirty.update(range(first // PAGE, (last + PAGE - 1) // PAGE))

    def rename(self, old: Path, new: Path) -> None:
        assert old.parent == new.parent
        self.disk.change("rename")
        self.disk.rename_or_unlink(_Change(new, self.disk.find(old), gone=old))

    def unlink(self, path: Path) -> None:
        self.disk.change("unlink")
        self.disk.find(path)
        self.disk.rename_or_unlink(_Change(path, None))

    def listdir(self, directory: Path) -> list[str]:
        return self.disk.names(directory)

    def exists(self, path: Path) -> bool:
        return self.disk.has(path)

    def mkdir(self, directory: Path) -> None:
        """Directories are there as soon as something is in them."""

    def fsync_dir(self, directory: Path) -> None:
        self.disk.change("fsync_dir")
        self.disk.sync_names(directory)

    def lock_exclusive(self, handle: int) -> bool:
        inode = self._open[handle]
        if inode.exclusive not in (None, handle) or inode.shared - {handle}:
            return False
        inode.exclusive = handle
        return True

    def lock_shared(self, handle: int) -> bool:
        inode = self._open[handle]
        if inode.exclusive not in (None, handle):
            return False
        inode.shared.add(handle)
        return True


def _apply(names: dict[Path, _Inode], change: _Change) -> None:
    if change.gone is not None:
        names.pop(change.gone, None)
    if change.inode is None:
        names.pop(change.path, None)
    else:
        names[change.path] = change.inode


def _overwrite_rot(inode: _Inode, start: int, end: int) -> None:
    for offset in [each for each in inode.rotten if start <= each < end]:
        del inode.rotten[offset]


def _resize(content: bytearray, size: int) -> None:
    if len(content) > size:
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _copy(inode: _Inode, offset: int, size: int) -> None:
    """Cached bytes reach the platter, as far as the platter's file goes."""
    end = min(offset + size, len(inode.cached), len(inode.durable))
    if end > offset:
        inode.durable[offset:end] = inode.cached[offset:end]
