"""SASL of clients (operation 102): DIGEST-MD5, RFC 2831, as Java's server and ZooKeeper's clients speak it.

There is nothing to choose: the server's mechanism is the configuration's. A client sends an empty token first, gets the
challenge, answers it, and gets the proof that this member knows the password too.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from hashlib import md5
from typing import Final, Protocol

REALM: Final = "zk-sasl-md5"  # what ZooKeeper's servers call themselves, and clients expect
DIGEST_URI: Final = "zookeeper/zk-sasl-md5"
TOKEN_BYTES_MAX: Final = 4096  # of the RFC
_DIRECTIVE: Final = re.compile(r'\s*([A-Za-z0-9-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,"]+))\s*(?:,|$)')

_RESPONSE: Final = re.compile(r"[0-9a-f]{32}")


class SaslRefusedError(Exception):
    """The client has not proved who it is."""


class Exchange(Protocol):
    """One client's proof. *user*: who it has proved to be; empty until then."""

    user: str

    def step(self, token: bytes) -> bytes | None:
        """The client's token -> the answer. Raises SaslRefusedError."""


ExchangeOf = Callable[[], Exchange]


class DigestMd5:
    """*users*: name -> password. *nonce*: unguessable, for this exchange alone."""

    def __init__(self, users: Mapping[str, str], nonce: str) -> None:
        self._users, self._nonce = users, nonce
        self._is_challenged = False
        self.user = ""

    def step(self, token: bytes) -> bytes | None:
        if not self._is_challenged:
            self._is_challenged = True
            return (f'realm="{REALM}",nonce="{self._nonce}",qop="auth",charset=utf-8,algorithm=md5-sess').encode()
        if self.user:
            raise SaslRefusedError("the exchange is over")
        given = directives(token)
        user = given.get("username", "")
        self._check(given)
        password = self._users.get(user)
        key = key_of(user, password or "", given)
        is_proved = hmac.compare_digest(response(key, given, "AUTHENTICATE"), given["response"])
        if not is_proved or password is None:
            raise SaslRefusedError(f"no such user, or another password: {user[:80]!r}")
        self.user = user
        return b"rspauth=" + response(key, given, "").encode()

    def _check(self, given: Mapping[str, str]) -> None:
        wanted = {"realm": REALM, "nonce": self._nonce, "nc": "00000001"}
        for name, value in wanted.items():
            if given.get(name, "") != value:
                raise SaslRefusedError(f"{name} is {given.get(name, '')[:80]!r}, not {value!r}")
        if given.get("digest-uri", "").lower() != DIGEST_URI:
            raise SaslRefusedError(f"digest-uri is {given.get('digest-uri', '')[:80]!r}, not {DIGEST_URI!r}")
        if given.get("qop", "auth") != "auth":
            raise SaslRefusedError("only qop=auth is offered")
        if given.get("authzid", given["username"]) != given["username"]:
            raise SaslRefusedError("nobody acts for somebody else")
        if not given.get("cnonce") or not _RESPONSE.fullmatch(given.get("response", "")):
            raise SaslRefusedError("cnonce or response is missing")


def directives(token: bytes) -> dict[str, str]:
    """Of a digest-response. Raises SaslRefusedError."""
    if len(token) > TOKEN_BYTES_MAX:
        raise SaslRefusedError(f"a token of {len(token)} bytes")
    try:
        text = token.decode()
    except UnicodeDecodeError:
        raise SaslRefusedError("the token is no UTF-8") from None
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _DIRECTIVE.match(text, at)
        if match is None:
            raise SaslRefusedError("the token is no digest-response")
        name, quoted, plain = match[1].lower(), match[2], match[3]
        if name in found:
            raise SaslRefusedError(f"{name} stands there twice")
        found[name] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
    if "username" not in found:
        raise SaslRefusedError("the token names no user")
    return found


def key_of(user: str, password: str, given: Mapping[str, str]) -> str:
    """HEX(H(A1)) of the RFC."""
    secret = md5(b":".join(map(_encoded, (user, REALM, password))), usedforsecurity=False).digest()
    parts = [secret, given["nonce"].encode(), given["cnonce"].encode()]
    if "authzid" in given:
        parts.append(given["authzid"].encode())
    return md5(b":".join(parts), usedforsecurity=False).hexdigest()


def response(key: str, given: Mapping[str, str], method: str) -> str:
    """*method*: AUTHENTICATE of a client's answer, nothing of the server's."""
    uri = md5(f"{method}:{given['digest-uri']}".encode(), usedforsecurity=False).hexdigest()
    proof = ":".join((key, given["nonce"], given["nc"], given["cnonce"], given.get("qop", "auth"), uri))
    return md5(proof.encode(), usedforsecurity=False).hexdigest()


def _encoded(text: str) -> bytes:
    """ISO 8859-1 where that will do: so it says in section 2.1.2.1."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
