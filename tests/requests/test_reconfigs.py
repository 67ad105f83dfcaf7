"""A client's reconfig, from its frame to the reply that waits for the log."""

import struct

import pytest

from node.requests.audit import AuditedProcessor
from node.requests.connection import Connection, Phase
from node.tree.acl import encode_identities
from node.tree.reconfig import Prepared
from tests.requests.solo import Solo, create, frame, get_data, replies, request, set_data, string
from transport.entry import ControlEntry, Kind, pack_control, read_control
from transport.errors import Err

NULL = struct.pack(">i", -1)
SERVERS = {number: f"host{number}:2888:3888:participant;0.0.0.0:2181" for number in (1, 2, 3)}
SUPER = encode_identities(((b"ip", b"127.0.0.1"), (b"super", b"")))


def reconfig(xid: int, *, leaving: bytes, version: int = -1) -> bytes:
    return request(xid, 16, NULL + string(leaving) + NULL + struct.pack(">q", version))


def entry(servers: dict[int, str], *, version: int = 0, intent: int = 0) -> ControlEntry:
    return ControlEntry(
        leader=1, feature_level=2, settings={}, incarnations={}, voters=[*servers], servers=servers,
        config_version=version, intent=intent)


def order(solo: Solo, made: ControlEntry) -> None:
    solo.core.replica.apply_record(pack_control(
        zxid=solo.core.replica.zxid + 1, kind=Kind.RECONFIG, time_ms=3, entry=made))


@pytest.fixture
def solo() -> Solo:
    made = Solo(reconfig_enabled=True)
    order(made, entry(SERVERS))
    return made


@pytest.fixture
def conn(solo: Solo) -> Connection:
    made = solo.connect()
    made.identity = SUPER
    return made


def outcome(solo: Solo) -> None:
    """The leader orders what is waited for."""
    (intent, waiting), = solo.core.reconfigs.waiting.items()
    order(solo, entry(waiting.prepared.servers, version=solo.core.replica.zxid + 1, intent=intent))


def test_it_is_answered_once_the_new_configuration_stands_in_the_log(solo: Solo, conn: Connection) -> None:
    solo.send(conn, reconfig(1, leaving=b"3"))
    solo.execute()

    assert replies(conn) == []
    (waiting,) = solo.core.reconfigs.waiting.values()
    assert waiting.prepared == Prepared(0, {number: SERVERS[number] for number in (1, 2)})

    outcome(solo)
    ((xid, err, body),) = replies(conn)
    assert (xid, err) == (1, 0)
    assert body[4:].startswith(b"server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=")
    assert conn.phase is Phase.READY


def test_what_comes_behind_it_waits_for_it(solo: Solo, conn: Connection) -> None:
    solo.send(conn, create(1, b"/a", b"0"), reconfig(2, leaving=b"3"), set_data(3, b"/a", b"1"), get_data(4, b"/a"))
    solo.execute()
    solo.send(conn, get_data(5, b"/a"))
    solo.execute()
    assert [xid for xid, _, _ in replies(conn)] == [1]

    outcome(solo)
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(2, 0), (3, 0), (4, 0), (5, 0)]


def test_a_refusal_is_answered_and_the_connection_goes_on(solo: Solo, conn: Connection) -> None:
    solo.send(conn, reconfig(1, leaving=b"3"), get_data(2, b"/"))
    solo.execute()
    (intent,) = solo.core.reconfigs.waiting

    solo.core.reconfigs.on_refused(intent, Err.NEW_CONFIG_NO_QUORUM)
    solo.core.reconfigs.on_refused(intent, Err.NEW_CONFIG_NO_QUORUM)  # said again on another link

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, Err.NEW_CONFIG_NO_QUORUM), (2, 0)]


def test_what_the_leader_before_has_not_ordered_comes_to_nothing_with_its_epoch(solo: Solo, conn: Connection) -> None:
    solo.send(conn, reconfig(1, leaving=b"3"))
    solo.execute()

    solo.start_epoch(2)

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, Err.NEW_CONFIG_NO_QUORUM)]
    assert solo.core.reconfigs.waiting == {}


def test_one_that_was_not_executed_is_sent_again_in_the_next_epoch(solo: Solo, conn: Connection) -> None:
    solo.send(conn, reconfig(1, leaving=b"3"))
    solo.submit()
    solo.start_epoch(2)
    order(solo, entry(SERVERS))
    solo.execute()

    outcome(solo)

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0)]


def test_what_execution_refuses_is_answered_at_once(solo: Solo, conn: Connection) -> None:
    conn.identity = encode_identities(((b"ip", b"127.0.0.1"),))

    solo.send(conn, reconfig(1, leaving=b"3"), reconfig(2, leaving=b"3", version=99))
    solo.execute()
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, Err.NO_AUTH), (2, Err.BAD_VERSION)]


def test_a_client_that_is_gone_is_not_missed(solo: Solo, conn: Connection) -> None:
    solo.send(conn, reconfig(1, leaving=b"3"))
    solo.execute()
    solo.core.lost(conn)

    outcome(solo)

    assert list(read_control(solo.core.replica.state.control).servers) == [1, 2]


def test_where_it_is_disabled_nothing_waits(conn: Connection) -> None:
    solo = Solo()
    client = solo.connect()

    solo.send(client, reconfig(1, leaving=b"3"), get_data(2, b"/"))
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(client)] == [(1, Err.RECONFIG_DISABLED), (2, 0)]


class AuditedSolo(Solo):
    kind = AuditedProcessor

    def audited(self) -> list[tuple[str, str, int, str]]:
        assert isinstance(self.core, AuditedProcessor)
        return [(each.operation, each.result, each.zxid, each.error) for each in self.core.take_audit()]


def test_the_audit_log_says_what_the_leader_made_of_it() -> None:
    solo = AuditedSolo(reconfig_enabled=True)
    order(solo, entry(SERVERS))
    conn = solo.connect()
    conn.identity = SUPER
    solo.execute()
    solo.audited()
    for xid in (1, 2):
        solo.send(conn, reconfig(xid, leaving=b"3"))
        solo.execute()
        (intent,) = solo.core.reconfigs.waiting
        assert solo.audited() == []
        if xid == 1:
            solo.core.reconfigs.on_refused(intent, Err.NEW_CONFIG_NO_QUORUM)
            assert solo.audited() == [("reconfig", "failure", intent, "NEW_CONFIG_NO_QUORUM")]
        else:
            outcome(solo)
            assert solo.audited() == [("reconfig", "success", intent, "")]

    solo.send(conn, reconfig(3, leaving=b"3", version=99))
    solo.execute()
    assert solo.audited() == [("reconfig", "failure", solo.core.replica.zxid, "BAD_VERSION")]

    solo.send(conn, reconfig(4, leaving=b"2"))
    solo.submit()
    solo.core.lost(conn)
    solo.execute()
    assert [each[3] for each in solo.audited()] == ["CONNECTION_LOSS"]


def test_it_may_come_in_pieces(solo: Solo, conn: Connection) -> None:
    whole = reconfig(1, leaving=b"3") + frame(struct.pack(">ii", -2, 11))
    for at in range(len(whole)):
        solo.send(conn, whole[at:at + 1])
    solo.execute()
    outcome(solo)

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0), (-2, 0)]


