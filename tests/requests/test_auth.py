"""Auth packets add identities to a connection."""

import struct

import pytest

from node.requests.auth import (
    AuthPacketError,
    AuthRefusedError,
    AuthRules,
    OtherEnsembleError,
    authenticate,
    certified,
    digest_id,
    first_identities,
    has_scheme,
    with_sasl_user,
)

NOBODY = AuthRules()


def packet(scheme: bytes, auth: bytes) -> bytes:
    return struct.pack(">ii", 0, len(scheme)) + scheme + struct.pack(">i", len(auth)) + auth


def test_the_digest_is_zookeepers() -> None:
    # DigestAuthenticationProvider.generateDigest("super:test") of the genuine server.
    assert digest_id(b"super:test") == b"super:D/InIHSb7yEEbrWz8b9l71RjZJU="


def test_identities_add_up_and_none_stands_twice() -> None:
    start = first_identities("127.0.0.1", NOBODY)
    one = authenticate(packet(b"digest", b"u:p"), start, "127.0.0.1", NOBODY)
    assert authenticate(packet(b"digest", b"u:p"), one, "127.0.0.1", NOBODY) == one
    two = authenticate(packet(b"digest", b"v:p"), one, "127.0.0.1", NOBODY)
    assert struct.unpack_from(">i", two) == (3,)
    assert two.startswith(struct.pack(">i", 3) + start[4:])


def test_the_super_digest_makes_super() -> None:
    made = authenticate(packet(b"digest", b"super:test"), first_identities("::1", NOBODY), "::1",
                        AuthRules(super_digest="super:D/InIHSb7yEEbrWz8b9l71RjZJU="))
    assert b"\0\0\0\5super\0\0\0\0" in made


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(AuthRefusedError):
        authenticate(packet(b"kerberos", b"x"), first_identities("127.0.0.1", NOBODY), "127.0.0.1", NOBODY)


@pytest.mark.parametrize("broken", [b"", b"\0" * 6, packet(b"digest", b"u:p")[:12], packet(b"digest", b"u:p")[:-1]])
def test_what_is_truncated_is_no_auth_packet(broken: bytes) -> None:
    with pytest.raises(AuthPacketError):
        authenticate(broken, first_identities("127.0.0.1", NOBODY), "127.0.0.1", NOBODY)


def test_another_hash_makes_other_ids() -> None:
    # echo -n super:test | openssl dgst -sha256 -binary | base64
    assert digest_id(b"super:test", "sha256") == b"super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig="


def test_the_scheme_digest_may_be_off() -> None:
    with pytest.raises(AuthRefusedError):
        authenticate(packet(b"digest", b"u:p"), first_identities("::1", NOBODY), "::1", AuthRules(digest=""))


def test_a_client_of_another_ensemble_is_sent_on() -> None:
    rules = AuthRules(ensembles=frozenset(("main", "spare")))
    start = first_identities("::1", rules)

    for name in (b"main", b"spare", b""):
        assert authenticate(packet(b"ensemble", name), start, "::1", rules) == start
    with pytest.raises(OtherEnsembleError):
        authenticate(packet(b"ensemble", b"test"), start, "::1", rules)
    with pytest.raises(AuthRefusedError):
        authenticate(packet(b"ensemble", b"main"), start, "::1", NOBODY)


def test_only_a_certificate_makes_an_x509_identity() -> None:
    start = first_identities("::1", NOBODY)
    with pytest.raises(AuthRefusedError):
        authenticate(packet(b"x509", b"CN=ann"), start, "::1", NOBODY)
    proven = certified(start, "CN=ann", NOBODY)
    assert has_scheme(proven, frozenset(("x509",)))
    assert authenticate(packet(b"x509", b""), proven, "::1", NOBODY) == proven


@pytest.mark.parametrize("scheme", [b"sasl", b"super", b"world", b"auth"])
def test_nobody_is_what_an_auth_packet_cannot_prove(scheme: bytes) -> None:
    with pytest.raises(AuthRefusedError):
        authenticate(packet(scheme, b"super"), first_identities("::1", NOBODY), "::1", NOBODY)


def test_supers_of_each_scheme_are_super() -> None:
    rules = AuthRules(x509_super="CN=root", sasl_supers=frozenset(("root", "admin@REALM")))
    start = first_identities("::1", rules)

    assert has_scheme(certified(start, "CN=root", rules), frozenset(("super",)))
    assert has_scheme(with_sasl_user(start, "admin@REALM", rules), frozenset(("super",)))
    assert not has_scheme(certified(start, "CN=ann", rules), frozenset(("super",)))
    assert not has_scheme(certified(start, "", AuthRules()), frozenset(("super",)))
    assert not has_scheme(with_sasl_user(start, "ann", rules), frozenset(("super",)))
