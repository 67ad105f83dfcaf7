"""What telemetry reads of a write from the log."""

import shutil
from pathlib import Path

from node.processes.write_log import WriteLog
from node.storage.files import RealFiles
from node.storage.log import Log
from node.tree.session_ops import session_id_of
from observability.assembly import Entry
from observability.timeline import Write
from tests.storage.member import append_all, epoch_record, open_log
from tests.wire import Create, Delete, Multi, SetData
from transport.batch import ATTACH_BODY, REQUEST, TRACED, pack_batch
from transport.entry import pack_record
from transport.opcodes import OpCode
from transport.zxid import make_zxid

SESSION = 0x0200000000000017


def request(op: int, body: bytes, *, xid: int = 5, context: bytes = b"") -> bytes:
    flags = TRACED if context else 0
    return REQUEST.pack(SESSION, 3, xid, op, flags, 0, 0, len(body)) + context + body


def batch(requests: list[bytes], *, member: int, sequence: int) -> bytes:
    return pack_batch(
        member=member, processor=1, generation=9, sequence=sequence, epoch=4, count=len(requests),
        identities=[b"who"], requests=b"".join(requests))


def written(directory: Path) -> Log:
    """4:1 setData, 4:2 traced create, 4:3 a new session (one record); 4:4 a multi."""
    log = open_log(RealFiles(), directory).log
    context = bytes(range(16)) + bytes(range(8)) + b"\x01"
    first = batch([request(OpCode.SET_DATA, SetData("/a/b", b"value").body())], member=1, sequence=1)
    second = batch([
        request(OpCode.CREATE, Create("/a/c").body(), context=context),
        request(OpCode.CREATE_SESSION, ATTACH_BODY.pack(10_000, bytes(16)))], member=2, sequence=7)
    third = batch(
        [request(OpCode.MULTI, Multi((Delete("/a/b"), Delete("/a/c"))).body())], member=1, sequence=2)
    zxid = make_zxid(epoch=4, counter=1)
    append_all(log, [
        epoch_record(4), pack_record(first_zxid=zxid, count=3, time_ms=7, body=first + second),
        pack_record(first_zxid=zxid + 3, count=1, time_ms=8, body=third)])
    return log


def found(log: Log, counter: int) -> Entry:
    entry = WriteLog(log.files, log.directory).find(
        make_zxid(epoch=4, counter=counter), watermark=log.last_zxid, offset=log.position(log.last_zxid)[1])
    assert entry is not None
    return entry


def test_a_write_is_told_with_its_place(tmp_path: Path) -> None:
    entry = found(written(tmp_path), 1)

    zxid = make_zxid(epoch=4, counter=1)
    assert entry[1:7] == (1, 1, zxid, 1, zxid, 3)
    assert entry.write == Write(
        zxid=zxid, session=SESSION, xid=5, op="setData", path="/a/b", bytes=len(SetData("/a/b", b"value").body()),
        error=None, known=True)


def test_a_clients_trace_context_comes_with_it(tmp_path: Path) -> None:
    write = found(written(tmp_path), 2).write

    assert (write.op, write.path) == ("create", "/a/c")
    assert write.trace_id == "000102030405060708090a0b0c0d0e0f"
    assert (write.parent_id, write.client_sampled) == ("0001020304050607", True)


def test_a_new_session_is_named_as_it_will_be(tmp_path: Path) -> None:
    write = found(written(tmp_path), 3).write

    assert (write.op, write.path) == ("createSession", "")
    assert write.session == session_id_of(member=2, zxid=write.zxid)


def test_a_multi_is_named_by_its_first_path(tmp_path: Path) -> None:
    write = found(written(tmp_path), 4).write

    assert (write.op, write.path) == ("multi", "/a/b")


def test_the_writes_of_a_batch_come_together(tmp_path: Path) -> None:
    log = written(tmp_path)
    mark = {"watermark": log.last_zxid, "offset": log.position(log.last_zxid)[1]}
    writes, first = WriteLog(log.files, log.directory), make_zxid(epoch=4, counter=1)

    assert [write.op for write in writes.writes(range(first + 1, first + 3), **mark)] == ["create", "createSession"]
    assert writes.writes(range(first - 1, first), **mark) == []  # an epoch's start is no batch
    assert writes.writes(range(first + 9, first + 10), **mark) == []


def test_what_stands_in_the_record_that_was_read_last_is_not_read_again(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    directory.mkdir()
    log = written(directory)
    mark = {"watermark": log.last_zxid, "offset": log.position(log.last_zxid)[1]}
    writes, first = WriteLog(log.files, log.directory), make_zxid(epoch=4, counter=1)
    expected = [WriteLog(log.files, log.directory).find(zxid, **mark) for zxid in range(first, first + 3)]
    writes.find(first + 2, **mark)
    log.close()
    shutil.rmtree(directory)

    assert [writes.find(zxid, **mark) for zxid in range(first, first + 3)] == expected
    assert writes.find(first + 3, **mark) is None


def test_an_epochs_start_is_its_leaders(tmp_path: Path) -> None:
    entry = found(written(tmp_path), 0)

    assert (entry.write.op, entry.member, entry.processor) == ("epoch", 1, -1)


def test_the_newest_writes_of_a_path_or_a_session(tmp_path: Path) -> None:
    log = written(tmp_path)
    mark = {"watermark": log.last_zxid, "offset": log.position(log.last_zxid)[1]}
    writes = WriteLog(log.files, log.directory)

    of_path = writes.newest(lambda write: write.path == "/a/b", count=5, bytes_max=1 << 20, **mark)
    of_session = writes.newest(lambda write: write.session == SESSION, count=2, bytes_max=1 << 20, **mark)

    assert [each.op for each in of_path] == ["multi", "setData"]
    assert [each.op for each in of_session] == ["multi", "create"]


def test_a_log_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    log = written(tmp_path)
    writes = WriteLog(log.files, tmp_path / "elsewhere")

    assert writes.find(log.last_zxid, watermark=log.last_zxid, offset=4000) is None
    assert WriteLog(log.files, log.directory).find(log.last_zxid, watermark=log.last_zxid, offset=99) is None
