"""Members of broadcast and election processes only; the test plays their processors."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from node.config.member import MemberConfig
from node.config.read import load_config
from node.keys import init_ensemble
from node.processes.keyring import Keyring
from node.storage.files import RealFiles
from node.storage.reader import LogReader
from node.storage.retention import purge
from node.storage.snapshots import SnapshotHeader, SnapshotWriter, list_snapshots
from transport.batch import REQUEST, pack_batch, read_header
from transport.clock import clock_ns
from transport.entry import RECORD, Kind, read_record_header
from transport.messages import (
    Accepting,
    Lease,
    LocalHello,
    MemberState,
    Message,
    Refused,
    SnapshotDone,
    Submit,
    SubmitHello,
    Watermark,
    Welcome,
    decode_local,
    decode_peer,
    encode,
)
from transport.poller import Poller
from transport.sockets import Sockets, Stream
from transport.wiring import ipc_endpoint
from transport.zxid import Zxid, epoch_of

DEADLINE_S = 20.0
ADDRESSES = {4: "127.0.0.1", 6: "[::1]"}


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def make_configs(directory: Path, members: int, *, family: int = 4, tick_ms: int = 500) -> list[MemberConfig]:
    """Initialised, with keys."""
    ports = iter(free_ports(2 * members))
    address = ADDRESSES[family]
    lines = [f"server.{i}={address}:{next(ports)}:{next(ports)}" for i in range(1, members + 1)]
    configs = []
    for i in range(1, members + 1):
        data = directory / f"m{i}"
        data.mkdir()
        (data / "myid").write_text(f"{i}\n")
        text = f"tickTime={tick_ms}\ninitLimit=10\nsyncLimit=5\nclientPort=0\ndataDir={data}\n" + "\n".join(lines)
        (data / "zoo.cfg").write_text(text)
        configs.append(load_config(data / "zoo.cfg").config)
    init_ensemble(configs)
    return configs


@dataclass
class FakeProcessor:
    """A processor's conversation, without a tree: it submits batches and reads what is committed from the log."""

    config: MemberConfig
    sockets: Sockets
    poller: Poller
    local: Stream | None = None
    remote: Stream | None = None
    welcome: Welcome | None = None
    watermark: Watermark = field(default_factory=lambda: Watermark(0, 0, 0))
    lease: Lease = field(default_factory=lambda: Lease(0, 0, 0, "", "", "looking"))
    state: dict[str, object] = field(default_factory=dict)
    accepting: Accepting | None = None
    refused: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    reader: LogReader | None = None
    sequence: int = 0
    control: bytes = b""

    def hello(self) -> None:
        self.local = self.sockets.stream(ipc_endpoint(str(self.config.run_dir), "local"))
        self.poller.add(self.local)
        generation = self.welcome.generation if self.welcome else 0
        self.local.send(encode(LocalHello("processor", 0, os.getpid(), generation, 0)))

    def leave(self) -> None:
        for stream in (self.local, self.remote):
            if stream is not None:
                self.poller.remove(stream)
                stream.close()
        self.local = self.remote = None

    @property
    def serves(self) -> bool:
        return self.lease.until_ns > clock_ns()

    def take_in(self) -> None:
        while self.local is not None and (payload := self.local.receive()) is not None:
            self._on_message(decode_local(payload))
        while self.remote is not None and (payload := self.remote.receive()) is not None:
            self._on_message(decode_peer(payload))
        if self.local is not None and self.local.is_lost:
            self.leave()
            self.lease = Lease(0, 0, 0, "", "", "looking")
            self.hello()

    def _on_message(self, message: Message) -> None:
        match message:
            case Welcome():
                self.welcome = message
            case Watermark():
                self.watermark = message
            case Lease():
                self.lease = message
            case MemberState():
                self.state = message.values
            case Accepting():
                self.accepting = message
            case Refused():
                self.refused.append(message.reason)

    def link(self) -> None:
        """SubmitHello to whoever leads."""
        assert self.welcome is not None
        keyring = Keyring(self.config, "test")
        self.accepting, self.sequence = None, 0
        if self.lease.leader != self.config.id and self.remote is None:
            self.remote = self.sockets.stream(
                self.lease.leader_address, keys=keyring.own, server_key=self.lease.leader_key)
            self.poller.add(self.remote)
        self._send(SubmitHello(
            self.config.id, keyring.ensemble, 0, self.welcome.generation, self.lease.epoch))

    def submit(self, body: bytes, *, sequence: int | None = None) -> None:
        assert self.welcome is not None
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        request = REQUEST.pack(1, 1, 1, 5, 0, 0, 0, len(body)) + body
        self._send(Submit(pack_batch(
            member=self.config.id, processor=0, generation=self.welcome.generation, sequence=sequence,
            epoch=self.lease.epoch, count=1, identities=[], requests=request)))

    def _send(self, message: Message) -> None:
        stream = self.local if self.lease.leader == self.config.id else self.remote
        assert stream is not None
        assert stream.send(encode(message))

    def read(self) -> list[bytes]:
        """Bodies of all requests up to the watermark, from this member's log."""
        if self.reader is None:
            self.reader = LogReader(RealFiles(), self.config.log_dir / "corral", 0)
        mark = self.watermark
        for buffer, offset, _ in self.reader.read(mark.zxid, mark.segment, mark.offset):
            header = read_record_header(buffer, offset)
            at, end = offset + RECORD.size, offset + header.size
            while header.kind == Kind.BATCHES and at < end:
                batch = read_header(buffer, at)
                self.bodies.append(bytes(buffer[at + batch.length - 8:at + batch.length]))
                at += batch.length
            if header.kind != Kind.BATCHES:
                self.control = bytes(buffer[at:end])
        return self.bodies

    def read_from(self, zxid: int) -> None:
        self.reader = LogReader(RealFiles(), self.config.log_dir / "corral", zxid)
        self.bodies = []
        self.read()


class SmallEnsemble:
    """Real processes, by `python -m node.processes`; one FakeProcessor per member."""

    def __init__(self, configs: list[MemberConfig]) -> None:
        self.configs = {config.id: config for config in configs}
        self.sockets = Sockets()
        self.poller = Poller()
        self.processes: dict[tuple[int, str], subprocess.Popen[bytes]] = {}
        self.processors = {
            i: FakeProcessor(config, self.sockets, self.poller) for i, config in self.configs.items()}

    def start(self, member: int, *roles: str) -> None:
        config = self.configs[member]
        for role in roles or ("broadcast", "election"):
            with open(config.data_dir / f"{role}.log", "ab") as log:
                self.processes[member, role] = subprocess.Popen(
                    [sys.executable, "-m", "node.processes", role, str(config.file)],
                    stdin=subprocess.DEVNULL, stderr=log)

    def start_all(self) -> None:
        for member in self.configs:
            self.start(member)
            self.processors[member].hello()

    def send_signal(self, member: int, role: str, number: signal.Signals) -> None:
        self.processes[member, role].send_signal(number)

    def pause(self, member: int, role: str) -> None:
        """SIGSTOP, and wait until every thread of it stands."""
        self.send_signal(member, role, signal.SIGSTOP)
        tasks = Path(f"/proc/{self.processes[member, role].pid}/task")
        self.wait(lambda: all(
            (each / "stat").read_text().rpartition(")")[2].split()[0] == "T" for each in tasks.iterdir()))

    def resume(self, member: int, role: str) -> None:
        self.send_signal(member, role, signal.SIGCONT)

    def end(self, member: int, role: str, number: signal.Signals = signal.SIGKILL) -> int:
        process = self.processes.pop((member, role))
        process.send_signal(number)
        return process.wait(DEADLINE_S)

    def kill(self, member: int) -> None:
        for role in ("broadcast", "election"):
            if (member, role) in self.processes:
                self.end(member, role)

    def close(self) -> None:
        self.sockets.close()
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait(DEADLINE_S)

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, what or "not in time"
            self.poller.poll(20)
            for each in self.processors.values():
                each.take_in()

    def serving(self) -> list[FakeProcessor]:
        return [each for each in self.processors.values() if each.serves]

    def leader(self, *, epoch_above: int = 0) -> int:
        """Wait until one leads, and return it."""
        found: list[int] = []

        def leads() -> bool:
            found[:] = [
                i for i, each in self.processors.items()
                if each.serves and each.lease.role == "leader" and each.lease.epoch > epoch_above]
            return bool(found)

        self.wait(leads, "no leader")
        return found[0]

    def link(self, member: int) -> FakeProcessor:
        """Its processor, accepted by the leader."""
        processor = self.processors[member]
        self.wait(lambda: processor.serves and processor.lease.leader, "no lease")
        processor.link()
        self.wait(lambda: processor.accepting is not None, "not accepted")
        return processor

    def log_bytes(self, member: int) -> int:
        """Bytes of the newest segment up to the last that is not zero."""
        newest = max((self.configs[member].log_dir / "corral").glob("log.*"))
        return len(newest.read_bytes().rstrip(b"\0"))

    def forget_data(self, member: int) -> None:
        """As if its disk had been replaced; keys are not on it."""
        shutil.rmtree(self.configs[member].data_dir / "corral")

    def take_snapshot(self, processor: FakeProcessor, section: bytes, *, keep: int = 1) -> None:
        """As its snapshotter would, at its watermark; with *keep* 1 the log before it is purged."""
        files = RealFiles()
        directory = processor.config.data_dir / "corral"
        zxid = Zxid(processor.watermark.zxid)
        writer = SnapshotWriter(files, directory, SnapshotHeader(
            zxid=zxid, epochs=[(epoch_of(zxid), zxid)], control=processor.control, feature_level=1, count=1))
        writer.write(section)
        writer.finish(digest=1)
        assert processor.reader is not None
        processor.reader.close()
        purged = purge(files, data_dir=directory, log_dir=directory, keep=keep)
        assert purged.segments or keep > 1
        assert processor.local is not None
        processor.local.send(encode(SnapshotDone(zxid, purged.oldest_needed)))

    def snapshot_zxid(self, member: int) -> int:
        return list_snapshots(RealFiles(), self.configs[member].data_dir / "corral")[-1]

    def log_text(self, member: int, role: str = "broadcast") -> str:
        return (self.configs[member].data_dir / f"{role}.log").read_text()
