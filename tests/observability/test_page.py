"""The page of a member's admin HTTP, in a real browser, of a real ensemble."""

import json
import signal
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import Chromium, Page, browser
from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.waiting import wait_until

HOSTILE = "/<img src=x onerror=window.broken=1>"  # a client may call a znode so
MEMBERS = "document.querySelectorAll('.member').length === 3"
WRITES = "document.querySelectorAll('.write').length > 2"
OVERFLOW = "document.documentElement.scrollWidth > window.innerWidth"


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """With some writes behind it, all by clients of member 1, when every telemetry was there to take notes of them."""
    with corral_ensemble(tmp_path_factory.mktemp("page")) as started, kazoo_client(started.addresses[:1]) as client:
        wait_until(lambda: all(knows_all(started, member) for member in (1, 2, 3)), what="every telemetry is there")
        client.create(HOSTILE)
        for _ in range(50):
            client.set(HOSTILE, b"x" * 100)
            client.get(HOSTILE)
        yield started


def knows_all(ensemble: Ensemble, member: int) -> bool:
    with get(url_of(ensemble, member, "/status")) as answer:
        status = json.load(answer)
    return all(each["health"] for each in status["members"]) and all(each["up"] for each in status["processes"])


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browser() as started:
        yield started


def url_of(ensemble: Ensemble, member: int, path: str = "/") -> str:
    return ensemble.admin(member, path)


def get(url: str) -> Any:
    return urllib.request.urlopen(url, timeout=10)


def cards(page: Page) -> list[str]:
    return list(page.evaluate("[...document.querySelectorAll('.member')].map(each => each.innerText)"))


def test_it_says_how_every_member_is_whichever_is_asked(ensemble: Ensemble, chromium: Chromium) -> None:
    leader = ensemble.leader()
    for member in (1, 2, 3):
        page = chromium.open(url_of(ensemble, member))
        page.wait_for("document.body.innerText.includes('All 3 members serve. 1 more may fail.')")

        shown = cards(page)
        assert [("this one" in card) for card in shown] == [each == member for each in (1, 2, 3)]
        assert ["leader" in card for card in shown] == [each == leader for each in (1, 2, 3)]
        assert page.messages == []
        page.close()


def test_it_asks_nobody_but_its_member(ensemble: Ensemble, chromium: Chromium) -> None:
    page = chromium.open(url_of(ensemble, 1))
    page.wait_for(WRITES)

    assert all(each.startswith((url_of(ensemble, 1), "data:")) for each in page.requested)
    assert {each.rpartition("/")[2].partition("?")[0] for each in page.requested} >= {"status", "slow"}
    page.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_it_fits_any_screen(ensemble: Ensemble, chromium: Chromium, width: int) -> None:
    page = chromium.open(url_of(ensemble, 1), width=width, height=844)
    page.wait_for(WRITES)
    page.evaluate("document.querySelector('.write button').click()")
    page.wait_for("document.querySelector('.stage')")

    assert not page.evaluate(OVERFLOW)
    smallest = "Math.min(...[...document.querySelectorAll('.write button')].map(each => each.offsetHeight))"
    assert page.evaluate(smallest) >= 40  # for a thumb
    page.close()


def test_it_is_dark_where_the_reader_wants_it_so(ensemble: Ensemble, chromium: Chromium) -> None:
    page = chromium.open(url_of(ensemble, 1))
    ground = "getComputedStyle(document.body).backgroundColor"
    bright = page.evaluate(ground)

    page.show(width=390, height=844, dark=True)

    assert page.evaluate(ground) != bright
    page.close()


def test_a_slow_write_unfolds_into_its_stages_on_every_member(ensemble: Ensemble, chromium: Chromium) -> None:
    page = chromium.open(url_of(ensemble, 1))
    page.wait_for(WRITES)

    page.evaluate("document.querySelector('.write button').click()")
    names = "[...document.querySelectorAll('.stage .name')].map(each => each.innerText.trim())"
    for member in (1, 2, 3):
        page.wait_for(f"{names}.includes('fsync m{member} broadcast')")

    assert page.evaluate(names)[0] == "request m1 processor-0"
    assert page.evaluate("document.querySelector('.story p').innerText.length") > 10
    assert page.messages == []
    page.close()


def test_the_words_of_clients_are_shown_and_never_run(ensemble: Ensemble, chromium: Chromium) -> None:
    page = chromium.open(url_of(ensemble, 1))
    page.wait_for(WRITES)

    assert HOSTILE in page.text()
    assert page.evaluate("document.querySelector('main img')") is None
    assert page.evaluate("window.broken") is None
    page.evaluate(
        "{ const script = document.createElement('script'); script.textContent = 'window.broken = 2';"
        " document.body.append(script) }")
    assert page.evaluate("window.broken") is None  # the policy lets nothing run but the page itself
    page.close()


def test_the_answers_carry_what_keeps_others_out(ensemble: Ensemble) -> None:
    with get(url_of(ensemble, 1)) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    with get(url_of(ensemble, 1, "/status")) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        status = json.load(answer)
    assert [member["id"] for member in status["members"]] == [1, 2, 3]
    assert status["members"][0]["health"]["zxid"].startswith("0x")


def test_a_member_that_dies_is_named_and_one_that_comes_back_too(ensemble: Ensemble, chromium: Chromium) -> None:
    leader = ensemble.leader()
    victim = next(member for member in (1, 2, 3) if member != leader)
    page = chromium.open(url_of(ensemble, leader))
    page.wait_for("document.body.innerText.includes('All 3 members serve.')")

    ensemble.kill(victim)
    page.wait_for(f"document.body.innerText.includes('Member {victim} is not heard of.')", seconds=60)
    assert "no slack" in page.text()

    ensemble.start(victim)
    page.wait_for("document.body.innerText.includes('All 3 members serve.')", seconds=60)
    page.close()


def test_without_an_answer_it_says_that_what_it_shows_is_old(ensemble: Ensemble, chromium: Chromium) -> None:
    page = chromium.open(url_of(ensemble, 3))
    page.wait_for(MEMBERS)

    ensemble.signal(3, "telemetry", signal.SIGSTOP)
    try:
        page.wait_for("document.body.innerText.toLowerCase().includes('no answer')")
        assert len(cards(page)) == 3
    finally:
        ensemble.signal(3, "telemetry", signal.SIGCONT)

    page.wait_for("document.body.innerText.includes('All 3 members serve.')")
    page.close()
