"""A member's disk: an ext4 of its own on a loop device. It fills up, and a power cut loses what was not synced."""

import fcntl
import os
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.machines.namespaces import run
from tests.waiting import wait_until

DISK_MB: Final = 512  # room for a few of the largest log segments; the image is sparse
FILLED_BY: Final = (16 << 20, 1 << 20, 64 << 10, 4 << 10)
EXT4_IOC_SHUTDOWN: Final = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH: Final = 2  # the journal, too, loses what was not written
UMOUNT_S: Final = 20.0


class Disk:
    """*mount*: where it is; *image*: the file that it is in."""

    def __init__(self, mount: Path, image: Path) -> None:
        self.mount, self.image = mount, image
        self._filler = mount / "filler"
        self.is_dead = False

    def make(self) -> None:
        with self.image.open("wb") as image:
            image.truncate(DISK_MB << 20)
        run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.image))
        self.mount.mkdir()
        self.attach()

    def attach(self) -> None:
        """The journal is replayed where the power was cut."""
        run("mount", "-o", "loop", str(self.image), str(self.mount))
        self.is_dead = False

    def detach(self) -> None:
        """Nothing may run on it any more. Waits until the kernel has let go: else the same mount would come again."""
        def is_gone() -> bool:
            if os.path.ismount(self.mount):
                subprocess.run(["umount", str(self.mount)], check=False, capture_output=True)
            return not os.path.ismount(self.mount) and not run("losetup", "--associated", str(self.image))

        wait_until(is_gone, seconds=UMOUNT_S, what=f"{self.mount} is unmounted")

    def lose_power(self) -> None:
        """From now on everything fails with EIO; what was not synced will not be there after detach and attach."""
        self.is_dead = True
        handle = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def fill(self) -> None:
        """To the last block."""
        handle = os.open(self._filler, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            for piece in FILLED_BY:
                with suppress(OSError):  # no room for a piece of this size any more
                    while True:
                        os.posix_fallocate(handle, os.fstat(handle).st_size, piece)
        finally:
            os.close(handle)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def remove(self) -> None:
        if os.path.ismount(self.mount):
            subprocess.run(["umount", "--lazy", str(self.mount)], check=False, capture_output=True)
        self.image.unlink(missing_ok=True)
