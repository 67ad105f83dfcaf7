"""Auth packets add identities to a connection."""

import struct

import pytest

from node.requests.auth import AuthPacketError, AuthRefusedError, authenticate, digest_id, ip_identity


def packet(scheme: bytes, auth: bytes) -> bytes:
    return struct.pack(">ii", 0, len(scheme)) + scheme + struct.pack(">i", len(auth)) + auth


def test_the_digest_is_zookeepers() -> None:
    # DigestAuthenticationProvider.generateDigest("super:test") of the genuine server.
    assert digest_id(b"super:test") == b"super:D/InIHSb7yEEbrWz8b9l71RjZJU="


def test_identities_add_up_and_none_stands_twice() -> None:
    start = ip_identity("127.0.0.1")
    one = authenticate(packet(b"digest", b"u:p"), start, "127.0.0.1", "")
    assert authenticate(packet(b"digest", b"u:p"), one, "127.0.0.1", "") == one
    two = authenticate(packet(b"digest", b"v:p"), one, "127.0.0.1", "")
    assert struct.unpack_from(">i", two) == (3,)
    assert two.startswith(struct.pack(">i", 3) + start[4:])


def test_the_super_digest_makes_super() -> None:
    made = authenticate(packet(b"digest", b"super:test"), ip_identity("::1"), "::1",
                        "super:D/InIHSb7yEEbrWz8b9l71RjZJU=")
    assert b"\0\0\0\5super\0\0\0\0" in made


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(AuthRefusedError):
        authenticate(packet(b"kerberos", b"x"), ip_identity("127.0.0.1"), "127.0.0.1", "")


@pytest.mark.parametrize("broken", [b"", b"\0" * 6, packet(b"digest", b"u:p")[:12], packet(b"digest", b"u:p")[:-1]])
def test_what_is_truncated_is_no_auth_packet(broken: bytes) -> None:
    with pytest.raises(AuthPacketError):
        authenticate(broken, ip_identity("127.0.0.1"), "127.0.0.1", "")
