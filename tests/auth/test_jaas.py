"""Login files as ZooKeeper's documents show them."""

from pathlib import Path

import pytest

from node.auth.jaas import DIGEST_MODULE, JaasError, parse_sections, read_section

FILE = Path("jaas.conf")
TEXT = """
/* of the servers */
QuorumServer { org.apache.zookeeper.server.auth.DigestLoginModule required user_test="x"; };
Server {
       org.apache.zookeeper.server.auth.DigestLoginModule required
       user_super="admin//secret"   // not the end of it
       user_bob="quo\\"ted; } {"
       user_a.b=plain;
       another.Module optional;
};
"""


def test_a_section_has_its_module_and_its_users() -> None:
    module = parse_sections(TEXT, FILE)["Server"]

    assert module.name == DIGEST_MODULE
    assert module.users == {"super": "admin//secret", "bob": 'quo"ted; } {', "a.b": "plain"}


def test_a_section_is_named_where_it_is_missed(tmp_path: Path) -> None:
    file = tmp_path / "jaas.conf"
    file.write_text(TEXT)

    assert read_section(file, "QuorumServer").users == {"test": "x"}
    with pytest.raises(JaasError, match=r"no section Client, but QuorumServer, Server.*sasl\.serverconfig"):
        read_section(file, "Client")


@pytest.mark.parametrize("broken", [
    "Server", "Server {", "Server { Module", "Server }", 'Server { Module required a="b };', "Server { };",
    "Server { Module required a b };",
])
def test_what_is_broken_is_refused_with_an_example(broken: str) -> None:
    with pytest.raises(JaasError, match=r"jaas\.conf"):
        parse_sections(broken, FILE)


def test_no_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(JaasError, match="cannot be read"):
        read_section(tmp_path / "nowhere", "Server")
