"""`corral show` of a member on another machine: by its admin HTTP, as whom the ACLs know."""

import json
import time
import urllib.error
import urllib.parse
from base64 import b64decode
from http import HTTPStatus
from typing import Any, Final

from node.cli.errors import Failure
from node.cli.site import NOT_OURS, Site
from node.cli.waterfall import harmless
from node.history.points import Point, when
from transport.zxid import show

ANSWER_S: Final = 90.0  # it is read from the member's log
AGAIN_S: Final = 1.0
_LETTERS: Final = {"DELETE": "d", "WRITE": "w", "CREATE": "c", "READ": "r", "ADMIN": "a", "ALL": "dwcra"}


def ask_past(site: Site, path: str, at: Point | None, auth: str) -> tuple[dict[str, Any], bytes | None]:
    """What `corral show` tells of a znode, and its value.  *auth*: SCHEME:CREDENTIAL, or empty.  Raises Failure."""
    query = urllib.parse.urlencode({"path": path, "at": "0s" if at is None else str(at)})
    headers = {"Authorization": " ".join(auth.split(":", 1))} if auth else {}
    try:
        told = _told(site, f"{site.commands}/past?{query}", headers)
        return _facts(told), None if told["data"] is None else b64decode(told["data"])
    except urllib.error.HTTPError as error:
        raise Failure(f"{path} at {site}: {_reason(error)}") from None
    except OSError as error:
        raise Failure(f"{site}: no answer ({error})") from None
    except (KeyError, TypeError, ValueError):
        raise Failure(f"{site}: {NOT_OURS}") from None


def _told(site: Site, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """Again where others have their turn. Raises OSError."""
    until_s = time.monotonic() + ANSWER_S
    while True:
        try:
            return site.get_json(path, timeout_s=ANSWER_S, headers=headers)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > until_s:
                raise
            error.close()
            time.sleep(AGAIN_S)


def _facts(told: dict[str, Any]) -> dict[str, Any]:
    stat = told["stat"]
    owner = "" if stat["ephemeralOwner"] == "0x0" else stat["ephemeralOwner"]
    return {
        "path": told["path"], "at": told["zxid"], "version": stat["version"], "created": when(stat["ctime"]),
        "created_zxid": show(int(stat["czxid"], 16)), "modified": when(stat["mtime"]),
        "modified_zxid": show(int(stat["mzxid"], 16)),
        "acl": [f"{each['scheme']}:{each['id']}:{''.join(_LETTERS[name] for name in each['perms'])}"
                for each in told["acl"]],
        "ephemeral_owner": owner, "children": told["children"]}


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(harmless(json.loads(error.read())["error"]))
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {NOT_OURS}, or one of an older version"
