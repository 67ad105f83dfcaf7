"""A realm of Kerberos for a test: Debian's KDC on loopback, with its files in a directory of the test."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.genuine import HOST, free_ports
from tests.waiting import wait_until

REALM = "CORRAL.TEST"
SERVICE = f"zookeeper/localhost@{REALM}"
DEBIANS = Path("/usr/lib/python3/dist-packages")  # of its own Python, with whose version alone they can be used
SBIN = "/usr/sbin:/sbin"
_DAEMON = "krb5kdc"


@dataclass(frozen=True)
class Realm:
    """*environment*: of whoever belongs to it: where the realm is, and Python's packages for Kerberos."""

    directory: Path
    environment: dict[str, str]

    def keytab(self, principal: str) -> Path:
        """A new principal's key."""
        file = self.directory / f"{principal.partition('@')[0].replace('/', '-')}.keytab"
        self._run("kadmin.local", "-r", REALM, "addprinc", "-randkey", principal)
        self._run("kadmin.local", "-r", REALM, "ktadd", "-k", str(file), principal)
        return file

    def ticket(self, principal: str) -> dict[str, str]:
        """The environment of a client that has one."""
        cache = self.directory / f"{principal.partition('@')[0].replace('/', '-')}.cache"
        environment = {**self.environment, "KRB5CCNAME": f"FILE:{cache}"}
        subprocess.run(
            ["kinit", "-k", "-t", str(self.keytab(principal)), principal], check=True, env=environment, timeout=60)
        return environment

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, env=self.environment, capture_output=True, timeout=60)


def require_kerberos() -> None:
    """Skip the test, or fail it in CI, where Debian's Kerberos is not installed."""
    missing = [name for name in (_DAEMON, "kadmin.local", "kdb5_util", "kinit") if not shutil.which(name, path=_path())]
    missing += [f"python3-{name}" for name in ("gssapi", "kerberos") if not _has(name)]
    if not missing:
        return
    reason = f"NOT TRIED with Kerberos: no {', '.join(missing)}: apt install krb5-kdc krb5-admin-server krb5-user"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def realm(directory: Path) -> Iterator[Realm]:
    """Its KDC runs until the end of the context."""
    require_kerberos()
    directory.mkdir()
    (port,) = free_ports(1)
    (directory / "krb5.conf").write_text(
        f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n"
        f" rdns = false\n[realms]\n {REALM} = {{\n  kdc = {HOST}:{port}\n }}\n[domain_realm]\n localhost = {REALM}\n")
    (directory / "kdc.conf").write_text(
        f"[kdcdefaults]\n kdc_listen = {HOST}:{port}\n kdc_tcp_listen = {HOST}:{port}\n[realms]\n {REALM} = {{\n"
        f"  database_name = {directory}/principal\n  key_stash_file = {directory}/stash\n }}\n")
    environment = {
        **os.environ, "KRB5_CONFIG": str(directory / "krb5.conf"), "KRB5_KDC_PROFILE": str(directory / "kdc.conf"),
        "PATH": _path(), "PYTHONPATH": os.pathsep.join(filter(None, (
            str(_packages(directory / "packages")), os.environ.get("PYTHONPATH", ""))))}
    found = Realm(directory, environment)
    subprocess.run(["kdb5_util", "create", "-s", "-r", REALM, "-P", "master"], check=True, env=environment,
                   capture_output=True, timeout=60)
    kdc = subprocess.Popen([_DAEMON, "-n", "-r", REALM], env=environment, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(kdc, found), what="the KDC gives tickets")
        yield found
    finally:
        kdc.terminate()
        kdc.wait(timeout=20)


def _answers(kdc: "subprocess.Popen[bytes]", found: Realm) -> bool:
    assert kdc.poll() is None, "the KDC has ended"
    try:
        found.ticket(f"probe@{REALM}")
    except subprocess.CalledProcessError:
        return False
    return True


def _path() -> str:
    return os.pathsep.join((os.environ["PATH"], SBIN))


def _has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None or bool(_debians(name))


def _debians(name: str) -> list[Path]:
    """Debian's files of a package, if this Python can load them."""
    tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    package = DEBIANS / name
    if package.is_dir():
        return [package, DEBIANS / "decorator.py"] if any(package.rglob(f"*{tag}*.so")) else []
    return [*DEBIANS.glob(f"{name}.{tag}*.so")]


def _packages(directory: Path) -> Path:
    """What this Python lacks, taken from Debian's."""
    directory.mkdir()
    for name in ("gssapi", "kerberos"):
        if importlib.util.find_spec(name) is None:
            for file in _debians(name):
                (directory / file.name).symlink_to(file)
    return directory
