"""`log.<first zxid>`: a header of 16 bytes, then entries: checksum long, length int, payload, the byte 0x42.

The checksum is Adler-32, of the payload alone. Files are zero-filled ahead of use; after a kill or a power cut the last
entry may be torn. ZooKeeper takes an empty or torn entry for the end of the file and goes on with the next one, which
it began at its next start; a whole entry with a wrong checksum it refuses, and so does this.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from zlib import adler32

from node.zookeeper_files.directory import log_files
from node.zookeeper_files.errors import DamagedFileError, EndsEarlyError
from node.zookeeper_files.txns import Entry, UnknownTxnError, read_entry

MAGIC: Final = b"ZKLG"
_HEADER = struct.Struct(">4siq")
_FRONT = struct.Struct(">qi")
_END: Final = b"B"


def read_log(directory: Path, after: int) -> Iterator[tuple[Path, Entry]]:
    """Every entry with a zxid above *after*, in the order of the files, with the file that it stands in.

    Raises DamagedFileError, OSError.
    """
    files = log_files(directory)
    begin = max((index for index, (first, _) in enumerate(files) if first <= after + 1), default=0)
    for _, path in files[begin:]:
        for entry in read_log_file(path):
            if entry.header.zxid > after:
                yield path, entry


def read_log_file(path: Path) -> Iterator[Entry]:
    """Raises DamagedFileError, OSError."""
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if not header.strip(b"\0"):
            return  # made, and killed before its header was written
        if len(header) < _HEADER.size or not header.startswith(MAGIC):
            raise DamagedFileError(path, "not a transaction log of ZooKeeper")
        while (payload := _next_payload(file, path)) is not None:
            try:
                yield read_entry(payload)
            except (EndsEarlyError, UnknownTxnError) as error:
                problem = str(error) or "a transaction that ends inside of a field"
                raise DamagedFileError(path, f"{problem}, before byte {file.tell()}") from None


def _next_payload(file: BinaryIO, path: Path) -> bytes | None:
    at = file.tell()
    front = file.read(_FRONT.size)
    if len(front) < _FRONT.size:
        return None
    checksum, size = _FRONT.unpack(front)
    if size <= 0:
        return None
    payload = file.read(size)
    if len(payload) < size or file.read(1) != _END:
        return None
    if adler32(payload) != checksum:
        raise DamagedFileError(
            path, f"the entry at byte {at} has a wrong checksum; ZooKeeper would not start on it either: take the data "
            "directory of another member")
    return payload
