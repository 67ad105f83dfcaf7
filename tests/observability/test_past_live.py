"""Reads of the past by the admin HTTP of a member that runs, under the ACLs."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kazoo.security import make_digest_acl

from tests.clients.secured import SUPER_DIGEST
from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.observability.test_browser import Visitor
from tests.waiting import wait_until
from transport.zxid import show

ANN, SUPER = "digest ann:secret", "digest super:test"


@dataclass
class Member:
    """One that has a history: /app was b"one" at *first* and was then changed; /gone is not there any more; /ann, whose
    own it is, was everybody's at *first*."""

    ensemble: Ensemble
    first: str = ""
    url: str = ""

    def ask(self, path: str, at: str, authorization: str = "") -> tuple[int, dict[str, Any]]:
        """Again while another is under way, or was a moment ago."""
        answers: list[tuple[int, dict[str, Any]]] = []

        def is_answered() -> bool:
            answers.append(self._ask(path, at, authorization))
            return answers[-1][0] != 429

        wait_until(is_answered, seconds=60, what="it is another's turn no more")
        return answers[-1]

    def _ask(self, path: str, at: str, authorization: str) -> tuple[int, dict[str, Any]]:
        query = urllib.parse.urlencode({"path": path, "at": at})
        request = urllib.request.Request(
            f"{self.url}/commands/past?{query}", headers={"Authorization": authorization} if authorization else {})
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    settings = {"DigestAuthenticationProvider.superDigest": SUPER_DIGEST}
    with corral_ensemble(tmp_path_factory.mktemp("past"), members=1, settings=settings) as ensemble, \
            kazoo_client(ensemble.addresses) as client:
        made = Member(ensemble, url=ensemble.admin(1))
        client.create("/gone", b"was here")
        client.create("/ann", b"for all")
        client.create("/app", b"one")
        client.create("/app/child")
        made.first = show(client.exists("/app/child").czxid)
        client.set("/app", b"two")
        client.delete("/gone")
        client.set_acls("/ann", [make_digest_acl("ann", "secret", all=True)])
        client.set("/app", b"three")
        yield made


def test_a_znode_is_told_as_it_was_with_stat_children_and_acl(member: Member) -> None:
    status, told = member.ask("/app", member.first)

    assert (status, told["error"], told["command"], told["zxid"]) == (200, None, "past", member.first)
    assert base64.b64decode(told["data"]) == b"one"
    assert (told["stat"]["version"], told["stat"]["numChildren"], told["children"]) == (0, 1, ["child"])
    assert told["acl"] == [{"scheme": "world", "id": "anyone", "perms": ["ALL"]}]
    assert (int(told["epoch"]), told["oldest"]) == (int(member.first.partition(":")[0]), "0:0")


def test_what_is_gone_is_there_at_its_time_and_not_there_afterwards(member: Member) -> None:
    _, told = member.ask("/gone", member.first)
    assert base64.b64decode(told["data"]) == b"was here"

    status, told = member.ask("/gone", "0s")
    assert (status, "no such znode" in told["error"]) == (404, True)


def test_the_present_is_the_end_of_the_past(member: Member) -> None:
    assert base64.b64decode(member.ask("/app", "0s")[1]["data"]) == b"three"


def test_the_acl_of_then_and_the_one_of_today_decide(member: Member) -> None:
    for stranger in ("", "digest eve:guessed", "ip 127.0.0.1", "nonsense"):
        assert member.ask("/ann", member.first, stranger)[0] == 403  # open to all then, but it is hers today
    assert base64.b64decode(member.ask("/ann", member.first, ANN)[1]["data"]) == b"for all"
    assert base64.b64decode(member.ask("/ann", "0s", SUPER)[1]["data"]) == b"for all"


def test_a_login_of_the_browser_sees_what_it_may(member: Member) -> None:
    ann, anyone = Visitor(member.ensemble).log_in("digest", "ann", "secret"), Visitor(member.ensemble).log_in()

    def told(visitor: Visitor) -> tuple[int, Any]:
        answers: list[tuple[int, Any]] = []

        def is_answered() -> bool:
            answers.append(visitor.ask(f"/browse/past?path=/ann&at={member.first}"))
            return answers[-1][0] != 429

        wait_until(is_answered, seconds=60, what="it is another's turn no more")
        return answers[-1]

    status, found = told(ann)
    assert (status, base64.b64decode(found["data"])) == (200, b"for all")
    assert told(anyone)[0] == 403
    assert Visitor(member.ensemble).ask(f"/browse/past?path=/ann&at={member.first}")[0] == 401


def test_the_command_asks_a_member_by_its_url(member: Member) -> None:
    done = member.ensemble.corral("show", member.url, "/app", "--at", member.first, "--json")
    assert json.loads(done.stdout)["data"] == "one"

    refused = member.ensemble.corral("show", member.url, "/ann", "--at", member.first, check=False)
    assert (refused.returncode, "the ACL does not let you" in refused.stderr) == (1, True)
    done = member.ensemble.corral(
        "show", member.url, "/ann", "--at", member.first, "--raw", "--auth", "digest:ann:secret")
    assert done.stdout == "for all"
