"""Clients that prove who they are, by kazoo: certificates, SASL and passwords, with genuine ZooKeeper as the judge."""

import gc
import json
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kazoo.client import KazooClient
from kazoo.exceptions import InvalidACLError, NoAuthError
from kazoo.protocol.states import KazooState
from kazoo.security import ACL, CREATOR_ALL_ACL, Id, Permissions

from node.cli.commands import corral
from node.cli.shell.client import Client
from node.cli.shell.command import sh
from node.cli.shell.errors import NoSessionError
from node.cli.shell.target import Credentials, Target
from tests.certificates import Authority
from tests.clients.secured import KINDS, USERS, Secured, client_context, secured
from tests.corral import Ensemble, connect_string, fresh_root, kazoo_client
from tests.waiting import wait_until
from tests.wire import SYNC, Acl, Auth, Create, Exists, GetAcl, Ping, Raw, buffer
from tests.wire_connection import Connection

SASL = 102
OPEN = ACL(Permissions.ALL, Id("world", "anyone"))


@pytest.fixture(scope="module", params=KINDS)
def zoo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(
        request.param, tmp_path_factory.mktemp("secured"), superUser="root",
        X509AuthenticationProvider__superUser="CN=admin,O=Corral",
    ) as started:
        yield started


@pytest.fixture
def root(zoo: Secured) -> str:
    return fresh_root(zoo.servers)


def acl(scheme: str, ident: str) -> list[ACL]:
    return [ACL(Permissions.ALL, Id(scheme, ident))]


def sasl_options(user: str, password: str = "") -> dict[str, str]:
    return {"mechanism": "DIGEST-MD5", "username": user, "password": password or USERS[user]}


# TLS -------------------------------------------------------------------------------------------


def test_a_client_of_tls_sees_what_a_plain_one_sees(zoo: Secured, root: str) -> None:
    with zoo.client(chroot=root) as plain, zoo.client(chroot=root, **zoo.secure()) as secure:
        secure.create("/a", b"x" * 500_000)  # of many TLS records
        plain.sync("/a")

        assert plain.get("/a")[0] == b"x" * 500_000
        assert secure.get("/a")[0] == b"x" * 500_000


def test_the_shell_speaks_tls_with_a_certificate(zoo: Secured) -> None:
    done = shell(zoo, "--cert", zoo.client_file("ann"), "whoami", "--json")

    assert {"scheme": "x509", "user": "CN=ann,O=Corral"} in json.loads(done.stdout)


def test_the_shell_asks_for_four_letter_words_by_tls(zoo: Secured) -> None:
    assert "no answer" not in shell(zoo, "version").stdout
    clients = json.loads(shell(zoo, "session", "--all", "--json").stdout)
    assert {each["server"] for each in clients} == {connect_string(zoo.secure_addresses)}


def test_the_shell_looks_who_the_server_is(zoo: Secured, tmp_path: Path) -> None:
    others = Credentials(ca=str(Authority("Somebody Else").pem(tmp_path / "ca.pem")))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # kazoo leaves sockets that fail to be closed
        with pytest.raises(NoSessionError, match="certificate verify failed"):
            Client(Target(connect_string(zoo.secure_addresses), credentials=others), connect_s=1.0)
        gc.collect()


def test_the_shell_proves_by_sasl_who_it_is(zoo: Secured, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = f"digest-md5:bob:{USERS['bob']}"
    with zoo.client(sasl_options=sasl_options("bob")) as client:
        client.create(f"{root}/bobs", b"his", acl=acl("sasl", "bob"))

    assert shell(zoo, "--sasl", bob, "get", f"{root}/bobs").stdout == "his\n"
    monkeypatch.setenv("CORRAL_SASL", bob)  # where other users cannot see it
    assert shell(zoo, "get", f"{root}/bobs").stdout == "his\n"
    refused = shell(zoo, "--sasl", "digest-md5:bob:wrong", "get", f"{root}/bobs", code=1)
    assert "does not believe who you are" in refused.output


def test_a_mirror_proves_on_either_side_who_it_is(zoo: Secured, root: str) -> None:
    with zoo.client(sasl_options=sasl_options("bob"), chroot=root) as client:
        client.create("/from/bobs", b"his", makepath=True, acl=acl("sasl", "bob"))
        client.ensure_path("/to")
    bob, ca = f"digest-md5:bob:{USERS['bob']}", str(zoo.directory / "ca.pem")
    arguments = ["mirror", connect_string(zoo.servers.addresses) + f"{root}/from",
                 connect_string(zoo.secure_addresses) + f"{root}/to", "--once", "--json", "--target-ca", ca]

    as_nobody = CliRunner().invoke(corral, arguments)
    as_bob = CliRunner().invoke(corral, [*arguments, "--source-sasl", bob, "--target-sasl", bob])

    assert (as_nobody.exit_code, as_bob.exit_code) == (1, 0), as_bob.output
    with zoo.client(sasl_options=sasl_options("bob"), chroot=root) as client:
        assert client.get("/to/bobs")[0] == b"his"
        assert client.get_acls("/to/bobs")[0] == acl("sasl", "bob")


@pytest.mark.parametrize("wrong", ["bob", "digest-md5:bob", "digest-md5::secret", "plain:bob:secret"])
def test_the_shell_says_how_sasl_is_asked_for(wrong: str) -> None:
    done = CliRunner().invoke(sh, ["--sasl", wrong, "ls"])

    assert done.exit_code == 2
    assert "digest-md5:USER:PASSWORD" in done.output


def shell(zoo: Secured, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(sh, [
        "--server", connect_string(zoo.secure_addresses), "--ca", str(zoo.directory / "ca.pem"), *arguments],
        catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_a_certificate_is_an_identity(zoo: Secured, root: str) -> None:
    with zoo.client(chroot=root, **zoo.secure("ann")) as ann, zoo.client(chroot=root, **zoo.secure("bob")) as bob:
        ann.create("/anns", b"", acl=CREATOR_ALL_ACL)
        ann.create("/bobs", b"", acl=acl("x509", "CN=bob,O=Corral"))
        bob.sync("/")

        assert ann.get_acls("/anns")[0] == acl("x509", "CN=ann,O=Corral")
        assert bob.get("/bobs")
        for denied in (lambda: bob.get("/anns"), lambda: ann.get("/bobs")):
            with pytest.raises(NoAuthError):
                denied()


def test_a_superusers_certificate_passes_every_acl(zoo: Secured, root: str) -> None:
    with zoo.client(chroot=root, **zoo.secure("ann")) as ann, zoo.client(chroot=root, **zoo.secure("admin")) as admin:
        ann.create("/a", b"hers", acl=CREATOR_ALL_ACL)
        admin.sync("/")

        assert admin.get("/a")[0] == b"hers"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_are_spoken(zoo: Secured, version: ssl.TLSVersion) -> None:
    if version is ssl.TLSVersion.TLSv1_3 and not zoo.is_corral:
        pytest.skip("3.8 speaks 1.2 alone unless it is told")
    context = client_context(zoo.directory)
    context.minimum_version = context.maximum_version = version
    with Connection(wrapped(zoo, context)) as connection:
        connection.send_handshake()
        assert connection.receive_handshake() is not None
        assert connection.call(Exists("/zookeeper")).err == 0


def test_four_letter_words_are_answered_over_tls(zoo: Secured) -> None:
    assert ask_ruok(zoo, client_context(zoo.directory)) == b"imok"


def ask_ruok(zoo: Secured, context: ssl.SSLContext) -> bytes:
    with wrapped(zoo, context) as sock:
        sock.sendall(b"ruok")
        return sock.recv(100)


def test_a_certificate_of_another_authority_is_no_way_in(zoo: Secured, tmp_path: Path) -> None:
    stranger = Authority("Somebody Else").issue_to("ann").pem(tmp_path / "ann.pem")
    context = client_context(zoo.directory, str(stranger))

    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask_ruok(zoo, context)  # with TLS 1.3 the client hears of it with its first read


def wrapped(zoo: Secured, context: ssl.SSLContext) -> ssl.SSLSocket:
    sock = socket.create_connection(zoo.secure_addresses[0], timeout=20)
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


# SASL ------------------------------------------------------------------------------------------


def test_kazoos_sasl_is_an_identity(zoo: Secured, root: str) -> None:
    with zoo.client(chroot=root, sasl_options=sasl_options("bob")) as bob, zoo.client(chroot=root) as nobody:
        bob.create("/auth", b"", acl=CREATOR_ALL_ACL)
        bob.create("/sasl", b"", acl=acl("sasl", "bob"))
        nobody.sync("/")

        assert bob.get_acls("/auth")[0] == acl("sasl", "bob")
        assert bob.get("/sasl")
        with pytest.raises(NoAuthError):
            nobody.get("/sasl")


def test_the_sasl_superuser_passes_every_acl(zoo: Secured, root: str) -> None:
    with zoo.client(chroot=root, sasl_options=sasl_options("bob")) as bob:
        bob.create("/a", b"his", acl=CREATOR_ALL_ACL)
    with zoo.client(chroot=root, sasl_options=sasl_options("root")) as superuser:
        assert superuser.get("/a")[0] == b"his"


def test_another_password_is_refused(zoo: Secured) -> None:
    client = KazooClient(connect_string(zoo.servers.addresses), sasl_options=sasl_options("bob", "destroyer"))
    states: list[str] = []
    client.add_listener(states.append)
    try:
        client.start_async()
        wait_until(lambda: KazooState.LOST in states, what="the refusal")
    finally:
        client.stop()
        client.close()


def test_a_wrong_proof_is_told_and_ends_the_connection(zoo: Secured) -> None:
    with Connection.open(zoo.servers.addresses[0]) as connection:
        first = connection.call(Raw(SASL, buffer(b"")))
        assert first.err == 0
        assert b'realm="zk-sasl-md5"' in first.body[0]
        refused = connection.call(Raw(SASL, buffer(b'username="bob",realm="zk-sasl-md5"')))
        assert refused.err == -115
        assert connection.receive() is None


@pytest.mark.parametrize("ident", ["bob", "bob@REALM", "bob/host@REALM", "a/b/c"])
def test_names_of_sasl_users_are_those_of_kerberos(zoo: Secured, root: str, ident: str) -> None:
    with zoo.client(chroot=root) as client:
        client.create("/a", b"", acl=[*acl("sasl", ident), OPEN])
        assert client.get_acls("/a")[0] == [*acl("sasl", ident), OPEN]


@pytest.mark.parametrize(("scheme", "ident"), [
    ("sasl", "a@b@c"), ("sasl", "a/b/c@R"), ("x509", "ann"), ("x509", "CN=a,b"), ("x509", "=a"),
])
def test_ids_that_mean_nothing_are_refused(zoo: Secured, root: str, scheme: str, ident: str) -> None:
    with zoo.client(chroot=root) as client, pytest.raises(InvalidACLError):
        client.create("/a", acl=acl(scheme, ident))


@pytest.mark.parametrize(
    "ident", ["CN=ann", "CN=ann,O=Corral", "CN=a\\,b", 'CN="a,b"', "cn=a + ou=b", "2.5.4.3=#0c0161"])
def test_subjects_are_names_of_x500(zoo: Secured, root: str, ident: str) -> None:
    with zoo.client(chroot=root) as client:
        client.create("/a", b"", acl=[*acl("x509", ident), OPEN])
        assert client.get_acls("/a")[0] == [*acl("x509", ident), OPEN]


# Enforced --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=KINDS)
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(
        request.param, tmp_path_factory.mktemp("strict"), enforce__auth__enabled="true",
        enforce__auth__schemes="sasl,digest", DigestAuthenticationProvider__digestAlg="SHA-256",
        DigestAuthenticationProvider__superDigest="super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig=",
    ) as started:
        yield started


@pytest.mark.parametrize("asked", [Ping(), Exists("/"), Create("/a"), Raw(SYNC, b"\0\0\0\1/")])
def test_a_client_that_has_proved_nothing_is_told_so_and_closed(strict: Secured, asked: Ping) -> None:
    with Connection.open(strict.servers.addresses[0]) as connection:
        reply = connection.call(asked)

        assert (reply.err, reply.zxid) == (-124, 0)
        assert connection.receive() is None


def test_a_client_with_a_password_or_sasl_is_served(strict: Secured) -> None:
    with Connection.open(strict.servers.addresses[0]) as connection:
        assert connection.call(Auth("digest", b"ann:1")).err == 0
        assert connection.call(Exists("/")).err == 0
    with kazoo_client(strict.servers.addresses, sasl_options=sasl_options("bob")) as bob:
        assert bob.exists("/")


def test_a_backup_is_made_by_whoever_proves_who_he_is(strict: Secured, tmp_path: Path) -> None:
    if not isinstance(strict.servers, Ensemble):
        pytest.skip("it is Corral's")
    config, bob = str(strict.servers.home(1) / "zoo.cfg"), f"digest-md5:bob:{USERS['bob']}"

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(corral, [*arguments, "--json"])

    as_nobody = run("backup", config, "--to", str(tmp_path / "nobodys"))
    as_bob = run("backup", config, "--to", str(tmp_path / "bobs"), "--sasl", bob)
    by_tls = run("export", config, "--to", str(tmp_path / "zk"), "--auth", "digest:ann:1",
                 "--ca", str(strict.directory / "ca.pem"))

    assert as_nobody.exit_code == 1
    assert "clients must prove who they are" in as_nobody.output
    assert as_bob.exit_code == by_tls.exit_code == 0, as_bob.output + by_tls.output
    assert json.loads(as_bob.stdout)["complete"] is True


def test_who_proves_nothing_is_told_what_would(strict: Secured) -> None:
    servers, bob = connect_string(strict.servers.addresses), f"digest-md5:bob:{USERS['bob']}"

    refused = CliRunner().invoke(sh, ["--server", servers, "ls", "/"])
    below = CliRunner().invoke(sh, ["--server", f"{servers}/zookeeper", "ls", "/"])
    blind, seeing = (
        json.loads(CliRunner().invoke(corral, ["doctor", servers, "--watch", "0", "--json", *who]).stdout)["left_out"]
        for who in ((), ("--sasl", bob)))

    assert refused.exit_code == below.exit_code == 1
    assert all("--sasl" in each for each in (refused.output, below.output, blind["znodes"]))
    assert "znodes" not in seeing


def test_ids_are_of_the_hash_that_is_set(strict: Secured) -> None:
    with Connection.open(strict.servers.addresses[0]) as connection:
        connection.call(Auth("digest", b"super:test"))
        connection.call(Create("/hashed", acl=(Acl(31, "auth", ""),)))

        entries = connection.call(GetAcl("/hashed")).body[0]

    assert entries[0].id == "super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig="


# Corral's own ----------------------------------------------------------------------------------


def test_renewed_certificates_and_users_are_taken_without_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("renewed")
    with secured("corral", directory, is_unified=True, ssl__clientAuth="need") as zoo:
        context = client_context(zoo.directory, zoo.client_file("ann"))

        def serial() -> str:
            with wrapped(zoo, context) as sock:
                certificate = sock.getpeercert()
            assert certificate is not None
            return str(certificate["serialNumber"])

        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask_ruok(zoo, client_context(zoo.directory))  # without a certificate
        with zoo.client(**zoo.secure("bob")) as client:
            before = serial()
            zoo.authority.issue_to("server", names=("127.0.0.1",)).pkcs12(zoo.directory / "new.p12")
            (zoo.directory / "new.p12").replace(zoo.directory / "server.p12")
            (zoo.directory / "jaas.conf").write_text(
                'Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_eve="garden"; };')

            assert ask_ruok(zoo, context) == b"imok"  # the same port as the plain ones
            wait_until(lambda: serial() != before, what="the new certificate")
            assert client.exists("/")  # its connection has stayed
        wait_until(lambda: "sasl_users_renewed" in zoo.servers.log(1), what="the new users")
        options = {"mechanism": "DIGEST-MD5", "username": "eve", "password": "garden"}
        with kazoo_client(zoo.servers.addresses, sasl_options=options) as eve:
            assert eve.exists("/")
