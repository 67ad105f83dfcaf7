"""reconfig as execution sees it: who may, what the members would be; and what /zookeeper/config shows."""

import msgspec
import pytest

from node.tree.acl import encode_identities
from node.tree.paths import CONFIG
from node.tree.reconfig import Prepared
from tests.tree.ensemble import IP, Client, Ensemble
from transport.entry import ControlEntry, Kind, pack_control
from transport.errors import Err
from transport.hierarchy import Hierarchy
from transport.opcodes import OpCode
from transport.records import GetDataResponse, ReconfigRequest

SUPER = encode_identities((IP, (b"super", b"")))
VERSION = 1 << 40 | 7
BEFORE = {number: f"host{number}:2888:3888:participant;0.0.0.0:2181" for number in (1, 2, 3)}


def entry(servers: dict[int, str], *, level: int = 2, version: int = VERSION) -> ControlEntry:
    return ControlEntry(
        leader=1, feature_level=level, settings={}, incarnations={}, voters=[*servers] or [1], servers=servers,
        config_version=version)


def order(ensemble: Ensemble, made: ControlEntry, kind: Kind = Kind.RECONFIG) -> int:
    zxid = ensemble.replica.zxid + 1
    ensemble.apply(pack_control(zxid=zxid, kind=kind, time_ms=5_000, entry=made))
    return zxid


@pytest.fixture
def ensemble() -> Ensemble:
    made = Ensemble()
    order(made, entry(BEFORE))
    return made


@pytest.fixture
def client(ensemble: Ensemble) -> Client:
    return ensemble.client(identities=SUPER)


def asked(
    client: Client, joining: bytes | None = None, leaving: bytes | None = None, members: bytes | None = None,
    version: int = -1,
) -> Prepared | Err:
    reply = client.write(OpCode.PREPARE_RECONFIG, ReconfigRequest(joining, leaving, members, version))
    return reply if isinstance(reply, Err) else msgspec.msgpack.decode(reply, type=Prepared)


def test_members_join_and_leave(client: Client) -> None:
    found = asked(
        client, b"server.4=host4:2888:3888;2181 , server.2=[2001:db8::2]:2888:3888:observer;[::]:2181", b"3,9")

    assert found == Prepared(VERSION, {
        1: BEFORE[1], 2: "[2001:db8::2]:2888:3888:observer;[::]:2181", 4: BEFORE[1].replace("host1", "host4")})


def test_all_members_may_be_named_anew(client: Client) -> None:
    found = asked(client, members=b"server.5=host5:1:2;3\nserver.1 = host1:2888:3888:participant,version=7")

    assert found == Prepared(VERSION, {
        1: "host1:2888:3888:participant", 5: "host5:1:2:participant;0.0.0.0:3"})


@pytest.mark.parametrize("joining", [
    b"server.4=host4:2888:3888", b"server.4", b"server.4=host4:2888;2181", b"server.4=host4:x:3888;2181",
    b"server.4=host1:2888:3888;2181", b"server.4=host1:1:2888;2181", b"server.255=host4:1:2;3", b"server.0=host4:1:2;3",
])
def test_what_is_no_server_or_takes_anothers_address_is_a_bad_argument(client: Client, joining: bytes) -> None:
    assert asked(client, joining) is Err.BAD_ARGUMENTS


WHOLE = b"".join(b"server.%d=%s\n" % (number, line.encode()) for number, line in BEFORE.items())


def test_all_members_may_be_named_with_groups_and_weights(client: Client) -> None:
    found = asked(client, members=WHOLE + b"group.1=2:1\ngroup.2=3\nweight.3=0")

    assert found == Prepared(VERSION, BEFORE, Hierarchy({1: [1, 2], 2: [3]}, {1: 1, 2: 1, 3: 0}))


@pytest.mark.parametrize("lines", [
    b"group.1=1:2", b"group.1=1:2:3\ngroup.2=3", b"group.1=1:2:3:4", b"weight.1=2", b"group.1=1:2:x",
    b"group.1=1:2:3\nweight.1=-1", b"group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0", b"groups.1=1:2:3",
])
def test_groups_that_do_not_hold_each_voter_once_are_bad_arguments(client: Client, lines: bytes) -> None:
    assert asked(client, members=WHOLE + lines) is Err.BAD_ARGUMENTS


def test_where_votes_count_by_groups_all_members_must_be_named(ensemble: Ensemble, client: Client) -> None:
    order(ensemble, msgspec.structs.replace(entry(BEFORE), hierarchy=Hierarchy({1: [1, 2, 3]}, {})))

    assert asked(client, leaving=b"3") is Err.BAD_ARGUMENTS
    assert asked(client, members=WHOLE) == Prepared(VERSION, BEFORE)


def test_the_config_node_shows_groups_and_weights_as_zookeeper_writes_them(ensemble: Ensemble) -> None:
    hierarchy = Hierarchy({2: [3], 1: [1, 2]}, {1: 1, 2: 5, 3: 1})
    order(ensemble, msgspec.structs.replace(entry(BEFORE), hierarchy=hierarchy))

    assert ensemble.replica.nodes[CONFIG].data == WHOLE + (
        b"group.1=1:2\ngroup.2=3\nweight.1=1\nweight.2=5\nweight.3=1\nversion=10000000007")


def test_an_id_that_is_no_number_is_a_marshalling_error(client: Client) -> None:
    assert asked(client, leaving=b"x") is Err.MARSHALLING_ERROR


def test_it_is_made_for_one_configuration(client: Client) -> None:
    assert asked(client, leaving=b"3", version=VERSION - 1) is Err.BAD_VERSION
    assert isinstance(asked(client, leaving=b"3", version=VERSION), Prepared)


def test_it_needs_write_permission_on_the_config_node(ensemble: Ensemble) -> None:
    assert asked(ensemble.client(), leaving=b"3") is Err.NO_AUTH


def test_what_makes_no_sense_is_said_before_the_permission_as_zookeeper_does(ensemble: Ensemble) -> None:
    assert asked(ensemble.client(), joining=b"some thing") is Err.BAD_ARGUMENTS


def test_an_id_that_zookeeper_takes_and_corral_does_not_is_told_to_those_who_may_alone(
    ensemble: Ensemble, client: Client
) -> None:
    joining = b"server.999=0.0.0.0:1234:2345:observer;3456"

    assert asked(ensemble.client(), joining=joining) is Err.NO_AUTH
    assert asked(client, joining=joining) is Err.BAD_ARGUMENTS


def test_a_standalone_member_has_no_such_operation(ensemble: Ensemble, client: Client) -> None:
    order(ensemble, entry({}, version=0))

    assert asked(client, leaving=b"3") is Err.UNIMPLEMENTED


def test_below_its_feature_level_it_is_disabled(ensemble: Ensemble, client: Client) -> None:
    order(ensemble, entry({}, level=1, version=0))

    assert asked(client, leaving=b"3") is Err.RECONFIG_DISABLED


def test_execution_changes_nothing(ensemble: Ensemble, client: Client) -> None:
    digest = ensemble.replica.digest()

    assert isinstance(asked(client, leaving=b"3"), Prepared)

    assert ensemble.replica.digest() == digest


# /zookeeper/config ------------------------------------------------------------------------------


def test_the_config_node_shows_the_servers_and_tells_its_watchers(ensemble: Ensemble, client: Client) -> None:
    client.get(CONFIG, watch=True)
    digest = ensemble.replica.digest()

    order(ensemble, entry({1: BEFORE[1], 12: BEFORE[2]}, version=0x10000002A))

    shown = client.get(CONFIG)
    assert isinstance(shown, GetDataResponse)
    assert shown.data == (
        b"server.1=host1:2888:3888:participant;0.0.0.0:2181\n"
        b"server.12=host2:2888:3888:participant;0.0.0.0:2181\nversion=10000002a")
    assert (shown.stat.version, shown.stat.mzxid, shown.stat.mtime) == (-1, 0x10000002A, 5_000)
    assert [path for _, _, path in ensemble.sink.take_events()] == [b"/zookeeper/config"]
    assert ensemble.replica.digest() != digest


def test_an_entry_that_names_the_same_servers_tells_nobody(ensemble: Ensemble, client: Client) -> None:
    client.get(CONFIG, watch=True)

    order(ensemble, entry(BEFORE), Kind.MEMBERSHIP)

    assert ensemble.sink.take_events() == []


def test_below_its_feature_level_the_config_node_stays_empty() -> None:
    ensemble = Ensemble()
    client = ensemble.client()

    order(ensemble, entry(BEFORE, level=1), Kind.MEMBERSHIP)

    shown = client.get(CONFIG)
    assert isinstance(shown, GetDataResponse)
    assert shown.data == b""
