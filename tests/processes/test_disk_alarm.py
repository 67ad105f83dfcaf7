"""A disk that is nearly full, of a running member: its clients read, and do not write, until there is room again."""

from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.waiting import wait_until

FAR_TOO_MUCH = 2**61


def has_alarm(client: KazooClient) -> bool:
    return any(name.startswith("nospace-") for name in client.get_children("/zookeeper"))


def set_reserve(ensemble: Ensemble, value: int) -> None:
    file = ensemble.home(1) / "zoo.cfg"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("corral.diskReserve")]
    ensemble.stop(1)
    file.write_text("\n".join([*lines, f"corral.diskReserve={value}"]) + "\n")
    ensemble.start(1)


def test_writes_stop_before_a_disk_is_full_and_go_on_when_there_is_room(tmp_path: Path) -> None:
    with corral_ensemble(tmp_path, members=1) as ensemble:
        with kazoo_client(ensemble.addresses) as client:
            client.create("/a", b"before")
        set_reserve(ensemble, FAR_TOO_MUCH)
        with kazoo_client(ensemble.addresses) as client:
            wait_until(lambda: has_alarm(client), what="the alarm stands")

            with pytest.raises(KazooException):
                client.set("/a", b"no room")
            assert client.get("/a")[0] == b"before"
            client.delete("/a")
        set_reserve(ensemble, 1)
        with kazoo_client(ensemble.addresses) as client:
            wait_until(lambda: not has_alarm(client), what="the alarm is over")
            client.create("/a", b"after")
        assert '"writes_stopped"' in ensemble.log(1)
        assert '"writes_go_on"' in ensemble.log(1)
