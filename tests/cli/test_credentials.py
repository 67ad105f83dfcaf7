"""What a command's options and environment say of who asks, and how."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from node.cli.shell.target import Credentials, credential_options

FILES = ("ca", "cert", "key")


@pytest.fixture
def pem(tmp_path: Path) -> str:
    (tmp_path / "a.pem").touch()
    return str(tmp_path / "a.pem")


def taken(*arguments: str, environment: dict[str, str] | None = None) -> dict[str, Credentials]:
    found: dict[str, Credentials] = {}

    @click.command()
    @credential_options()
    @credential_options("source", "SOURCE")
    def command(credentials: Credentials, source_credentials: Credentials) -> None:
        found.update(plain=credentials, source=source_credentials)

    done = CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return found


@pytest.mark.parametrize("name", ["ca", "cert"])
def test_a_file_that_is_said_means_tls_and_one_of_the_environment_does_not(name: str, pem: str) -> None:
    said = taken(f"--source-{name}", pem, environment={f"CORRAL_{name.upper()}": pem})

    assert said["source"] == Credentials(**{name: pem})
    assert said["source"].uses_tls
    assert said["plain"] == Credentials()


def test_files_of_the_environment_are_for_who_speaks_tls(pem: str) -> None:
    files = {f"CORRAL_{name.upper()}": pem for name in FILES}

    assert taken("--tls", environment=files)["plain"] == Credentials(tls=True, ca=pem, cert=pem, key=pem)
    assert taken(environment={**files, "CORRAL_TLS": "1"})["plain"].ca == pem


def test_the_environment_holds_several_proofs_a_line_each() -> None:
    lines = {"CORRAL_AUTH": "digest:ann:a secret\nmine:x", "CORRAL_SOURCE_SASL": "digest-md5:ann:b:c"}

    said = taken(environment=lines)

    assert said["plain"].auth == ("digest:ann:a secret", "mine:x")
    assert said["source"].kazoo_options()["sasl_options"] == {
        "mechanism": "DIGEST-MD5", "username": "ann", "password": "b:c"}
