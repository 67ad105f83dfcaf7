"""Key stores of each kind, and contexts that follow their files."""

import dataclasses
import os
import ssl
from pathlib import Path

import pytest

from node.auth.certificates import ClientIds
from node.auth.key_stores import StoreError
from node.auth.tls import TlsContext, make_context
from node.config.security import Store, Tls
from tests.certificates import PASSWORD, Authority, shake_hands


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def settings(key: Path, trust: Path, password: str = "") -> Tls:
    return Tls(
        addresses=("127.0.0.1",), port=1, is_unified=False, key_store=Store("ssl.keyStore", key, password, None),
        trust_store=Store("ssl.trustStore", trust, password, None), client_auth="need", oldest="TLSv1.2",
        newest="TLSv1.3", ciphers="", ids=ClientIds())


@pytest.fixture
def pem(authority: Authority, tmp_path: Path) -> Tls:
    return settings(authority.issue_to("server").pem(tmp_path / "server.pem"), authority.pem(tmp_path / "ca.pem"))


def test_pem_and_pkcs12_stores_are_told_by_what_they_hold(authority: Authority, pem: Tls, tmp_path: Path) -> None:
    make_context(pem)
    make_context(settings(
        authority.issue_to("server").pkcs12(tmp_path / "no-name"), authority.issue_to("x").pkcs12(tmp_path / "trust"),
        PASSWORD))


def test_a_password_may_stand_in_a_file(authority: Authority, pem: Tls, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    store = authority.issue_to("server").pkcs12(tmp_path / "server.p12")

    make_context(dataclasses.replace(pem, key_store=Store("ssl.keyStore", store, "", tmp_path / "password")))


def test_a_store_that_only_java_reads_is_refused_with_the_command_that_converts_it(pem: Tls, tmp_path: Path) -> None:
    (tmp_path / "server.jks").write_bytes(b"\xfe\xed\xfe\xed" + bytes(100))
    command = r"keytool -importkeystore -srckeystore \S*server\.jks -destkeystore \S*server\.p12"
    with pytest.raises(StoreError, match=command):
        make_context(dataclasses.replace(pem, key_store=Store("ssl.keyStore", tmp_path / "server.jks", "", None)))


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x30\x03abc", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_store_names_the_file_and_how_to_look(pem: Tls, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)
    for name in ("key_store", "trust_store"):
        with pytest.raises(StoreError, match=r"broken \(ssl.*openssl"):
            make_context(dataclasses.replace(pem, **{name: Store("ssl.keyStore", tmp_path / "broken", "", None)}))


def test_another_password_is_said_and_nobody_is_asked_for_one(authority: Authority, pem: Tls, tmp_path: Path) -> None:
    store = authority.issue_to("server").pkcs12(tmp_path / "server.p12")
    with pytest.raises(StoreError, match="another password"):
        make_context(dataclasses.replace(pem, key_store=Store("ssl.keyStore", store, "wrong", None)))
    locked = authority.issue_to("server").pem(tmp_path / "locked.pem", password="right")
    make_context(dataclasses.replace(pem, key_store=Store("ssl.keyStore", locked, "right", None)))
    with pytest.raises(StoreError, match="another password"):
        make_context(dataclasses.replace(pem, key_store=Store("ssl.keyStore", locked, "", None)))


def test_renewed_files_are_used_and_broken_ones_leave_the_old_in_use(authority: Authority, pem: Tls) -> None:
    complaints: list[str] = []
    context = TlsContext(pem, complaints.append)
    first = context.newest
    assert not context.follow_files()

    pem.key_store.location.write_text("half a file")
    assert not context.follow_files()
    assert context.newest is first
    assert "openssl" in complaints[0]

    replace(authority, pem.key_store.location)
    assert context.follow_files()
    assert context.newest is not first
    assert not context.follow_files()


def replace(authority: Authority, file: Path) -> None:
    os.replace(authority.issue_to("server").pem(file.with_suffix(".new")), file)  # noqa: PTH105 - as renewals do it


def test_a_version_that_is_not_wanted_is_not_spoken(pem: Tls) -> None:
    context = make_context(dataclasses.replace(pem, newest="TLSv1.2"))

    assert context.maximum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED


# Revocation ------------------------------------------------------------------------------------


def shakes_hands(server: ssl.SSLContext, client: Path, authority: Path) -> bool:
    """Whether a client with that certificate is let in, in memory alone."""
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    context.load_cert_chain(client)
    try:
        return shake_hands(context, server).getpeercert() != {}
    except ssl.SSLError:
        return False


@pytest.fixture
def clients(authority: Authority, tmp_path: Path) -> tuple[Path, Path]:
    """A good one, and one that the list in revoked.pem revokes."""
    good, bad = authority.issue_to("good"), authority.issue_to("bad")
    authority.revocation_list(tmp_path / "revoked.pem", bad)
    return good.pem(tmp_path / "good.pem"), bad.pem(tmp_path / "bad.pem")


def test_a_revoked_certificate_is_refused_and_others_are_not(
    pem: Tls, clients: tuple[Path, Path], tmp_path: Path,
) -> None:
    checked = make_context(dataclasses.replace(pem, revoked=tmp_path / "revoked.pem"))
    unchecked = make_context(pem)

    assert [shakes_hands(checked, each, tmp_path / "ca.pem") for each in clients] == [True, False]
    assert [shakes_hands(unchecked, each, tmp_path / "ca.pem") for each in clients] == [True, True]


def test_a_list_that_is_over_lets_nobody_in(
    authority: Authority, pem: Tls, clients: tuple[Path, Path], tmp_path: Path,
) -> None:
    authority.revocation_list(tmp_path / "revoked.pem", days=-1)

    checked = make_context(dataclasses.replace(pem, revoked=tmp_path / "revoked.pem"))

    assert not shakes_hands(checked, clients[0], tmp_path / "ca.pem")


def test_a_changed_list_is_followed(
    authority: Authority, pem: Tls, clients: tuple[Path, Path], tmp_path: Path,
) -> None:
    context = TlsContext(dataclasses.replace(pem, revoked=tmp_path / "revoked.pem"), pytest.fail)
    (tmp_path / "new").write_bytes((tmp_path / "revoked.pem").read_bytes())
    authority.revocation_list(tmp_path / "new")
    (tmp_path / "new").replace(tmp_path / "revoked.pem")

    assert context.follow_files()
    assert shakes_hands(context.newest, clients[1], tmp_path / "ca.pem")


def test_a_file_without_a_list_is_refused(pem: Tls, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no revocation list"):
        make_context(dataclasses.replace(pem, revoked=tmp_path / "ca.pem"))


def test_a_certificates_end_is_known_of_both_kinds_of_stores(authority: Authority, pem: Tls, tmp_path: Path) -> None:
    identity = authority.issue_to("server", days=3)
    identity.pem(tmp_path / "new.pem")
    identity.pkcs12(tmp_path / "new.p12")
    until_s = identity.certificate.not_valid_after_utc.timestamp()

    for name in ("new.pem", "new.p12"):
        store = Store("ssl.keyStore", tmp_path / name, PASSWORD, None)
        assert TlsContext(dataclasses.replace(pem, key_store=store), pytest.fail).expires_s == until_s
