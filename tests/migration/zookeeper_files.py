"""ZooKeeper's log entries as its servers write them, by hand: the tests' own codec, so that a mistake shows."""

import struct
from pathlib import Path
from zlib import adler32

OPEN = [(31, b"world", b"anyone")]
Acl = list[tuple[int, bytes, bytes]]
SESSION = 0x1000_0000_0000_0001


def string(value: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else struct.pack(">i", len(value)) + value


def acls(acl: Acl) -> bytes:
    entries = [struct.pack(">i", perms) + string(scheme) + string(ident) for perms, scheme, ident in acl]
    return struct.pack(">i", len(acl)) + b"".join(entries)


def create_body(
    path: bytes, data: bytes | None = b"", *, acl: Acl = OPEN, ephemeral: bool = False, cversion: int | None = 1
) -> bytes:
    tail = b"" if cversion is None else struct.pack(">i", cversion)
    return string(path) + string(data) + acls(acl) + bytes((ephemeral,)) + tail


def set_body(path: bytes, data: bytes, version: int) -> bytes:
    return string(path) + string(data) + struct.pack(">i", version)


def set_acl_body(path: bytes, acl: Acl, version: int) -> bytes:
    return string(path) + acls(acl) + struct.pack(">i", version)


def multi_body(*parts: tuple[int, bytes]) -> bytes:
    return struct.pack(">i", len(parts)) + b"".join(struct.pack(">i", kind) + string(body) for kind, body in parts)


def payload(
    zxid: int, kind: int, body: bytes, *, session: int = SESSION, digest: int | None = None, time_ms: int = 1_000
) -> bytes:
    tail = b"" if digest is None else struct.pack(">iQ", 2, digest)
    return struct.pack(">qiqqi", session, 0, zxid, time_ms, kind) + body + tail


def framed(entry: bytes) -> bytes:
    return struct.pack(">qi", adler32(entry), len(entry)) + entry + b"B"


def write_log(directory: Path, first_zxid: int, *entries: bytes, tail: bytes = bytes(64)) -> Path:
    path = directory / f"log.{first_zxid:x}"
    path.write_bytes(b"ZKLG" + struct.pack(">iq", 2, 0) + b"".join(map(framed, entries)) + tail)
    return path
