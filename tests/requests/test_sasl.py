"""DIGEST-MD5 as RFC 2831 has it."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.requests.sasl import DigestMd5, SaslRefusedError, directives, key_of, response

USERS = {"bob": "secret", "jörg": "gehe\u20acim"}


def answer(challenge: bytes, user: str = "bob", password: str = "secret", **changes: str) -> bytes:
    """What a client answers; written from the RFC, not from ours."""
    nonce = re.search(rb'nonce="([^"]*)"', challenge)
    assert nonce is not None
    given = {"username": user, "realm": "zk-sasl-md5", "nonce": nonce[1].decode(), "cnonce": "c", "nc": "00000001",
             "qop": "auth", "digest-uri": "zookeeper/zk-sasl-md5", **changes}

    def md5(data: bytes) -> bytes:
        return hashlib.md5(data, usedforsecurity=False).digest()

    secret = md5(f"{user}:{given['realm']}:{password}".encode("latin-1" if user == "bob" else "utf-8"))
    a1 = md5(secret + f":{given['nonce']}:{given['cnonce']}".encode()).hex()
    a2 = md5(f"AUTHENTICATE:{given['digest-uri']}".encode()).hex()
    proof = md5(":".join((a1, given["nonce"], given["nc"], given["cnonce"], given["qop"], a2)).encode()).hex()
    given.setdefault("response", proof)
    bare = {"nc", "qop", "response"}
    pairs = [f"{name}={value}" if name in bare else f'{name}="{value}"' for name, value in given.items()]
    return ",".join(pairs).encode()


def test_the_example_of_the_rfc() -> None:
    given = directives(
        b'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,'
        b'cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",'
        b"response=d388dad90d4bbd760a152321f2143af7,qop=auth")
    secret = hashlib.md5(b"chris:elwood.innosoft.com:secret", usedforsecurity=False).digest()
    key = hashlib.md5(secret + b":OA6MG9tEQGm2hh:OA6MHXh6VqTrRk", usedforsecurity=False).hexdigest()

    assert response(key, given, "AUTHENTICATE") == given["response"]
    assert response(key, given, "") == "ea40f60335c427b5527b84dbabcdfffd"
    assert key_of("chris", "secret", given) != key  # in ZooKeeper's realm


def test_who_knows_the_password_has_a_name_and_hears_that_the_server_knows_it_too() -> None:
    exchange = DigestMd5(USERS, "n0nce")
    challenge = exchange.step(b"")
    assert challenge == b'realm="zk-sasl-md5",nonce="n0nce",qop="auth",charset=utf-8,algorithm=md5-sess'
    assert exchange.user == ""

    proof = exchange.step(answer(challenge))

    assert exchange.user == "bob"
    assert proof is not None
    assert proof.startswith(b"rspauth=")


@pytest.mark.parametrize("changes", [
    {"password": "wrong"}, {"user": "nobody"}, {"user": "nobody", "password": ""}, {"nonce": "another"},
    {"nc": "00000002"}, {"realm": "other"}, {"digest-uri": "imap/zk-sasl-md5"}, {"qop": "auth-conf"},
    {"response": "0" * 32}, {"response": ""}, {"response": "é" * 32}, {"authzid": "super"}, {"cnonce": ""},
])
def test_nothing_else_proves_anything(changes: dict[str, str]) -> None:
    exchange = DigestMd5(USERS, "n0nce")
    challenge = exchange.step(b"")
    assert challenge is not None

    with pytest.raises(SaslRefusedError):
        exchange.step(answer(challenge, **changes))
    assert exchange.user == ""


def test_a_proof_is_good_once() -> None:
    first, second = DigestMd5(USERS, "one"), DigestMd5(USERS, "two")
    proof = answer(first.step(b"") or b"")
    second.step(b"")
    first.step(proof)

    with pytest.raises(SaslRefusedError):
        second.step(proof)
    with pytest.raises(SaslRefusedError):
        first.step(proof)


@given(st.binary(max_size=200))
def test_whatever_comes_is_refused_or_understood(token: bytes) -> None:
    exchange = DigestMd5(USERS, "n0nce")
    exchange.step(b"")
    with pytest.raises(SaslRefusedError):
        exchange.step(token)
