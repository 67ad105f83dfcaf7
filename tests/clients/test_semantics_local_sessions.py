"""Local sessions: semantics 38 of zookeeper-surface A1.8, of both kinds of server."""

from collections.abc import Iterator

import pytest

from tests.clients.conftest import SETTINGS, Dial
from tests.clients.genuine_ensemble import genuine_ensemble
from tests.clients.sessions import reattached
from tests.corral import Servers, corral_ensemble, fresh_root
from tests.wire import Create, Create2, Exists, GetChildren, GetData, SetData, Sync
from tests.wire_connection import Connection

EPHEMERAL = 1
NO_NODE, EPHEMERAL_ON_LOCAL_SESSION = -101, -120
UPGRADING = "localSessionsUpgradingEnabled"


@pytest.fixture(scope="module", params=["genuine", "corral", "genuine, upgrading", "corral, upgrading"])
def local(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    start = genuine_ensemble if request.param.startswith("genuine") else corral_ensemble
    upgrading = str(request.param.endswith("upgrading")).lower()
    settings = {**SETTINGS, "localSessionsEnabled": "true", UPGRADING: upgrading}
    with start(tmp_path_factory.mktemp("local"), settings=settings, name=request.param) as servers:
        yield servers


def test_38_a_local_session_has_ephemerals_only_once_it_is_a_global_one(local: Servers, dial: Dial) -> None:
    root = fresh_root(local)
    zk = dial(local)
    reply = zk.call(Create2(f"{root}/e", flags=EPHEMERAL))

    if not local.name.endswith("upgrading"):
        assert reply.err == EPHEMERAL_ON_LOCAL_SESSION
        assert zk.call(Create(f"{root}/plain")).err == 0
        return
    assert reply.err == 0
    assert reply.body[1].ephemeral_owner == zk.session_id
    with reattached(zk, local.addresses[1]) as moved:
        assert moved.call(Exists(f"{root}/e")).err == 0


def test_38_a_local_session_reads_its_own_writes_and_costs_no_write(local: Servers, dial: Dial) -> None:
    root = fresh_root(local)
    zk = dial(local)
    before = zk.call(SetData(root, b"1")).zxid
    Connection.open(local.addresses[1]).close()
    after = zk.call(SetData(root, b"2"))

    assert after.zxid == before + 1
    assert zk.call(GetData(root)).body[0] == b"2"


def test_38_a_local_session_is_unknown_to_other_members(local: Servers, dial: Dial) -> None:
    zk = dial(local)
    zk.call(Sync("/"))
    zk.close()

    with Connection.to(local.addresses[1]) as other:
        other.send_handshake(session_id=zk.session_id, password=zk.password)
        handshake = other.receive_handshake()

    assert handshake is not None
    assert handshake.timeout_ms == 0


def test_38_a_local_session_comes_back_where_it_is_known(local: Servers, dial: Dial) -> None:
    zk = dial(local)
    zk.call(Sync("/"))
    zk.close()

    with reattached(zk, local.addresses[0]) as back:
        assert back.session_id == zk.session_id
        assert back.call(GetChildren("/")).err == 0
