"""Members' files as their processes leave them: for tests of backups without processes."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from node.backup.take import Taken, take_backup
from node.config.member import MemberConfig
from node.config.read import load_config
from node.keys import init_ensemble, load_keys
from node.storage.epochs import Epochs
from node.storage.files import RealFiles
from node.storage.identity import Identity
from node.storage.layout import data_directory, log_directory
from node.storage.recovery import recover
from node.storage.snapshot_builder import build_snapshot
from node.tree.state import State
from tests.tree.ensemble import Client, Ensemble
from transport.entry import ControlEntry, Kind, pack_control, read_control
from transport.messages import Watermark
from transport.zxid import Epoch, Zxid

FILES = RealFiles()
SETTINGS = {"corral.testHooks": "false"}
NAMED = {1: "aa", 2: "bb", 3: "cc"}  # incarnations

_ids = count(0x5EED_0000_0000_0001)


def configured(directory: Path, *, members: int = 3, extra: str = "") -> list[MemberConfig]:
    """Members with keys, initialised, never started: m1, m2, … in *directory*."""
    servers = "".join(f"server.{i}=127.0.0.1:{1000 + i}:{2000 + i}\n" for i in range(1, members + 1))
    configs = []
    for member in range(1, members + 1):
        home = directory / f"m{member}"
        (home / "data").mkdir(parents=True)
        (home / "data/myid").write_text(f"{member}\n")
        (home / "zoo.cfg").write_text(f"dataDir={home / 'data'}\nclientPort=0\n{servers}{extra}")
        configs.append(load_config(home / "zoo.cfg").config)
    init_ensemble(configs)
    return configs


def tree_of(znodes: int, *, settings: dict[str, str] | None = None) -> tuple[Ensemble, Client]:
    """A replica with its log, which names the members, and the client that made its znodes."""
    settings = SETTINGS if settings is None else settings
    ensemble = Ensemble(settings=settings)
    ensemble.apply(pack_control(
        zxid=ensemble.replica.zxid + 1, kind=Kind.MEMBERSHIP, time_ms=1_000, entry=ControlEntry(
            leader=1, feature_level=1, settings=settings, incarnations=NAMED, voters=[*NAMED])))
    client = ensemble.client()
    for i in range(znodes):
        client.create(b"/node-%d" % i, b"%d " % i * 50)
    return ensemble, client


@dataclass
class Written:
    """A member's directories with a log; the caller may go on appending."""

    config: MemberConfig
    ensemble: Ensemble
    logged: int = 0  # records that are in its files

    def log(self, *, proven: int | None = None) -> Zxid:
        """What the replica has executed goes into the log; *proven*: how many of those records the stamps commit, all
        but the last where nobody says. Returns the last zxid."""
        data_dir, log_dir = data_directory(self.config.data_dir), log_directory(self.config.log_dir)
        FILES.mkdir(log_dir)
        identity = Identity(load_keys(self.config).ensemble, self.config.id, "aa", initial=False)
        epochs = Epochs(FILES, data_dir)
        if not epochs.current:
            epochs.save_accepted(Epoch(1))
            epochs.save_current(Epoch(1))
        log = recover(
            FILES, data_dir=data_dir, log_dir=log_dir, identity=identity, epochs=epochs,
            new_id=lambda: next(_ids)).log
        for number, record in enumerate(self.ensemble.log[self.logged:]):
            committed = log.durable if proven is None or number < proven else log.committed
            log.append(record, committed=committed, durable_upto=log.durable)
            log.sync()
        self.logged = len(self.ensemble.log)
        last = log.last_zxid
        log.close()
        return last

    def snapshot(self, mark: Watermark) -> None:
        assert build_snapshot(
            FILES, data_dir=data_directory(self.config.data_dir), log_dir=log_directory(self.config.log_dir), mark=mark)

    def back_up(self, to: Path, *, barrier: Zxid | None, keep: int | None = None) -> Taken:
        return take_backup(
            FILES, self.config, ensemble=load_keys(self.config).ensemble, to=to, keep=keep, barrier=barrier)


def facts_of(state: State) -> dict[bytes, tuple[bytes | None, int, int, int]]:
    """path -> data, mzxid, version, owner"""
    return {path: (n.data, n.mzxid, n.version, n.owner) for path, n in state.tree.nodes.items()}


def restored_name(state: State) -> str:
    return read_control(state.control).restored


def lone_member(directory: Path, *, znodes: int) -> Written:
    """Of one, in *directory*, with so many znodes in its log."""
    ensemble, _ = tree_of(znodes)
    written = Written(configured(directory, members=1)[0], ensemble)
    written.log()
    return written
