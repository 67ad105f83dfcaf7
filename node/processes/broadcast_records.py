"""Records for learners: the newest from memory, older ones from the log's files, one reader per stream."""

from bisect import bisect_left
from typing import Final

from node.storage.errors import CorruptionError, LogGapError, StorageError
from node.storage.log import Log
from node.storage.reader import LogReader
from node.storage.segments import storage_errors
from node.zab.events import StreamId
from transport.entry import read_record_header
from transport.zxid import Zxid

MEMORY_BYTES_MAX: Final = 4 << 20


class UnreadableError(Exception):
    """The log should hold these records, and its files do not give them. *cause*: CorruptionError or StorageError."""

    def __init__(self, cause: CorruptionError | StorageError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Records:
    """Remembers what is appended, so that a learner that keeps up never costs a read."""

    def __init__(self, log: Log, *, memory_bytes: int = MEMORY_BYTES_MAX) -> None:
        self._log, self._memory_bytes = log, memory_bytes
        self._records: list[bytes] = []
        self._ends: list[Zxid] = [log.last_zxid]  # before the first record, then the end of each
        self._bytes = 0
        self._readers: dict[StreamId, tuple[LogReader, Zxid]] = {}  # and where it stands

    def remember(self, record: bytes) -> None:
        """The record that is appended, or about to be."""
        self._records.append(record)
        self._ends.append(read_record_header(record).last_zxid)
        self._bytes += len(record)
        if self._bytes > 2 * self._memory_bytes:
            self._forget_oldest()

    def forget_all(self) -> None:
        """After a truncation or a snapshot: the log begins anew at its present end."""
        self._records, self._ends, self._bytes = [], [self._log.last_zxid], 0
        for stream in list(self._readers):
            self.close(stream)

    def read(
        self, stream: StreamId, *, after: Zxid, upto: Zxid, bytes_max: int,
    ) -> tuple[bytes, Zxid]:
        """(records joined, zxid of their end): at least one, and no more once *bytes_max* is reached.

        Raises LogGapError: purged; UnreadableError.
        """
        at = bisect_left(self._ends, after)
        if at < len(self._ends) and self._ends[at] == after:
            self.close(stream)
            return self._from_memory(at, upto, bytes_max)
        return self._from_files(stream, after, Zxid(min(upto, self._log.last_zxid)), bytes_max)

    def close(self, stream: StreamId) -> None:
        found = self._readers.pop(stream, None)
        if found is not None:
            found[0].close()

    def _from_memory(self, at: int, upto: Zxid, bytes_max: int) -> tuple[bytes, Zxid]:
        size, end = 0, at
        while end < len(self._records) and self._ends[end + 1] <= upto and size < bytes_max:
            size += len(self._records[end])
            end += 1
        return b"".join(self._records[at:end]), self._ends[end]

    def _from_files(
        self, stream: StreamId, after: Zxid, upto: Zxid, bytes_max: int,
    ) -> tuple[bytes, Zxid]:
        self._log.write_out()  # whose failure ends the process: it is no reader's
        reader, stands = self._readers.get(stream, (None, Zxid(0)))
        if reader is None or stands != after:
            self.close(stream)
            reader = LogReader(self._log.files, self._log.directory, after, verify=True)
            self._readers[stream] = (reader, after)
        try:
            with storage_errors("reading the log in", self._log.directory):
                data, end = self._take(reader, after, upto, bytes_max)
        except LogGapError as gap:
            self.close(stream)
            if self._log.start() > after:
                raise
            raise UnreadableError(CorruptionError(
                f"no record where one was ({gap})", file=self._log.directory, offset=0, zxid=after)) from gap
        except (CorruptionError, StorageError) as error:
            self.close(stream)
            raise UnreadableError(error) from error
        self._readers[stream] = (reader, end)
        return data, end

    def _take(self, reader: LogReader, after: Zxid, upto: Zxid, bytes_max: int) -> tuple[bytes, Zxid]:
        parts: list[bytes] = []
        size, end = 0, after
        for buffer, offset, length in reader.read(upto, *self._log.position(upto)):
            parts.append(buffer[offset:offset + length])
            end = read_record_header(buffer, offset).last_zxid
            size += length
            if size >= bytes_max:
                break
        return b"".join(parts), end

    def _forget_oldest(self) -> None:
        count = 0
        while self._bytes > self._memory_bytes:
            self._bytes -= len(self._records[count])
            count += 1
        del self._records[:count], self._ends[:count]
