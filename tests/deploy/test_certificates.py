"""certificates.py: what it makes is good for TLS, is kept while it is, and is made anew in time."""

import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from tests.deploy.site import ANSIBLE

MEMBERS = ("1=zk1,192.0.2.11", "2=zk2,2001:db8::12")


def certificates(directory: Path, *arguments: str, check: bool = True) -> str:
    """What it printed, on stderr where it is refused."""
    done = subprocess.run([sys.executable, str(ANSIBLE / "certificates.py"), str(directory), *arguments],
                          capture_output=True, text=True, check=check)
    return done.stdout or done.stderr


def test_certificates_are_made_once_and_then_kept(tmp_path: Path) -> None:
    made = ["ca.pem", "1/member.pem", "2/member.pem", "clients/app.pem"]

    said = [certificates(tmp_path, *MEMBERS, "--client", "app", *more).splitlines() for more in (("--check",), (), ())]

    assert said == [made, made, ["unchanged"]]
    secret = [file for file in tmp_path.rglob("*.pem") if "PRIVATE KEY" in file.read_text()]
    assert {file.stat().st_mode & 0o777 for file in secret} == {0o600}


@pytest.mark.parametrize(("arguments", "made"), [
    ((*MEMBERS, "--renew-before", "91"), ["1/member.pem", "2/member.pem"]),
    ((*MEMBERS, "--renew-all"), ["1/member.pem", "2/member.pem"]),
    (("1=zk1,192.0.2.11", "2=zk2,192.0.2.99"), ["2/member.pem"]),
    ((*MEMBERS, "3=zk3"), ["3/member.pem"]),
])  # fmt: skip
def test_what_ends_soon_or_has_other_names_is_made_anew(
    tmp_path: Path, arguments: tuple[str, ...], made: list[str],
) -> None:
    certificates(tmp_path, *MEMBERS)

    assert certificates(tmp_path, *arguments).splitlines() == made


def test_a_client_that_trusts_the_authority_trusts_a_member_by_each_of_its_names(tmp_path: Path) -> None:
    certificates(tmp_path, *MEMBERS, "--client", "app")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    server.load_cert_chain(tmp_path / "2/member.pem")
    server.verify_mode = ssl.CERT_REQUIRED

    for name in ("zk2", "2001:db8::12"):
        client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        client.load_cert_chain(tmp_path / "clients/app.pem")
        shake_hands(client, server, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(ssl.create_default_context(cafile=str(tmp_path / "ca.pem")), server, "zk1")


def test_an_authority_whose_key_is_away_or_locked_up_makes_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    certificates(tmp_path, *MEMBERS)
    key = tmp_path / "ca-key.pem"
    key.write_text("$ANSIBLE_VAULT;1.1;AES256")
    assert certificates(tmp_path, *MEMBERS) == "unchanged\n"

    assert "decrypt it for this run" in certificates(tmp_path, *MEMBERS, "--renew-all", check=False)
    key.unlink()
    assert "put it back" in certificates(tmp_path, *MEMBERS, "--renew-all", check=False)


def test_a_member_has_no_rights_of_an_authority(tmp_path: Path) -> None:
    certificates(tmp_path, *MEMBERS)

    own = x509.load_pem_x509_certificate((tmp_path / "1/member.pem").read_bytes())

    assert not own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True)]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
