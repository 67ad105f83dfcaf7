"""What a member does not start on, by the real command: it ends with 78 and names the cure."""

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.conftest import Start

REFUSED = 78


@pytest.fixture(scope="module")
def template(start: Start) -> Ensemble:
    """An ensemble of one, with data, stopped."""
    ensemble = start(members=1)
    root = fresh_root(ensemble)
    with kazoo_client(ensemble.addresses) as client:
        for number in range(200):
            client.create(f"{root}/{number:03}", b"x" * 100)
    ensemble.stop(1)
    return ensemble


@pytest.fixture
def home(template: Ensemble, tmp_path: Path) -> Iterator[Path]:
    """That member's directory, put back at the end."""
    home = template.home(1)
    shutil.copytree(home, tmp_path / "kept", ignore=shutil.ignore_patterns("run"))
    yield home
    shutil.rmtree(home)
    shutil.copytree(tmp_path / "kept", home, ignore=shutil.ignore_patterns("run"))


def refusal(ensemble: Ensemble) -> str:
    """What `corral member` prints when it does not start."""
    done = ensemble.corral("member", str(ensemble.home(1) / "zoo.cfg"), check=False)
    assert done.returncode == REFUSED, done.stdout + done.stderr
    return done.stdout + done.stderr


def edit_identity(home: Path, **changes: object) -> None:
    path = home / "data" / "corral" / "identity"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def another_ensemble(home: Path) -> None:
    edit_identity(home, ensemble="0123456789abcdef")


def a_newer_format(home: Path) -> None:
    edit_identity(home, format=7, needs="9.1.0")


def an_empty_directory(home: Path) -> None:
    shutil.rmtree(home / "data" / "corral")


def corruption_before_the_tail(home: Path) -> None:
    path = min((home / "data" / "corral").glob("log.*"))
    content = bytearray(path.read_bytes())
    content[content.index(b"x" * 100)] ^= 1  # in one of the first records
    path.write_bytes(content)


def several_servers(home: Path) -> None:
    with (home / "zoo.cfg").open("a") as file:
        file.writelines(f"server.{i}=127.0.0.1:{i}:{10 + i}\n" for i in (1, 2, 3))


def no_myid(home: Path) -> None:
    several_servers(home)
    (home / "data" / "myid").unlink()


def a_myid_of_nobody(home: Path) -> None:
    several_servers(home)
    (home / "data" / "myid").write_text("9\n")


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        (another_ensemble, "correct dataDir or corral.keys"),
        (a_newer_format, "Corral 9.1.0 or later"),
        (an_empty_directory, "corral keys init"),
        (corruption_before_the_tail, "move this member's data directory"),
        (no_myid, "myid"),
        (a_myid_of_nobody, "myid"),
    ],
)
def test_a_member_refuses_and_names_the_cure(
    template: Ensemble, home: Path, fault: Callable[[Path], None], cure: str
) -> None:
    fault(home)

    assert cure in refusal(template)


def test_a_port_in_use_is_refused(template: Ensemble, home: Path) -> None:
    with socket.create_server(template.addresses[0]):
        told = refusal(template)

    assert f"{template.addresses[0][1]} is in use" in told
    assert "ss -ltnp" in told


def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on(
    template: Ensemble, home: Path
) -> None:
    template.start(1)
    try:
        told = refusal(template)
        assert f"process {template.pids(1)['supervisor']} runs a member on this data" in told
        assert template.serves(1)
    finally:
        template.stop(1)
