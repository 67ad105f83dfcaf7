"""Readers in other processes while the log is written, rotated and truncated by its writer."""

import json
import subprocess
import sys
from pathlib import Path
from zlib import crc32

from node.storage.files import RealFiles
from tests.storage.member import history, open_log
from transport.messages import Watermark

ROOT = Path(__file__).parents[2]
EPOCHS = 6
RECORDS = 400

READER = """
import json, sys
from pathlib import Path
from zlib import crc32
from node.storage.files import RealFiles
from node.storage.reader import LogReader

reader = LogReader(RealFiles(), Path(sys.argv[1]), 0)
crc = count = 0
for line in sys.stdin:
    for buffer, offset, size in reader.read(*json.loads(line)):
        crc = crc32(buffer[offset:offset + size], crc)
        count += 1
print(json.dumps([count, crc]))
"""


def test_readers_in_other_processes_see_every_committed_record_once(tmp_path: Path) -> None:
    log = open_log(RealFiles(), tmp_path).log
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=ROOT)
        for _ in range(2)
    ]
    crc = count = 0
    for epoch in range(1, EPOCHS + 1):
        for number, record in enumerate(history(epoch, RECORDS, size=200)):
            log.append(record, committed=log.durable, durable_upto=log.durable)
            crc = crc32(record, crc)
            count += 1
            if number % (3 + epoch * 5) == 0 or number == RECORDS:
                log.sync()
                tell(readers, Watermark(log.last_zxid, *log.position(log.last_zxid)))
        # What a leader that lost its quorum leaves: appended, perhaps synced, never committed.
        lost = log.last_zxid
        for record in history(epoch + 100, 30, size=300):
            log.append(record, committed=0, durable_upto=log.durable)
        log.sync()
        log.truncate(lost)
    for reader in readers:
        out, _ = reader.communicate(timeout=60)
        assert json.loads(out) == [count, crc]


def tell(readers: list["subprocess.Popen[str]"], mark: Watermark) -> None:
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write(json.dumps([mark.zxid, mark.segment, mark.offset]) + "\n")
        reader.stdin.flush()
