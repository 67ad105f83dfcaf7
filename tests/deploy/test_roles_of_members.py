"""Observers in the inventory: what the playbooks make of `corral_role`, without a host."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.site import ANSIBLE, PROGRAM

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="no ansible-playbook beside Python")

SHOWN = (
    "corral_lines", "corral_voter_ids", "corral_observer_ids", "corral_adding", "corral_moved", "corral_other_role")
LINE = "127.0.0.{}:2888:3888:{};0.0.0.0:2181"


def host(number: int, role: str | None = None) -> dict[str, Any]:
    return {"corral_member_id": number, "corral_address": f"127.0.0.{number}"} | ({"corral_role": role} if role else {})


def play(
    folder: Path, hosts: dict[str, Any], tasks: list[str], *, log: dict[int, str] | None = None, **variables: str
) -> tuple[dict[str, Any], str]:
    """What the role makes of the inventory, and what a refusal says.

    *tasks*: files of the role. *log*: what a member's command says of who the members are.
    """
    program = folder / "corral"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({'version': 1, 'servers': log or {}})}\nEND\n")
    program.chmod(0o755)
    told = folder / "told.json"
    shown = ", ".join(f"'{name}': {name}" for name in SHOWN)
    steps: list[dict[str, Any]] = [
        {"ansible.builtin.import_role": {"name": "corral", "tasks_from": f"{each}.yml"}} for each in (*tasks, "ask")]
    steps.append({
        "ansible.builtin.copy": {"content": "{{ {" + shown + "} | to_json }}", "dest": str(told)}, "run_once": True})
    (folder / "hosts.yml").write_text(yaml.safe_dump({"corral": {"hosts": hosts}}))
    (folder / "play.yml").write_text(yaml.safe_dump([
        {"hosts": "corral", "connection": "local", "gather_facts": False, "any_errors_fatal": True, "tasks": steps}]))
    given = {"corral_as_user": [], "corral_program": str(program), "corral_version": "0", **variables}
    done = subprocess.run(
        [str(PROGRAM), "-i", str(folder / "hosts.yml"), str(folder / "play.yml"), "-e", json.dumps(given)],
        cwd=ANSIBLE, capture_output=True, text=True, check=False, timeout=240, env={
            "PATH": f"{PROGRAM.parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": "ansible.cfg",
            "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"), "HOME": str(folder), "TMPDIR": str(folder),
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"), "USER": os.environ.get("USER", "root")})
    if done.returncode:
        return {}, " ".join((done.stdout + done.stderr).split())
    found: dict[str, Any] = json.loads(told.read_text())
    return found, ""


def test_an_observer_is_no_voter_and_an_even_number_of_members_will_do(tmp_path: Path) -> None:
    hosts = {"zk1": host(1), "zk2": host(2), "zk3": host(3, "participant"), "zk4": host(4, "observer")}
    log = {each: LINE.format(each, "participant") for each in (1, 2, 3)}

    found, refusal = play(tmp_path, hosts, ["inventory", "same"], log=log, corral_added="zk4")

    assert refusal == ""
    assert (found["corral_voter_ids"], found["corral_observer_ids"]) == ([1, 2, 3], [4])
    assert found["corral_lines"] == {
        str(each): LINE.format(each, "observer" if each == 4 else "participant") for each in (1, 2, 3, 4)}
    assert found["corral_adding"] == [f"--add=server.4={LINE.format(4, 'observer')}"]


@pytest.mark.parametrize(("hosts", "said"), [
    ({"zk1": host(1), "zk2": host(2), "zk3": host(3, "observer")}, "2 voters survive no more failures than 1 do"),
    ({"zk1": host(1, "observer")}, "0 voters survive no more failures than 0 do"),
])
def test_voters_are_counted_without_observers(tmp_path: Path, hosts: dict[str, Any], said: str) -> None:
    assert said in play(tmp_path, hosts, ["inventory"])[1]


@pytest.mark.parametrize("added", ["", "zk4"])
def test_a_vote_is_given_by_add_member_and_not_by_deploy(tmp_path: Path, added: str) -> None:
    hosts = {f"zk{each}": host(each) for each in (1, 2, 3)} | {"zk4": host(4), "zk5": host(5, "observer")}
    log = {each: LINE.format(each, "observer" if each >= 4 else "participant") for each in range(1, 6)}

    found, refusal = play(tmp_path, hosts, ["same"], log=log, corral_added=added)

    if added:
        assert (refusal, found["corral_other_role"], found["corral_moved"]) == ("", ["4"], [])
        assert found["corral_adding"] == [f"--add=server.4={LINE.format(4, 'participant')}"]
    else:
        assert f"member 4 is {LINE.format(4, 'observer')} by the log" in refusal
        assert "add_member.yml -e corral_added=NAME changes whether it votes" in refusal
