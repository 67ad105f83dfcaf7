"""A site to deploy to: hosts, an inventory, and playbooks run as an operator runs them."""

import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.cli.asking import MemberStatus, ask_all
from node.config.address import Address as Endpoint
from tests.deploy.hosts import Fabric, Host
from tests.waiting import wait_until
from tests.wire_connection import Address

ROOT: Final = Path(__file__).parent.parent.parent
ANSIBLE: Final = ROOT / "ansible"
PROGRAM: Final = Path(sys.executable).with_name("ansible-playbook")
CLIENT_PORT: Final = 2181
METRICS_PORT: Final = 7001
ENSEMBLE: Final = "test"
CONFIG: Final = "/etc/corral/main/zoo.cfg"
COMMAND: Final = "/opt/corral/current/bin/corral"
PLAYBOOK_S: Final = 600.0
SSH_OPTIONS: Final = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
SERVE_S: Final = 60.0
_RECAP: Final = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Play:
    """One run of a playbook.  changed: host -> how many tasks changed something there."""

    name: str
    code: int
    output: str
    seconds: float
    changed: dict[str, int]

    @property
    def is_good(self) -> bool:
        return self.code == 0


@dataclass
class Site:
    """*variables*: of the group of members, as group_vars has them; tests change them between runs.

    *address_of*: what the other members connect to.
    """

    fabric: Fabric
    directory: Path
    wheelhouse: Path
    variables: dict[str, Any] = field(default_factory=dict)
    members: dict[int, Host] = field(default_factory=dict)
    plays: list[Play] = field(default_factory=list)
    address_of: Callable[[Host], str] = lambda host: host.v6

    def __post_init__(self) -> None:
        self.members = {host.number: host for host in self.fabric.hosts[:3]}
        self.variables = {
            "corral_ensemble": ENSEMBLE, "corral_wheelhouse": str(self.wheelhouse), "corral_version": self.version,
            "corral_metrics_address": "{{ corral_address }}", "corral_backups": str(self.directory / "backups"),
            # Nobody keeps the clock of a container, and its disk is this machine's.
            "corral_check_clock": False,
            "corral_settings": {"tickTime": 2000, "maxClientCnxns": 0, "4lw.commands.whitelist": "*"},
        }

    @property
    def version(self) -> str:
        return version_of(self.wheelhouse)

    # What an operator does -----------------------------------------------------------------------

    def play(self, name: str, *arguments: str, check: bool = True, **extra: Any) -> Play:
        """Runs a playbook.  extra: as by -e.  check: fail the test, with the end of the output, where it fails."""
        inventory = self.directory / "hosts.json"
        inventory.write_text(json.dumps(self.inventory(), indent=2))
        command = [str(PROGRAM), "--inventory", str(inventory), *arguments, "--extra-vars", json.dumps(extra),
                   str(ANSIBLE / f"{name}.yml")]
        began = time.monotonic()
        done = subprocess.run(command, cwd=ANSIBLE, env=self._environment(), capture_output=True, text=True,
                              check=False, timeout=PLAYBOOK_S, stdin=subprocess.DEVNULL)
        seconds, output = time.monotonic() - began, done.stdout + done.stderr
        (self.directory / f"play-{len(self.plays):02}-{name}.txt").write_text(output)
        recap = {host: int(changed) for host, _, changed, _, _ in _RECAP.findall(output)}
        play = Play(name, done.returncode, output, seconds, recap)
        self.plays.append(play)
        sys.stdout.write(f"{name}.yml {' '.join(arguments)}: {seconds:.1f} s, changed {sum(recap.values())}\n")
        if check and not play.is_good:
            raise AssertionError(f"{name}.yml ended with {done.returncode}:\n{output[-8000:]}")
        return play

    def inventory(self) -> Mapping[str, Any]:
        members = {host.name: {"ansible_host": host.v6, "corral_member_id": number,
                               "corral_address": self.address_of(host)}
                   for number, host in self.members.items()}
        watching = self.fabric.hosts[0]
        return {
            "all": {"vars": {
                "ansible_user": "root", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_ssh_private_key_file": str(self.fabric.ssh_key),
                "ansible_ssh_common_args": SSH_OPTIONS}},
            "corral": {"hosts": members, "vars": self.variables},
            "corral_monitoring": {
                "hosts": {watching.name: {"ansible_host": watching.v6}},
                "vars": {key: value for key, value in self.variables.items() if key.startswith("corral_monitoring_")}},
        }

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_HOME": str(self.directory / "home"), "ANSIBLE_LOCALHOST_WARNING": "0",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/{self.fabric.id}", "ANSIBLE_FORKS": "6",
                "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}

    # What it sees --------------------------------------------------------------------------------

    @property
    def addresses(self) -> list[Address]:
        return [(host.v6, CLIENT_PORT) for host in self.members.values()]

    @property
    def addresses_v4(self) -> list[Address]:
        return [(host.v4, CLIENT_PORT) for host in self.members.values()]

    def statuses(self) -> dict[int, MemberStatus]:
        """By member, as `corral status` asks; those that do not answer are down."""
        found = ask_all([Endpoint(host.v6, CLIENT_PORT) for host in self.members.values()])
        return dict(zip(self.members, found, strict=True))

    def figure(self, member: int, name: str) -> float | None:
        """One of the member's metrics without labels, as Prometheus would read it."""
        by_tls = self.variables["corral_settings"].get("admin.forceHttps")
        url = f"http{'s' * bool(by_tls)}://[{self.members[member].v6}]:{METRICS_PORT}/metrics"
        context = ssl.create_default_context(cafile=self.variables["corral_monitoring_ca"]) if by_tls else None
        try:
            with urllib.request.urlopen(url, timeout=5, context=context) as answer:
                found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", answer.read().decode(), re.MULTILINE)
        except OSError:
            return None
        return float(found[1]) if found else None

    def await_serving(self, *members: int) -> None:
        expected = members or tuple(self.members)
        wait_until(lambda: all(status.is_serving for number, status in self.statuses().items() if number in expected),
                   seconds=SERVE_S, what=f"members {expected} serve")

    def leader(self) -> int:
        def leading() -> int:
            return next((number for number, each in self.statuses().items() if each.role == "leader"), 0)

        return wait_until(leading, seconds=SERVE_S, what="a leader serves")

    def corral(self, member: int, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """The command on a member's host, as the user that the member runs as."""
        return self.members[member].run("runuser", "--user", "corral", "--", COMMAND, *arguments, check=check)


def version_of(wheelhouse: Path) -> str:
    return wheelhouse.name.removeprefix("wheelhouse-").removesuffix(".tar.gz")


def starts_of(site: Site) -> list[str]:
    """When each member's broadcast was started last."""
    return [host.property_of("corral-broadcast@main.service", "ExecMainStartTimestampMonotonic")
            for host in site.members.values()]
