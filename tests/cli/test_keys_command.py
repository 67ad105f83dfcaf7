"""`corral keys` and `corral member`, as far as they go without starting anything."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.cli.commands import COMMANDS, corral


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(corral, [str(argument) for argument in arguments])


def config(tmp_path: Path, member_id: int, extra: str = "") -> Path:
    data = tmp_path / f"m{member_id}"
    data.mkdir()
    (data / "myid").write_text(f"{member_id}\n")
    path = tmp_path / f"m{member_id}.cfg"
    servers = "".join(f"server.{i}=127.0.0.1:{1000 + i}:{2000 + i}\n" for i in (1, 2, 3))
    path.write_text(f"dataDir={data}\nclientPort=0\n{servers}{extra}")
    return path


def public_of(path: Path) -> str:
    shown = json.loads(run("keys", "show", path, "--json").stdout)
    return str(shown["members"][str(shown["member"])])


def test_members_on_several_hosts_join_one_after_the_other(tmp_path: Path) -> None:
    one, two, three = (config(tmp_path, i) for i in (1, 2, 3))

    results = [
        run("keys", "init", one),
        run("keys", "init", two, "--join", tmp_path / "m1" / "keys" / "ensemble.json"),
        run("keys", "init", three, "--join", tmp_path / "m2" / "keys" / "ensemble.json"),
    ]
    added = [run("keys", "add", one, str(i), public_of(p)) for i, p in ((2, two), (3, three))]

    assert [r.exit_code for r in (*results, *added)] == [0] * 5
    shown = [json.loads(run("keys", "show", p, "--json").stdout) for p in (one, three)]
    assert shown[0]["members"] == shown[1]["members"]
    assert shown[0]["ensemble"] == shown[1]["ensemble"]


def test_a_public_key_may_begin_with_a_dash(tmp_path: Path) -> None:
    path = config(tmp_path, 1)
    run("keys", "init", path)

    assert run("keys", "add", path, "2", "-" + "x" * 39).exit_code == 0


def test_show_never_shows_a_secret(tmp_path: Path) -> None:
    path = config(tmp_path, 1)
    run("keys", "init", path)
    secret = json.loads((tmp_path / "m1/keys/member.json").read_text())["secret"]
    shared = json.loads((tmp_path / "m1/keys/ensemble.json").read_text())["secret"]

    shown = run("keys", "show", path).stdout + run("keys", "show", path, "--json").stdout

    assert secret not in shown
    assert shared not in shown


def test_a_member_without_keys_refuses_and_prints_the_command(tmp_path: Path) -> None:
    path = config(tmp_path, 1)

    result = run("member", path)

    assert result.exit_code == 78
    assert f"corral keys init {path}" in result.stderr


def test_a_member_with_a_wrong_configuration_lists_every_problem(tmp_path: Path) -> None:
    path = config(tmp_path, 1, "synclimit=5\nsslQuorum=true\n")

    result = run("member", path)

    assert result.exit_code == 78
    assert f"{path}:6: synclimit: unknown key — did you mean syncLimit?" in result.stderr
    assert f"{path}:7: sslQuorum: refused" in result.stderr


def test_check_names_what_is_lost_and_starts_nothing(tmp_path: Path) -> None:
    path = config(tmp_path, 1, "audit.impl.class=org.example.Audit\n")
    run("keys", "init", path)

    result = run("member", "--check", path)

    assert result.exit_code == 0
    assert result.stdout.startswith(f"warning: {path}:6: audit.impl.class: not built yet")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"corral {name}" in result.stdout.partition("\n\n")[2]


def test_the_help_of_keys_has_examples_of_each_command() -> None:
    text = run("keys", "--help").stdout.partition("Examples:")[2]

    assert all(f"corral keys {command} " in text for command in ("init", "add", "show"))


def test_allow_makes_the_list_exactly_what_it_is_told(tmp_path: Path) -> None:
    one, two = (config(tmp_path, i) for i in (1, 2))
    run("keys", "init", one)
    run("keys", "init", two, "--join", tmp_path / "m1" / "keys" / "ensemble.json")
    run("keys", "add", one, "3", "x" * 40)
    members = {"1": public_of(one), "2": public_of(two)}

    said = [run("keys", "allow", one, json.dumps(members)).stdout for _ in range(2)]

    assert said == ["changed\n", "unchanged\n"]
    assert json.loads(run("keys", "show", one, "--json").stdout)["members"] == members


@pytest.mark.parametrize(("members", "why"), [
    ({"2": "x" * 40}, "a list without this member, 1"),
    ({"1": "x" * 40}, "is not this member's key"),
    ({"1": "short"}, "is not a public key of 40 characters"),
])  # fmt: skip
def test_allow_refuses_a_list_that_would_lock_this_member_out(
    tmp_path: Path, members: dict[str, str], why: str,
) -> None:
    path = config(tmp_path, 1)
    run("keys", "init", path)

    refused = run("keys", "allow", path, json.dumps(members))

    assert refused.exit_code == 78
    assert why in refused.stderr


def test_a_renewed_key_is_another_and_the_rest_stays(tmp_path: Path) -> None:
    path = config(tmp_path, 1)
    run("keys", "init", path)
    run("keys", "add", path, "2", "x" * 40)
    before = json.loads(run("keys", "show", path, "--json").stdout)

    said = run("keys", "renew", path).stdout

    after = json.loads(run("keys", "show", path, "--json").stdout)
    assert after["members"]["1"] != before["members"]["1"]
    assert after == {**before, "members": {**before["members"], "1": after["members"]["1"]}}
    assert f"corral keys add CONFIG 1 '{after['members']['1']}'" in said


def test_keys_made_in_one_place_are_those_of_one_ensemble(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    path = config(tmp_path, 2, extra=f"corral.keys={kept}/2\n")

    first = run("keys", "make", kept, "1", "2").stdout
    before = public_of(path)
    later = [run("keys", "make", kept, "1", "2", "3").stdout for _ in range(2)]

    assert [first, *later] == ["made\n", "made\n", "unchanged\n"]
    shown = json.loads(run("keys", "show", path, "--json").stdout)
    assert list(shown["members"]) == ["1", "2", "3"]
    assert shown["members"]["2"] == before
    assert {(kept / member / "ensemble.json").read_text() for member in "123"} == {
        (kept / "1" / "ensemble.json").read_text()}


def test_members_that_went_and_come_back_are_let_in_by_who_stayed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run("keys", "make", kept, "1", "2", "3")
    before = (kept / "1/ensemble.json").read_text()
    run("keys", "make", kept, "1")  # the others were removed: their keys still lie there

    assert list(json.loads((kept / "1/ensemble.json").read_text())["members"]) == ["1"]
    assert run("keys", "make", kept, "1", "2", "3").stdout == "made\n"
    assert {(kept / member / "ensemble.json").read_text() for member in "123"} == {before}


def test_a_pair_that_is_made_anew_in_one_place_is_let_in_by_all_and_the_rest_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run("keys", "make", kept, "1", "2")
    before = json.loads((kept / "1/ensemble.json").read_text())

    assert run("keys", "make", kept, "1", "2", "--renew", "2").stdout == "made\n"

    after = json.loads((kept / "1/ensemble.json").read_text())
    assert {**after, "members": None} == {**before, "members": None}
    assert after["members"]["1"] == before["members"]["1"]
    assert after["members"]["2"] != before["members"]["2"]
    assert json.loads((kept / "2/member.json").read_text())["public"] == after["members"]["2"]
    assert "name all members" in run("keys", "make", kept, "1", "--renew", "2").stderr


def test_keys_under_ansible_vault_are_refused_by_the_command_that_opens_them(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run("keys", "make", kept, "1", "2")
    for name in ("member", "ensemble"):
        (kept / f"1/{name}.json").write_text("$ANSIBLE_VAULT;1.1;AES256\n3565\n")

    result = run("keys", "make", kept, "1", "2", "3")

    assert result.exit_code == 78
    assert "is encrypted by Ansible Vault" in result.stderr
    assert f"ansible-vault decrypt {kept}/*/*.json" in result.stderr
    assert not (kept / "3").exists()


def test_what_members_share_may_come_by_stdin(tmp_path: Path) -> None:
    one, two = (config(tmp_path, i) for i in (1, 2))
    run("keys", "init", one)
    shared = (tmp_path / "m1/keys/ensemble.json").read_text()

    joined = CliRunner().invoke(corral, ["keys", "init", str(two), "--join", "-"], input=shared)

    assert joined.exit_code == 0
    shown = [json.loads(run("keys", "show", path, "--json").stdout)["ensemble"] for path in (one, two)]
    assert shown[0] == shown[1]
