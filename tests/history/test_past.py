"""Reads of the past from a member's files, each in a process of its own, as telemetry has them done."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from node.processes.processor_words import ACL_OF
from node.processes.telemetry_past import Past, identities_of_login
from node.requests.auth import NO_RULES, digest_id
from node.storage.layout import log_directory
from node.storage.place import record_that_holds
from node.tree.acl import SKIPPED, encode_identities
from observability.endpoint import Request
from tests.backup.states import FILES, Written
from tests.tree.ensemble import OPEN, Client
from transport.records import ACL, Id, Stat
from transport.zxid import show

NOBODY, SUPER = encode_identities(()), encode_identities((SKIPPED,))
ANN = identities_of_login(NO_RULES, "digest", "ann", "secret")
HERS = [ACL(31, Id(b"digest", digest_id(b"ann:secret")))]


def zxid(member: Written) -> str:
    return show(member.ensemble.replica.zxid)


def past(member: Written, identities: bytes = SUPER, clock: Callable[[], float] = lambda: 0.0, **options: Any) -> Past:
    """Of a member whose processors have executed what the replica has."""
    replica = member.ensemble.replica

    def live(word: str) -> Mapping[str, Any]:
        node = replica.state.tree.nodes.get(word.removeprefix(ACL_OF).encode())
        acl = None if node is None else [(perms, scheme.decode(), ident.decode()) for perms, scheme, ident in node.acl]
        return {"acl": acl, "zxid": replica.zxid}

    return Past(member.config, live, lambda _: identities, clock, **options)


def asked(where: Past, path: str, at: str) -> tuple[int, dict[str, Any]]:
    response = where.route(Request({"path": path, "at": at}))
    told: dict[str, Any] = orjson.loads(response.body)
    return response.status, told


def test_before_the_oldest_is_refused_with_it_and_from_there_on_all_is_told(member: Written, client: Client) -> None:
    client.create(b"/app", b"forgotten")
    early = zxid(member)
    client.set(b"/app", b"oldest")
    log_dir = log_directory(member.config.log_dir)
    last = member.log()
    member.snapshot(record_that_holds(FILES, log_dir, last))
    for segment in log_dir.glob("log.*"):
        segment.unlink()
    client.set(b"/app", b"later")
    member.log()

    status, told = asked(past(member), "/app", early)
    assert (status, told["oldest"], told["newest"]) == (410, show(last), zxid(member))
    assert f"the oldest that can be asked for is {show(last)}" in told["error"]
    assert b64decode(asked(past(member), "/app", show(last))[1]["data"]) == b"oldest"
    assert b64decode(asked(past(member), "/app", zxid(member))[1]["data"]) == b"later"


def test_what_is_still_to_come_is_refused_with_the_newest(member: Written, client: Client) -> None:
    client.create(b"/app", b"1")
    member.log()

    status, told = asked(past(member), "/app", "9:1")

    assert (status, "still to come" in told["error"], told["newest"]) == (400, True, zxid(member))


@pytest.mark.parametrize(("path", "at"), [("app", "0s"), ("/app", "soon"), ("/app", ""), ("", "0s")])
def test_a_question_that_is_none_is_refused(member: Written, path: str, at: str) -> None:
    assert asked(past(member), path, at)[0] == 400


def test_a_state_that_needs_more_memory_than_it_may_have_is_refused_with_the_key(
    member: Written, client: Client
) -> None:
    for i in range(60):
        client.create(b"/big-%d" % i, b"x" * 1_000_000)
    member.log()
    member.config = replace(member.config, http=replace(member.config.http, past_bytes=50 << 20))

    status, told = asked(past(member), "/big-1", "0s")

    assert (status, "corral.pastMemory" in told["error"]) == (507, True)


def test_zero_memory_means_none(member: Written) -> None:
    member.config = replace(member.config, http=replace(member.config.http, past_bytes=0))

    assert asked(past(member), "/", "0s")[0] == 503


def test_no_processor_that_answers_means_no_answer(member: Written) -> None:
    assert asked(Past(member.config, lambda _: None, lambda _: SUPER), "/", "0s")[0] == 503


def test_they_take_no_more_than_half_of_the_time(member: Written, client: Client) -> None:
    client.create(b"/app")
    member.log()
    # Its turn, begin and end; much too early; a little too early, begin and end.
    times = iter((0.0, 10.0, 20.0, 24.0, 25.5, 30.0, 30.5))
    pauses: list[float] = []
    where = past(member, clock=lambda: next(times), pause=pauses.append)

    assert [asked(where, "/app", "0s")[0] for _ in range(3)] == [200, 429, 200]
    assert pauses == [4.5]


def test_there_is_one_at_a_time(member: Written, client: Client) -> None:
    client.create(b"/app")
    member.log()
    meanwhile: list[int] = []

    def clock() -> float:
        """Somebody else asks while the first one has its turn."""
        if not meanwhile:
            meanwhile.append(0)
            meanwhile.append(asked(where, "/app", "0s")[0])
        return 0.0

    where = past(member, clock=clock, wait_s=0.01)

    assert asked(where, "/app", "0s")[0] == 200
    assert meanwhile == [0, 429]


def test_the_acl_of_then_and_that_of_now_both_have_to_let_one(member: Written, client: Client) -> None:
    ann = replace(client, identities=ANN)
    assert isinstance(ann.set_acl(b"/node-1", HERS), Stat)
    client.create(b"/app", b"open")
    then = zxid(member)
    assert isinstance(ann.set_acl(b"/app", HERS), Stat)
    assert isinstance(ann.set_acl(b"/node-1", OPEN), Stat)
    client.delete(b"/node-2")
    member.log()

    assert asked(past(member, NOBODY), "/app", then)[0] == 403  # hers now
    assert asked(past(member, NOBODY), "/node-1", then)[0] == 403  # hers then, and everybody's now
    assert asked(past(member, NOBODY), "/node-1", "0s")[0] == 200
    assert asked(past(member, NOBODY), "/node-2", then)[0] == 200  # not there any more: what it was decides
    assert b64decode(asked(past(member, ANN), "/app", then)[1]["data"]) == b"open"


def test_without_a_browser_what_is_open_to_the_world_is_not_shown_to_everybody(member: Written, client: Client) -> None:
    client.create(b"/app", b"open")
    member.log()
    member.config = replace(member.config, browser="off")

    assert asked(past(member, NOBODY), "/app", "0s")[0] == 403
    assert asked(past(member, SUPER), "/app", "0s")[0] == 200


def test_where_clients_have_to_say_who_they_are_so_has_whoever_asks_here(member: Written) -> None:
    rules = replace(NO_RULES, required=frozenset(("digest",)))
    member.config = replace(member.config, security=replace(member.config.security, auth=rules))
    member.log()

    assert asked(past(member, NOBODY), "/", "0s")[0] == 401
    assert asked(past(member, ANN), "/", "0s")[0] == 200
