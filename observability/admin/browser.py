"""/browse: znodes in a browser. Reading is what every login may try; changing wants corral.browser=write as well.

A change is taken only from the page itself: the cookie is never sent by other sites' pages, and the header that a
change brings along is known to the page alone.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

import orjson

from observability.admin.logins import Login, LoginError, Logins
from observability.admin.page import document
from observability.endpoint import JSON, Request, Response, Route, problem

COOKIE: Final = "corral"
FORM_HEADER: Final = "x-corral-form"
CHILDREN_MAX: Final = 1000
_REASONS: Final = {
    "NoNodeError": (404, "there is no such znode"),
    "NoAuthError": (403, "the ACL does not let you"),
    "BadVersionError": (409, "somebody changed it meanwhile: look at it again"),
    "NodeExistsError": (409, "it is there already"),
    "NotEmptyError": (409, "it has children: delete these first"),
    "NoChildrenForEphemeralsError": (409, "an ephemeral znode has no children"),
    "InvalidACLError": (400, "no such ACL"),
    "QuotaExceededError": (409, "it would go over a quota"),
    "NotReadOnlyCallError": (503, "this member has no quorum: nothing can be changed"),
}


class Browser:
    def __init__(self, logins: Logins, mode: str, past: Callable[[bytes, Request], object]) -> None:
        """*mode*: off, read or write. *past*: a znode as it was, for these identities; raises LoginError."""
        self._logins, self._past = logins, past
        self._is_on, self._may_write = mode != "off", mode == "write"

    def routes(self) -> dict[str, Route]:
        if not self._is_on:
            return {"/browse": _off}
        return {
            "/browse": _page, "/browse/me": self._whoever, "/browse/node": self._reading(self._node),
            "/browse/past": self._reading(lambda login, request: self._past(login.identities, request))}

    def posts(self) -> dict[str, Route]:
        if not self._is_on:
            return {}
        changes = {"/browse/set": self._set, "/browse/create": self._create, "/browse/delete": self._delete}
        return {
            "/browse/login": self._login,
            "/browse/logout": self._changing(self._logout),
            **{path: self._changing(self._if_allowed(change)) for path, change in changes.items()},
        }

    # Who asks ------------------------------------------------------------------------------------

    def _reading(self, answer: Callable[[Login, Request], object]) -> Route:
        def route(request: Request) -> Response:
            return self._answered(lambda: answer(self._logins.find(_token(request)), request))

        return route

    def _changing(self, answer: Callable[[Login, Request], object]) -> Route:
        def change(request: Request) -> object:
            login = self._logins.find(_token(request))
            if request.headers.get(FORM_HEADER) != login.form:
                raise LoginError(403, "this did not come from the page")
            return answer(login, request)

        return lambda request: self._answered(lambda: change(request))

    def _if_allowed(self, change: Callable[[Login, Request], object]) -> Callable[[Login, Request], object]:
        def allowed(login: Login, request: Request) -> object:
            if not self._may_write:
                raise LoginError(403, "here one only looks: corral.browser=write in zoo.cfg lets it change znodes")
            return change(login, request)

        return allowed

    def _answered(self, answer: Callable[[], object]) -> Response:
        try:
            return _json(answer())
        except LoginError as error:
            return problem(error.status, str(error))
        except (ValueError, KeyError, TypeError, Base64Error) as error:
            return problem(400, f"no request of the page: {error}")
        except Exception as error:
            name = type(error).__name__
            if not type(error).__module__.startswith("kazoo"):
                raise
            status, text = _REASONS.get(name, (503, f"the ensemble did not answer ({name}): try again"))
            return problem(status, text)

    # What is asked -------------------------------------------------------------------------------

    def _login(self, request: Request) -> Response:
        if FORM_HEADER not in request.headers:
            return problem(403, "this did not come from the page")
        try:
            asked = orjson.loads(request.body)
            login = self._logins.enter(str(asked["scheme"]), str(asked["user"]), str(asked["password"]))
        except LoginError as error:
            return problem(error.status, str(error))
        except (ValueError, KeyError, TypeError) as error:
            return problem(400, f"no request of the page: {error}")
        secure = "; Secure" if request.caller.is_tls else ""
        cookie = f"{COOKIE}={login.token}; Path=/browse; HttpOnly; SameSite=Strict{secure}"
        return _json(self._me(login, request), ("Set-Cookie", cookie))

    def _whoever(self, request: Request) -> Response:
        """As the page is opened: whether there is a login yet, which is no error."""
        try:
            return _json(self._me(self._logins.find(_token(request)), request))
        except LoginError:
            return _json({"who": None})

    def _me(self, login: Login, _: Request) -> object:
        return {"who": login.who, "form": login.form, "writes": self._may_write}

    def _logout(self, login: Login, _: Request) -> object:
        self._logins.leave(login)
        return {}

    def _node(self, login: Login, request: Request) -> object:
        """The znode, whole; of its children the first, by name."""
        path = request.query["path"]
        stat = login.client.exists(path)
        if stat is None:
            raise LoginError(404, "there is no such znode")
        names = sorted(_tried(lambda: login.client.get_children(path), []))
        found = _tried(lambda: login.client.get(path), None)
        acl = _tried(lambda: login.client.get_acls(path)[0], None)
        return {
            "path": path, "stat": _stat(stat._asdict()), "children": names[:CHILDREN_MAX], "childrenInAll": len(names),
            "data": None if found is None else b64encode(found[0] or b"").decode(),
            "acl": None if acl is None else [
                {"scheme": each.id.scheme, "id": each.id.id, "perms": each.acl_list} for each in acl],
        }

    def _set(self, login: Login, request: Request) -> object:
        asked = orjson.loads(request.body)
        return login.client.set(asked["path"], b64decode(asked["data"], validate=True), int(asked["version"])).version

    def _create(self, login: Login, request: Request) -> object:
        asked = orjson.loads(request.body)
        return {"path": login.client.create(asked["path"], b64decode(asked["data"], validate=True))}

    def _delete(self, login: Login, request: Request) -> object:
        asked = orjson.loads(request.body)
        login.client.delete(asked["path"], int(asked["version"]))
        return {}


def _stat(stat: dict[str, int]) -> dict[str, int | str]:
    """Numbers of 64 bits as text: a browser would round them."""
    return {name: f"0x{value & (1 << 64) - 1:x}" if name.endswith("zxid") or name == "ephemeralOwner" else value
            for name, value in stat.items()}


def _tried(ask: Callable[[], Any], otherwise: object) -> Any:
    """What may be refused by itself, while the rest is shown."""
    from kazoo.exceptions import NoAuthError

    try:
        return ask()
    except NoAuthError:
        return otherwise


def _token(request: Request) -> str:
    try:
        cookie = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""


def _json(answer: object, *headers: tuple[str, str]) -> Response:
    return Response(orjson.dumps(answer), JSON, headers=(("Cache-Control", "no-store"), *headers))


def _off(_: Request) -> Response:
    return problem(403, "znodes are not shown here", cure="corral.browser=read in zoo.cfg of this member shows them")


def _page(_: Request) -> Response:
    return document("browser.html")
