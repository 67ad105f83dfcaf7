"""What can be known of playbooks, roles and the wheelhouse without a host."""

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.site import ANSIBLE, PROGRAM
from transport.wiring import LINKS, Scope

pytest.importorskip("jinja2", reason="comes with ansible-core")

from jinja2 import Environment, StrictUndefined

sys.path.insert(0, str(ANSIBLE))
import variables  # type: ignore[import-not-found]

ROLES = ("corral", "corral_monitoring")
PLAYBOOKS = sorted(file.name for file in ANSIBLE.glob("*.yml"))


def tool(name: str, *arguments: str) -> str:
    """What it printed; fails the test with that if it is not content."""
    done = subprocess.run([str(PROGRAM.with_name(name)), *arguments], cwd=ANSIBLE, capture_output=True, text=True,
                          check=False, timeout=240, env={"PATH": f"{PROGRAM.parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                                                         "ANSIBLE_CONFIG": "ansible.cfg", "HOME": "/tmp"})
    if done.returncode:
        pytest.fail(f"{name}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


def test_ansible_lint_finds_nothing_at_the_production_profile() -> None:
    tool("ansible-lint", "--offline", "--profile", "production", "--nocolor", "-q")


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_says_how_it_is_used(playbook: str) -> None:
    head = (ANSIBLE / playbook).read_text().partition("\n- ")[0]

    assert f"ansible-playbook -i inventories/prod {playbook}" in head


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_is_specified_and_has_the_default_that_the_specification_says(role: str) -> None:
    defaults = yaml.safe_load((ANSIBLE / "roles" / role / "defaults/main.yml").read_text())
    options = variables.options(role)

    assert list(defaults) == [name for name, each in options.items() if not each.get("required")]
    for name, value in defaults.items():
        if "{{" not in str(value):
            assert options[name]["default"] == value, name


def test_the_page_of_variables_is_up_to_date() -> None:
    assert variables.PAGE.read_text() == variables.page(), "python ansible/variables.py --rewrite"


@pytest.mark.parametrize("python", [sys.executable, "/usr/bin/python3"])
def test_a_wheelhouse_is_unpacked_by_debians_own_python_too(python: str, tmp_path: Path) -> None:
    """Debian 12's 3.11.2 knows no filters of archives."""
    (tmp_path / "wheelhouse-1").mkdir()
    (tmp_path / "wheelhouse-1/VERSION").write_text("1\n")
    packed = tmp_path / "packed.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tmp_path / "wheelhouse-1", "wheelhouse-1")
    program = "import pathlib, sys, wheelhouse; print(wheelhouse.unpack(*map(pathlib.Path, sys.argv[1:])))"

    subprocess.run([python, "-c", program, str(packed), str(tmp_path / "there")], cwd=ANSIBLE, check=True)

    assert (tmp_path / "there/wheelhouse-1/VERSION").read_text() == "1\n"


def test_what_is_no_wheelhouse_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "text.tar.gz").write_text("no archive")
    for name in ("text.tar.gz", "absent.tar.gz"):
        done = subprocess.run(
            [sys.executable, str(ANSIBLE / "debian_package.py"), "--wheelhouse", str(tmp_path / name)],
            capture_output=True, text=True, check=False)

        assert done.returncode == 1
        assert done.stderr.startswith(f"{tmp_path / name} is no wheelhouse: ")
        assert done.stderr.endswith("; python ansible/wheelhouse.py builds one\n")


# Firewall -----------------------------------------------------------------------------------------


def firewall(**values: Any) -> str:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)  # as Ansible's
    environment.filters["regex_replace"] = lambda text, pattern, other: re.sub(pattern, other, text)
    environment.tests["search"] = lambda text, pattern: bool(re.search(pattern, text))
    text = (ANSIBLE / "roles/corral/templates/firewall.nft.j2").read_text()
    given = {"corral_instance": "main", "corral_member_id": 1, "corral_quorum_port": 1002,
             "corral_election_port": 1003, "corral_client_port": 1001, "corral_metrics_port": 1004,
             "corral_secure_client_port": 1005, "corral_tls": "none", "corral_tls_only": False,
             "corral_peer_networks": ["192.0.2.1", "2001:db8::1"], "corral_firewall_clients": ["192.0.2.0/24"],
             "corral_firewall_operators": ["2001:db8:1::/64"], **values}
    return environment.from_string(text).render(given)


def test_the_firewall_has_a_rule_for_every_socket_that_the_network_reaches() -> None:
    reached = {link.name for link in LINKS if link.scope is not Scope.MEMBER}

    lists = re.findall(r"# links? ([\w ]+)", firewall(corral_tls="ca"))

    assert {name for each in lists for name in each.split(" and ")} == reached


def test_each_port_is_open_to_whom_it_concerns_and_closed_to_the_rest() -> None:
    rules = [line.strip() for line in firewall().splitlines() if "tcp dport" in line]

    assert rules == [
        "tcp dport { 1002, 1003 } ip saddr { 192.0.2.1 } accept",
        "tcp dport { 1002, 1003 } ip6 saddr { 2001:db8::1 } accept",
        "tcp dport { 1002, 1003 } drop",
        "tcp dport { 1001 } ip saddr { 192.0.2.0/24, 192.0.2.1 } accept",
        "tcp dport { 1001 } ip6 saddr { 2001:db8::1 } accept",
        "tcp dport { 1001 } drop",
        "tcp dport { 1004 } ip6 saddr { 2001:db8:1::/64 } accept",
        "tcp dport { 1004 } drop",
    ]


def test_with_tls_only_the_port_in_the_clear_is_for_members_and_the_other_for_clients() -> None:
    rules = [line.strip() for line in firewall(corral_tls="ca", corral_tls_only=True).splitlines()]

    assert [line for line in rules if "1001" in line] == [
        "tcp dport { 1001 } ip saddr { 192.0.2.1 } accept",
        "tcp dport { 1001 } ip6 saddr { 2001:db8::1 } accept",
        "tcp dport { 1001 } drop",
    ]
    assert "tcp dport { 1005 } ip saddr { 192.0.2.0/24, 192.0.2.1 } accept" in rules


def test_a_port_for_which_nobody_is_named_is_not_filtered() -> None:
    assert "1001" not in firewall(corral_firewall_clients=[])
    assert "1004" not in firewall(corral_firewall_operators=[])


# Preflight ----------------------------------------------------------------------------------------


def look(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    asked = {
        "python": sys.executable, "memory_mb_min": 1, "disk_mb_min": 1, "check_clock": False, "member_id": 1,
        "peers": {"1": "127.0.0.1", "2": "127.0.0.1"}, "listens_everywhere": False, "user": "nobody",
        "instance": "preflight-test", "version": "1.0", "build": "", "root": str(tmp_path), "config_dir": str(tmp_path),
        "data_dir": str(tmp_path / "data"), "firewall": False, "ports": {}, **changed}
    program = ANSIBLE / "roles/corral/files/preflight.py"
    done = subprocess.run([sys.executable, str(program), json.dumps(asked)], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def preflight(tmp_path: Path, **changed: Any) -> list[str]:
    problems: list[str] = look(tmp_path, **changed)["problems"]
    return problems


def test_preflight_is_content_with_a_host_that_will_do(tmp_path: Path) -> None:
    assert preflight(tmp_path) == []


@pytest.mark.parametrize(("changed", "said"), [
    ({"memory_mb_min": 1 << 40}, ["MB of memory", "corral_memory_mb_min"]),
    ({"disk_mb_min": 1 << 50}, ["MB free under", "corral_disk_mb_min"]),
    ({"python": "/nonexistent/python3"}, ["does not run", "corral_python"]),
    ({"peers": {"1": "127.0.0.1", "2": "nobody.invalid"}}, ["nobody.invalid of member 2 cannot be resolved"]),
    ({"peers": {"1": "127.0.0.1", "2": "::1"}}, ["no family in common (member 1: IPv4, member 2: IPv6)"]),
    ({"peers": {"1": "192.0.2.1", "2": "192.0.2.2"}}, ["192.0.2.1 is no address of this host", "quorumListenOnAllIPs"]),
])  # fmt: skip
def test_preflight_refuses_with_a_reason_and_a_cure(
    tmp_path: Path, changed: dict[str, Any], said: Sequence[str],
) -> None:
    problem, = preflight(tmp_path, **changed)

    for each in said:
        assert each in problem


def test_preflight_refuses_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\necho '[3, 9]'\n")
    old.chmod(0o755)

    problem, = preflight(tmp_path, python=str(old))

    assert "is 3.9, Corral needs Python 3.11 or newer" in problem


def test_preflight_names_a_port_that_somebody_else_has(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        problem, = preflight(tmp_path, ports={"corral_client_port": port})

    assert f"corral_client_port {port} is in use by a process of user" in problem


def release(root: Path, name: str, build: str) -> None:
    (root / "releases" / name).mkdir(parents=True)
    (root / "releases" / name / "complete").write_text(f"lock\n{build}\n")


def test_another_build_of_a_version_that_is_there_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    one, two = "11" * 32, "22" * 32

    def wanted(**asked: str) -> Any:
        return look(tmp_path, version="1.0", **asked)["release"]

    assert wanted(build=one) == "1.0"
    release(tmp_path, "1.0", one)
    assert (wanted(build=one), wanted(build=two)) == ("1.0", "1.0+22222222")
    release(tmp_path, "1.0+22222222", two)
    assert (wanted(build=one), wanted(build=two), wanted(build="33" * 32)) == ("1.0", "1.0+22222222", "1.0+33333333")
    assert wanted(build="") == "1.0"
    (tmp_path / "current").symlink_to("releases/1.0+22222222")
    assert wanted(build="") == "1.0+22222222"


def test_preflight_sees_other_instances_on_the_host(tmp_path: Path) -> None:
    for name in ("main", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "zoo.cfg").touch()

    assert look(tmp_path, config_dir=str(tmp_path / "main"))["others"] == ["other"]


# Variables and names ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["DigestAuthenticationProvider.superDigest", "ssl.keyStore.password", "sasl.secret"])
def test_lines_of_zoo_cfg_that_are_secret_are_known_as_such(key: str) -> None:
    values = yaml.safe_load((ANSIBLE / "roles/corral/vars/main.yml").read_text())

    assert re.search(values["corral_secret"], key)
    assert not re.search(values["corral_secret"], "tickTime")


@pytest.mark.parametrize("instance", ["main", "a-b.c_d"])
def test_the_firewalls_table_is_named_alike_where_it_is_made_and_where_it_is_removed(instance: str) -> None:
    unit = (ANSIBLE / "roles/corral/templates/corral-firewall@.service.j2").read_text()
    line, = re.findall("^ExecStop=sh -c '(.*)'$", unit, re.MULTILINE)
    command = line.replace("%i", instance).replace("%%", "%").replace("$$", "$").replace("exec nft", "exec echo nft")

    said = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout

    assert said.split()[-1] in re.findall(r"^table inet (\w+) \{", firewall(corral_instance=instance), re.MULTILINE)


# Wheelhouse ---------------------------------------------------------------------------------------


def test_a_release_is_installed_without_a_network_once_and_whole(tmp_path: Path, wheelhouse: Path) -> None:
    subprocess.run(["tar", "xf", str(wheelhouse), "-C", str(tmp_path)], check=True)
    folder, = tmp_path.iterdir()
    command = [sys.executable, str(folder / "release.py"), "install", "--root", str(tmp_path / "root")]
    offline = ["unshare", "--net", *command] if PROGRAM.stat().st_uid == 0 else command

    said = [subprocess.run(offline, check=True, capture_output=True, text=True).stdout.split()[-1] for _ in range(2)]

    assert said == ["installed", "unchanged"]
    release, = (tmp_path / "root/releases").iterdir()
    shown = subprocess.run([release / "bin/corral", "--version"], check=True, capture_output=True, text=True).stdout
    assert release.name in shown
    assert not (release / "bin/pip").exists()


def test_a_wheel_that_is_not_the_one_that_was_locked_is_refused(tmp_path: Path, wheelhouse: Path) -> None:
    subprocess.run(["tar", "xf", str(wheelhouse), "-C", str(tmp_path)], check=True)
    folder, = tmp_path.iterdir()
    lock = folder / "requirements.txt"
    lock.write_text(re.sub(r"(click==\S+ \\\n\s+--hash=sha256:)\w{8}", r"\g<1>00000000", lock.read_text()))

    done = subprocess.run([sys.executable, str(folder / "release.py"), "install", "--root", str(tmp_path / "root")],
                          check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "root/releases" / folder.name.removeprefix("wheelhouse-") / "complete").exists()


def test_the_same_wheels_make_the_same_wheelhouse(tmp_path: Path, wheelhouse: Path) -> None:
    corral = tmp_path / "wheel"
    subprocess.run(["tar", "xf", str(wheelhouse), "-C", str(tmp_path)], check=True)
    wheel, = tmp_path.glob("wheelhouse-*/wheels/corral-*.whl")
    made = []
    for name in ("one", "two"):
        command = [str(ANSIBLE / "wheelhouse.py"), "--wheel", str(wheel), "--from", str(wheelhouse)]
        subprocess.run([sys.executable, *command, "--output", str(corral / name)], check=True, capture_output=True)
        made.append(next((corral / name).glob("*.tar.gz")).read_bytes())

    assert made[0] == made[1]
