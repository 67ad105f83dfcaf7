"""An upgrade, member by member: new behaviour begins when every member can follow, and there is no way back."""

from importlib.metadata import version
from pathlib import Path

from tests.corral import Ensemble
from tests.faults.conftest import Start
from tests.faults.figures import await_all_serving, await_serving, leader_of, log_lines, statuses
from tests.faults.trees import agreed_tree
from tests.waiting import wait_until
from tests.wire import Create
from tests.wire_connection import Connection
from transport.entry import FEATURE_LEVEL

NOW, NEXT = FEATURE_LEVEL, FEATURE_LEVEL + 1
NEW = f"/corral-test-level-{NEXT}"  # creating it needs that feature level: a test hook of execution
SYSTEM_ERROR, NODE_EXISTS = -1, -110


def set_level(ensemble: Ensemble, member: int, level: int) -> None:
    path: Path = ensemble.home(member) / "zoo.cfg"
    lines = [each for each in path.read_text().splitlines() if "corral.featureLevel" not in each]
    path.write_text("\n".join([*lines, f"corral.featureLevel={level}", ""]))


def upgrade(ensemble: Ensemble, member: int) -> None:
    ensemble.stop(member)
    set_level(ensemble, member, NEXT)
    ensemble.start(member)


def create(ensemble: Ensemble, member: int, path: str) -> int:
    with Connection.open(ensemble.addresses[member - 1]) as connection:
        return connection.call(Create(path)).err


def levels(ensemble: Ensemble) -> set[int]:
    return {status.values["feature_level"] for status in statuses(ensemble).values()}


def test_mixed_members_behave_as_the_lowest_and_an_old_one_refuses_a_new_log(own: Start) -> None:
    ensemble = own({"corral.featureLevel": str(NOW)})
    first, second = (member for member in (1, 2, 3) if member != leader_of(ensemble))
    for member in (first, second):
        upgrade(ensemble, member)
        await_all_serving(ensemble)
        assert levels(ensemble) == {NOW}
        assert [create(ensemble, m, NEW) for m in (1, 2, 3)] == [SYSTEM_ERROR] * 3

    last = ({1, 2, 3} - {first, second}).pop()
    upgrade(ensemble, last)
    wait_until(lambda: levels(ensemble) == {NEXT}, what="the level rises")
    assert [create(ensemble, m, NEW) for m in (1, 2, 3)] == [0, NODE_EXISTS, NODE_EXISTS]
    agreed_tree(ensemble)

    ensemble.stop(last)
    set_level(ensemble, last, NOW)
    ensemble.corral("start", str(last), "--data", str(ensemble.data), check=False)
    refused = wait_until(lambda: log_lines(ensemble, last, "refused"), what="the old one refuses")
    assert f"feature level {NEXT}, this version supports up to {NOW}" in refused[-1]["reason"]
    assert f"install Corral {version('corral')} or later that supports feature level {NEXT}" in refused[-1]["reason"]
    wait_until(lambda: ensemble.running(last) is None, what="it ends")
    await_serving(ensemble, first, second)

    set_level(ensemble, last, NEXT)
    ensemble.start(last)
    assert NEW in agreed_tree(ensemble)


def test_a_level_that_this_version_does_not_know_is_an_error_of_its_key(own: Start) -> None:
    ensemble = own(members=1)
    ensemble.stop(1)
    path = ensemble.home(1) / "later.cfg"
    text = (ensemble.home(1) / "zoo.cfg").read_text()
    path.write_text(text.replace("corral.testHooks=true", f"corral.featureLevel={NEXT}"))

    done = ensemble.corral("member", str(path), check=False)

    assert done.returncode == 78
    assert f"corral.featureLevel: this version supports up to {NOW}" in done.stderr
