"""ACLs and addresses (A1.8, rules 30 to 33)."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.tree.acl import (
    ADMIN,
    ALL,
    OPEN,
    PROVEN_LEVEL,
    READ,
    WRITE,
    Acl,
    decode_acl,
    encode_acl,
    encode_identities,
    fixed_up,
    identities_of,
    is_permitted,
    without_hashes,
)
from node.tree.addresses import contains, parse_network
from transport.errors import Err

USER = (b"digest", b"user:hash")
HERE = (b"ip", b"10.1.2.3")
WHO = encode_identities((HERE, USER))


def test_identities_round_trip() -> None:
    assert identities_of(WHO) == (HERE, USER)


def test_an_acl_equal_to_open_is_the_open_one() -> None:
    assert decode_acl(encode_acl(((ALL, b"world", b"anyone"),))) is OPEN
    assert fixed_up([(ALL, b"world", b"anyone"), (ALL, b"world", b"anyone")], WHO, PROVEN_LEVEL) is OPEN


def test_auth_becomes_every_authenticated_identity_but_not_the_address() -> None:
    other = (b"digest", b"other:hash")
    who = encode_identities((HERE, USER, other))

    assert fixed_up([(READ, b"auth", b"whatever")], who, PROVEN_LEVEL) == ((READ, *USER), (READ, *other))
    assert fixed_up([(READ, b"auth", None)], who, PROVEN_LEVEL) == ((READ, *USER), (READ, *other))


def test_auth_without_an_authenticated_identity_is_an_invalid_acl() -> None:
    assert fixed_up([(READ, b"auth", b"")], encode_identities((HERE,)), PROVEN_LEVEL) is Err.INVALID_ACL


@pytest.mark.parametrize("acl", [
    [], [(ALL, b"world", b"everyone")], [(ALL, b"nosuch", b"x")], [(ALL, None, b"x")], [(ALL, b"super", b"")],
    [(ALL, b"digest", b"nocolon")], [(ALL, b"digest", b"a:")], [(ALL, b"digest", b":")], [(ALL, b"digest", b"a:b:c")],
    [(ALL, b"ip", b"1.2.3")], [(ALL, b"ip", b"1.2.3.256")], [(ALL, b"ip", b"1.2.3.4/33")], [(ALL, b"ip", b"host")],
    [(ALL, b"ip", b"1.2.3.4/")], [(ALL, b"ip", b"::1/129")], [(ALL, b"ip", b"")],
    [(ALL, b"world", b"anyone"), (ALL, b"nosuch", b"x")],
])
def test_invalid(acl: list[tuple[int, bytes | None, bytes | None]]) -> None:
    assert fixed_up(acl, WHO, PROVEN_LEVEL) is Err.INVALID_ACL


@pytest.mark.parametrize("scheme", [b"world", b"digest", b"ip"])
def test_a_null_id_is_a_marshalling_error_as_zookeeper_stumbles_over_it(scheme: bytes) -> None:
    assert fixed_up([(ALL, scheme, None)], WHO, PROVEN_LEVEL) is Err.MARSHALLING_ERROR


@pytest.mark.parametrize("ident", [b"a:b", b":b", b"a:b:", b"a:b::"])
def test_a_digest_has_two_parts_by_javas_split(ident: bytes) -> None:
    assert fixed_up([(ALL, b"digest", ident)], WHO, PROVEN_LEVEL) == ((ALL, b"digest", ident),)


def test_duplicates_are_removed_in_order() -> None:
    acl = [(READ, b"digest", b"a:b"), (WRITE, b"digest", b"a:b"), (READ, b"digest", b"a:b")]
    assert fixed_up(list(acl), WHO, PROVEN_LEVEL) == ((READ, b"digest", b"a:b"), (WRITE, b"digest", b"a:b"))


@pytest.mark.parametrize(("acl", "permission", "expected"), [
    (((READ, b"world", b"anyone"),), READ, True),
    (((READ, b"world", b"anyone"),), WRITE, False),
    (((READ, b"world", b"anyone"),), READ | ADMIN, True),
    (((ALL, *USER),), ADMIN, True),
    (((ALL, b"digest", b"user:other"),), ADMIN, False),
    (((READ, *USER), (WRITE, *USER)), WRITE, True),
    (((ALL, b"ip", b"10.1.0.0/16"),), READ, True),
    (((ALL, b"ip", b"10.2.0.0/16"),), READ, False),
    (((ALL, b"ip", b"10.1.2.3"),), READ, True),
    (((0, b"world", b"anyone"),), READ, False),
    ((), READ, True),
])
def test_permission(acl: Acl, permission: int, expected: bool) -> None:
    assert is_permitted(acl, permission, WHO) is expected


def test_super_may_everything() -> None:
    assert is_permitted(((0, *USER),), ADMIN, encode_identities((HERE, (b"super", b""))))


def test_hashes_are_masked() -> None:
    acl = ((READ, b"digest", b"user:hash"), (READ, b"world", b"anyone"))
    assert without_hashes(acl) == ((READ, b"digest", b"user:x"), (READ, b"world", b"anyone"))


@pytest.mark.parametrize("text", [
    b"1:2:3:4:5:6:7:8", b"::", b"::1", b"fe80::1", b"1::", b"::ffff:1.2.3.4", b"1:2:3:4:5:6:1.2.3.4",
    b"A::b", b"0:0:0:0:0:0:0:0",
])
def test_v6(text: bytes) -> None:
    network = parse_network(text)
    assert network is not None
    assert network.width == 128
    assert network.prefix == int(ipaddress.IPv6Address(text.decode()))


@pytest.mark.parametrize("text", [
    b":", b":::", b"1::2::3", b"1:2:3:4:5:6:7", b"1:2:3:4:5:6:7:8:9", b"1:2:3:4:5:6:7::8:9", b"12345::",
    b"g::", b"::1.2.3", b"1.2.3.4::", b"fe80::1%eth0",
])
def test_not_v6(text: bytes) -> None:
    assert parse_network(text) is None


def test_a_v4_address_seen_through_a_v6_socket_is_v4() -> None:
    network, address = parse_network(b"10.0.0.0/8"), parse_network(b"::ffff:10.1.2.3")
    assert network is not None
    assert address is not None
    assert contains(network, address)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_v4_networks_are_those_of_the_standard_library(base: int, address: int, bits: int) -> None:
    expected = ipaddress.IPv4Address(address) in ipaddress.IPv4Network((base, bits), strict=False)
    network = parse_network(f"{ipaddress.IPv4Address(base)}/{bits}".encode())
    host = parse_network(str(ipaddress.IPv4Address(address)).encode())
    assert network is not None
    assert host is not None
    assert contains(network, host) is expected


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), st.integers(0, 128))
def test_v6_networks_are_those_of_the_standard_library(
    base: ipaddress.IPv6Address, address: ipaddress.IPv6Address, bits: int
) -> None:
    expected = address in ipaddress.IPv6Network((int(base), bits), strict=False)
    network, host = parse_network(f"{base}/{bits}".encode()), parse_network(str(address).encode())
    assert network is not None
    assert host is not None
    assert contains(network, host) is expected
