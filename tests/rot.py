"""Bit rot, as a disk has it: the file is as long as before, and its times say nothing."""

from pathlib import Path


def flip(path: Path, offset: int) -> None:
    """One bit of the byte there; the same again puts it right."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ 1,)))
