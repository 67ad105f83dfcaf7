"""Keys are made once, kept private, and refused with the cure."""

from pathlib import Path

import pytest
import zmq

from node.config.member import MemberConfig
from node.config.read import load_config
from node.keys import KeysError, allow_member, init_ensemble, join_ensemble, load_keys


def member(tmp_path: Path, member_id: int) -> MemberConfig:
    data = tmp_path / f"m{member_id}" / "data"
    data.mkdir(parents=True)
    (data / "myid").write_text(f"{member_id}\n")
    path = data.parent / "zoo.cfg"
    servers = "".join(f"server.{i}=127.0.0.1:{1000 + i}:{2000 + i}\n" for i in (1, 2, 3))
    path.write_text(f"dataDir={data}\nclientPort=0\n{servers}")
    return load_config(path).config


def test_an_ensemble_shares_its_id_secret_and_allow_list(tmp_path: Path) -> None:
    configs = [member(tmp_path, i) for i in (1, 2, 3)]

    init_ensemble(configs)

    keys = [load_keys(config) for config in configs]
    assert len({k.ensemble for k in keys}) == len({k.ensemble_secret for k in keys}) == 1
    assert all(k.allowed == {o.member: o.public for o in keys} for k in keys)
    assert [zmq.curve_public(k.secret) for k in keys] == [k.public for k in keys]
    assert keys[0].member_of(keys[2].public) == 3
    assert keys[0].member_of(b"?" * 40) is None


def test_only_an_explicit_initialisation_marks_the_data_directory(tmp_path: Path) -> None:
    first, second, third = (member(tmp_path, i) for i in (1, 2, 3))

    init_ensemble([first])
    join_ensemble(second, first.keys_dir / "ensemble.json", is_new=True)
    join_ensemble(third, second.keys_dir / "ensemble.json", is_new=False)

    marks = [(c.data_dir / "corral" / "initialize").exists() for c in (first, second, third)]
    assert marks == [True, True, False]
    assert set(load_keys(third).allowed) == {1, 2, 3}


def test_secrets_are_private_from_the_first_byte(tmp_path: Path) -> None:
    config = member(tmp_path, 1)

    init_ensemble([config])

    modes = {p.name: p.stat().st_mode & 0o777 for p in (config.keys_dir, *config.keys_dir.iterdir())}
    assert modes == {"keys": 0o700, "member.json": 0o600, "ensemble.json": 0o600}
    assert load_keys(config).secret.decode() not in repr(load_keys(config))


@pytest.mark.parametrize(("name", "mode"), [("", 0o755), ("member.json", 0o640)])
def test_keys_open_to_others_are_refused_with_the_command(tmp_path: Path, name: str, mode: int) -> None:
    config = member(tmp_path, 1)
    init_ensemble([config])
    path = config.keys_dir / name
    path.chmod(mode)

    with pytest.raises(KeysError) as caught:
        load_keys(config)

    assert caught.value.cure == f"chmod {'600' if name else '700'} {path}"


def test_missing_keys_are_answered_with_the_command_that_makes_them(tmp_path: Path) -> None:
    config = member(tmp_path, 1)

    with pytest.raises(KeysError) as caught:
        load_keys(config)

    assert caught.value.cure == f"corral keys init {config.file}"


def test_keys_are_never_made_twice(tmp_path: Path) -> None:
    configs = [member(tmp_path, i) for i in (1, 2)]
    init_ensemble(configs[:1])
    before = load_keys(configs[0])

    with pytest.raises(KeysError, match="is there already"):
        init_ensemble(configs)

    assert load_keys(configs[0]) == before
    assert not configs[1].keys_dir.exists()


def test_the_key_of_another_member_is_refused(tmp_path: Path) -> None:
    configs = [member(tmp_path, i) for i in (1, 2)]
    init_ensemble(configs)
    (configs[0].keys_dir / "member.json").replace(configs[1].keys_dir / "member.json")

    with pytest.raises(KeysError, match="the key of member 1, but this is member 2"):
        load_keys(configs[1])


def test_a_key_is_allowed_by_adding_it(tmp_path: Path) -> None:
    first, second = member(tmp_path, 1), member(tmp_path, 2)
    init_ensemble([first])
    join_ensemble(second, first.keys_dir / "ensemble.json", is_new=True)
    public = load_keys(second).public

    allow_member(first, 2, public.decode())

    assert load_keys(first).allowed[2] == public
    with pytest.raises(KeysError, match="is not a public key"):
        allow_member(first, 2, "short")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    config = member(tmp_path, 1)
    init_ensemble([config])
    (config.keys_dir / "ensemble.json").write_text("{")

    with pytest.raises(KeysError, match="is damaged"):
        load_keys(config)
