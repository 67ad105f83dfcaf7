"""A certificate's id is what Java's X500Principal.getName() makes of it."""

import time

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from node.auth.certificates import CertificateNameError, ClientIds, expiry_of, subject_of
from tests.certificates import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def named(authority: Authority, *attributes: tuple[x509.ObjectIdentifier, str]) -> str:
    return subject_of(authority.issue(*(x509.NameAttribute(kind, value) for kind, value in attributes)).der)


def test_the_subject_is_written_from_its_end_without_blanks(authority: Authority) -> None:
    name = named(
        authority, (NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Corral"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Tests"), (NameOID.COMMON_NAME, "ann"))

    assert name == "CN=ann,OU=Tests,O=Corral,C=DE"


@pytest.mark.parametrize(("value", "shown"), [
    ("a,b", "a\\,b"), ('say "hi"', 'say \\"hi\\"'), ("#1", "\\#1"), (" x ", "\\ x\\ "), ("a+b=c;d", "a\\+b=c\\;d"),
    ("back\\slash", "back\\\\slash"), ("Jörg", "Jörg"),
])
def test_what_has_a_meaning_of_its_own_is_escaped(authority: Authority, value: str, shown: str) -> None:
    assert named(authority, (NameOID.COMMON_NAME, value)) == f"CN={shown}"


def test_what_has_no_short_name_stands_by_its_number(authority: Authority) -> None:
    name = named(authority, (NameOID.EMAIL_ADDRESS, "a@b.c"), (NameOID.COMMON_NAME, "ann"))

    assert name == "CN=ann,1.2.840.113549.1.9.1=#1605614062" + "2e63"


@pytest.mark.parametrize("broken", [b"", b"\x30", b"\x30\x03\x02\x01\x01", bytes(40)])
def test_what_is_no_certificate_has_no_name(broken: bytes) -> None:
    with pytest.raises(CertificateNameError):
        subject_of(broken)


def test_every_beginning_of_a_certificate_is_refused_and_none_crashes(authority: Authority) -> None:
    der = authority.issue_to("ann").der
    for size in range(len(der)):
        with pytest.raises(CertificateNameError):
            subject_of(der[:size])


def test_a_certificate_without_a_subject_has_no_name(authority: Authority) -> None:
    with pytest.raises(CertificateNameError):
        named(authority)


def test_the_expiry_is_the_certificates(authority: Authority) -> None:
    assert expiry_of(authority.issue_to("ann", days=3).der) == pytest.approx(time.time() + 3 * 86400, abs=60)


NAMES = (("DNS", "a.example"), ("URI", "spiffe://corral/ann"), ("IP Address", "10.0.0.1"))


def test_an_alternative_name_may_be_the_id() -> None:
    assert ClientIds(6).of(b"", NAMES) == "spiffe://corral/ann"
    assert ClientIds(6, "^spiffe:", r"/([^/]*)$", 1).of(b"", NAMES) == "ann"
    assert ClientIds(2).of(b"", NAMES) == "a.example"


def test_one_alternative_name_must_fit_and_only_one() -> None:
    with pytest.raises(CertificateNameError, match="0 alternative names"):
        ClientIds(1).of(b"", NAMES)
    with pytest.raises(CertificateNameError, match="2 alternative names"):
        ClientIds(2).of(b"", (*NAMES, ("DNS", "b.example")))
