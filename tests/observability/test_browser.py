"""Znodes in a browser: in a real one, of a real ensemble, with the ACLs of who logs in."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.exceptions import NoNodeError
from kazoo.security import make_acl, make_digest_acl

from node.config.read import load_config
from tests.browser import Chromium, Page, browser
from tests.corral import Ensemble, corral_ensemble, kazoo_client

HOSTILE = "<img src=x onerror=window.broken=1>"  # a client may call a znode so
READY = "!document.querySelector('main').hidden || !document.querySelector('#login').hidden"


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    settings = {"corral.browser": "write"}
    with corral_ensemble(tmp_path_factory.mktemp("browse"), members=1, settings=settings) as started, \
            kazoo_client(started.addresses) as client:
        client.create("/app", b'{"port": 2181}')
        client.create(f"/app/{HOSTILE}", b"\x00\xff binary")
        client.create("/ann", b"for ann", acl=[make_digest_acl("ann", "secret", all=True)])
        client.create("/here", b"for this host", acl=[make_acl("ip", "127.0.0.1", all=True)])
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browser() as started:
        yield started


def url_of(ensemble: Ensemble, path: str = "/browse") -> str:
    return ensemble.admin(1, path)


class Visitor:
    """Who speaks HTTP without a browser."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble, self.cookie, self.form = ensemble, "", "x"

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Cookie": self.cookie, "X-Corral-Form": self.form} | headers
        request = urllib.request.Request(url_of(self.ensemble, path), data, {k: v for k, v in sent.items() if v})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                self.cookie = (answer.headers["Set-Cookie"] or self.cookie).partition(";")[0]
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def log_in(self, scheme: str = "", user: str = "", password: str = "") -> "Visitor":
        status, told = self.ask("/browse/login", {"scheme": scheme, "user": user, "password": password})
        assert status == 200, told
        self.form = told["form"]
        return self


def logged_in(chromium: Chromium, ensemble: Ensemble, scheme: str = "", user: str = "", password: str = "") -> Page:
    page = chromium.open(url_of(ensemble))
    page.wait_for(READY)
    page.evaluate(f"""(() => {{ scheme.value = {json.dumps(scheme)}; user.value = {json.dumps(user)};
        password.value = {json.dumps(password)}; document.querySelector('form button').click() }})()""")
    # A page may come up with the login of the one before.
    page.wait_for(f"me && me.who === {json.dumps(f'{scheme}:{user}' if scheme else 'anyone')}")
    page.wait_for("shown && document.querySelector('#trail button')")
    return page


def open_path(page: Page, path: str) -> None:
    page.evaluate(f"location.hash = encodeURIComponent({json.dumps(path)})")
    page.wait_for(f"shown && shown.path === {json.dumps(path)} || said.textContent")


def test_it_shows_children_data_acl_and_stat_and_hostile_names_as_text(ensemble: Ensemble, chromium: Chromium) -> None:
    page = logged_in(chromium, ensemble)

    open_path(page, "/app")
    assert '"port": 2181' in page.text()
    assert "world:anyone: ALL" in page.text()
    assert HOSTILE in page.text()
    open_path(page, f"/app/{HOSTILE}")
    assert "00 ff 20 62" in page.text()
    assert page.evaluate("window.broken") is None
    assert all(each.startswith((url_of(ensemble, "/"), "data:")) for each in page.requested)
    assert page.messages == []
    page.close()


def test_the_acl_decides_what_a_login_sees(ensemble: Ensemble, chromium: Chromium) -> None:
    page = logged_in(chromium, ensemble)
    open_path(page, "/ann")
    assert "/ann: the ACL does not let you" in page.text()
    page.close()

    page = logged_in(chromium, ensemble, "digest", "ann", "secret")
    open_path(page, "/ann")
    assert "for ann" in page.text()
    page.close()


def test_a_visitor_is_not_taken_for_somebody_at_this_host(ensemble: Ensemble) -> None:
    status, told = Visitor(ensemble).log_in().ask("/browse/node?path=/here")

    assert (status, told["reason"]) == (403, "the ACL does not let you")


def test_a_change_in_the_browser_is_in_the_ensemble(ensemble: Ensemble, chromium: Chromium) -> None:
    page = logged_in(chromium, ensemble)
    open_path(page, "/app")

    page.evaluate("document.querySelector('#text').value = 'changed'; document.querySelector('#save').click()")
    page.wait_for("shown.stat.version === 1")

    with kazoo_client(ensemble.addresses) as client:
        assert client.get("/app")[0] == b"changed"
        client.set("/app", b"by another")
        page.evaluate("document.querySelector('#save').click()")
        page.wait_for("said.textContent.includes('somebody changed it')")
        assert client.get("/app")[0] == b"by another"
    page.close()


def test_znodes_are_created_and_deleted(ensemble: Ensemble) -> None:
    visitor = Visitor(ensemble).log_in()

    assert visitor.ask("/browse/create", {"path": "/made", "data": base64.b64encode(b"x").decode()})[0] == 200
    assert visitor.ask("/browse/delete", {"path": "/made", "version": 7})[0] == 409
    assert visitor.ask("/browse/delete", {"path": "/made", "version": 0})[0] == 200
    with kazoo_client(ensemble.addresses) as client, pytest.raises(NoNodeError):
        client.get("/made")


@pytest.mark.parametrize("forged", [
    {"X-Corral-Form": ""}, {"X-Corral-Form": "guessed"}, {"Origin": "http://elsewhere.example"}, {"Cookie": ""},
    {"Cookie": "corral=guessed"}], ids=lambda forged: " ".join(f"{k}={v}" for k, v in forged.items()))
def test_a_change_that_another_site_asks_for_is_refused(ensemble: Ensemble, forged: dict[str, str]) -> None:
    visitor = Visitor(ensemble).log_in()

    status, _ = visitor.ask("/browse/create", {"path": "/forged", "data": ""}, **forged)

    assert status in (401, 403)
    with kazoo_client(ensemble.addresses) as client:
        assert client.exists("/forged") is None


def test_a_change_is_no_get(ensemble: Ensemble) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url_of(ensemble, "/browse/create"), timeout=10)
    with refused.value:
        assert refused.value.code == 405


def test_after_logging_out_the_cookie_opens_nothing(ensemble: Ensemble) -> None:
    visitor = Visitor(ensemble).log_in()

    assert visitor.ask("/browse/logout", {})[0] == 200
    assert visitor.ask("/browse/node?path=/")[0] == 401


@pytest.mark.parametrize("body", [[], {"path": 1, "data": "x"}, {"path": "/x", "data": "%"}, {"data": ""}, "x"])
def test_what_the_page_would_not_send_is_refused(ensemble: Ensemble, body: object) -> None:
    assert Visitor(ensemble).log_in().ask("/browse/create", body)[0] == 400


@pytest.mark.parametrize(("lines", "mode"), [
    ("", "read"), ("corral.metricsAddress=0.0.0.0", "off"), ("corral.metricsAddress=[::1]", "read"),
    ("corral.metricsAddress=0.0.0.0\ncorral.browser=read", "read"), ("corral.browser=write", "write")])
def test_by_itself_it_shows_znodes_to_this_host_alone_and_changes_none(tmp_path: Path, lines: str, mode: str) -> None:
    (tmp_path / "zoo.cfg").write_text(f"dataDir={tmp_path}\nclientPort=0\n{lines}\n")

    assert load_config(tmp_path / "zoo.cfg").config.browser == mode


def test_as_of_shows_a_znode_as_it_was_and_changes_nothing(ensemble: Ensemble, chromium: Chromium) -> None:
    with kazoo_client(ensemble.addresses) as client:
        client.create("/then", b"first")
        then = client.exists("/then").czxid
        client.set("/then", b"second")
    page = logged_in(chromium, ensemble)
    open_path(page, "/then")
    assert "second" in page.text()

    page.evaluate(f"at.value = '{then:#x}'; at.onchange()")
    page.wait_for("document.querySelector('#then').textContent")
    assert "first" in page.text()
    assert page.evaluate("document.querySelector('#change').hidden") is True

    page.evaluate("at.value = ''; at.onchange()")
    page.wait_for("!document.querySelector('#then').textContent")
    assert "second" in page.text()
    assert page.evaluate("document.querySelector('#change').hidden") is False
    page.close()
