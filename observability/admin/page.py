"""/ and /status. The page brings all it needs, and asks nobody but this member."""

import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import orjson

from observability.admin.status import StatusBoard
from observability.endpoint import JSON, Request, Response, Route

HTML = "text/html; charset=utf-8"


def status_route(board: StatusBoard) -> Route:
    def status(_: Request) -> Response:
        return Response(orjson.dumps(board.status()), JSON, headers=(("Cache-Control", "no-store"),))

    return status


def page(_: Request) -> Response:
    return document("page.html")


def document(name: str) -> Response:
    """A page that lies beside this file."""
    body, policy = _document(name)
    return Response(body, HTML, headers=(
        ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-cache")))


@lru_cache
def _document(name: str) -> tuple[bytes, str]:
    """The page, and a policy that lets run what stands in it and nothing else: paths of znodes are shown, and they are
    their clients' words."""
    text = Path(__file__).with_name(name).read_text()
    script, style = (_hashes(text, tag) for tag in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    return text.encode(), policy


def _hashes(text: str, tag: str) -> str:
    """Of the elements of this name, as the policy wants them."""
    contents = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in contents)
