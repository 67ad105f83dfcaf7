"""An unmodified client with a session, an ephemeral and a live watch goes from ZooKeeper to Corral, and back."""

import shutil
import threading
from pathlib import Path

from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState, WatchedEvent

from tests.clients.genuine_ensemble import GenuineEnsemble, genuine_ensemble
from tests.clients.proxy import Proxy
from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.waiting import wait_until

WATCHED = "/watched"
TIMEOUT_S = 300.0  # a machine that stalls must not end the session
SETTINGS = {"maxSessionTimeout": "600000"}
AGAIN = {"max_tries": -1, "delay": 0.1, "backoff": 1, "max_delay": 1.0}  # kazoo's own back-off grows to a minute
CROSSING_S = 120.0


class Traveller:
    """The client, at the same address all the time."""

    def __init__(self, client: KazooClient) -> None:
        self.client = client
        self.session = client.client_id[0]
        self.told = threading.Event()
        self.states: list[KazooState] = []
        client.add_listener(self.states.append)

    def watch(self) -> bytes:
        self.told.clear()
        data, _ = self.client.get(WATCHED, watch=self._on_event)
        assert isinstance(data, bytes)
        return data

    def _on_event(self, _event: WatchedEvent) -> None:
        self.told.set()

    def arrives(self) -> None:
        wait_until(lambda: self.client.connected, seconds=CROSSING_S, what="the client is connected again")
        wait_until(self.told.is_set, seconds=CROSSING_S, what="the watch tells of what changed on the way")
        assert self.client.client_id[0] == self.session
        assert KazooState.LOST not in self.states
        stat = self.client.exists("/ephemeral")
        assert stat is not None
        assert stat.ephemeralOwner == self.session


def move_to_corral(zookeeper: GenuineEnsemble, corral: Ensemble, file: Path) -> None:
    zookeeper.stop(1)
    corral.stop(1)
    config = str(corral.home(1) / "zoo.cfg")
    corral.corral("import", str(zookeeper.home(1) / "zoo.cfg"), "--for", config, "--to", str(file))
    corral.corral("restore", str(file), config, "--replace", "--yes")
    corral.start(1)


def move_back(zookeeper: GenuineEnsemble, corral: Ensemble) -> None:
    shutil.rmtree(zookeeper.home(1) / "version-2")
    corral.corral("export", str(corral.home(1) / "zoo.cfg"), "--to", str(zookeeper.home(1)))
    corral.stop(1)
    zookeeper.start(1)


def change(address: tuple[str, int], data: bytes) -> int:
    """Behind the client's back; returns the zxid."""
    with kazoo_client([address]) as other:
        return int(other.set(WATCHED, data).mzxid)


def test_a_client_with_a_live_watch_crosses_both_ways_and_misses_nothing(tmp_path: Path) -> None:
    with (
        genuine_ensemble(tmp_path / "zookeeper", members=1, settings=SETTINGS) as zookeeper,
        corral_ensemble(tmp_path / "corral", members=1, settings=SETTINGS) as corral,
        Proxy(zookeeper.addresses[0]) as proxy,
        kazoo_client([proxy.address], timeout_s=TIMEOUT_S, connection_retry=AGAIN) as client,
    ):
        client.create(WATCHED, b"in zookeeper")
        client.create("/ephemeral", ephemeral=True)
        traveller = Traveller(client)
        assert traveller.watch() == b"in zookeeper"

        proxy.cut()
        first = change(zookeeper.addresses[0], b"on the way")
        move_to_corral(zookeeper, corral, tmp_path / "moved.backup")
        proxy.target = corral.addresses[0]
        proxy.mend()
        traveller.arrives()
        assert traveller.watch() == b"on the way"

        proxy.cut()
        second = change(corral.addresses[0], b"on the way back")
        move_back(zookeeper, corral)
        proxy.target = zookeeper.addresses[0]
        proxy.mend()
        traveller.arrives()
        assert traveller.watch() == b"on the way back"
        third = client.set(WATCHED, b"in zookeeper again").mzxid

    assert first < second < third
