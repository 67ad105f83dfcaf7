"""One member less and one more, by a rolling change of every zoo.cfg, while clients write."""

import shutil
from typing import Any

from tests.corral import Ensemble, fresh_root
from tests.faults.conftest import Start
from tests.faults.figures import await_serving, log_lines
from tests.faults.trees import agreed_tree
from tests.faults.writers import check, writing
from tests.waiting import wait_until

ALL, FEWER = (1, 2, 3, 4), (1, 2, 3)


def configure(ensemble: Ensemble, member: int, lines: dict[int, str]) -> None:
    path = ensemble.home(member) / "zoo.cfg"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("server.")]
    path.write_text("\n".join([*kept, *lines.values(), ""]))


def restart(ensemble: Ensemble, member: int) -> None:
    ensemble.stop(member)
    ensemble.start(member)


def changes(ensemble: Ensemble) -> list[dict[str, Any]]:
    return [line for member in FEWER for line in log_lines(ensemble, member, "voters_changed")]


def test_a_member_is_removed_and_an_empty_one_is_added_and_no_write_is_lost(own: Start) -> None:
    ensemble = own(members=4)
    text = (ensemble.home(1) / "zoo.cfg").read_text().splitlines()
    servers = {int(line[7:].partition("=")[0]): line for line in text if line.startswith("server.")}
    root = fresh_root(ensemble)
    with writing(root, ensemble.addresses[:3], ensemble.addresses[:3]) as outcomes:
        ensemble.stop(4)
        for member in FEWER:
            assert changes(ensemble) == []
            configure(ensemble, member, {number: servers[number] for number in FEWER})
            restart(ensemble, member)
        removed, = wait_until(lambda: changes(ensemble), what="the voters are three")
        assert (removed["before"], removed["after"]) == ([1, 2, 3, 4], [1, 2, 3])

        shutil.rmtree(ensemble.home(4) / "data" / "corral")
        ensemble.corral("start", "4", "--data", str(ensemble.data))  # of a member that nobody expects
        for member in FEWER:
            configure(ensemble, member, servers)
            restart(ensemble, member)
        wait_until(lambda: len(changes(ensemble)) > 1, seconds=60, what="the voters are four")
        assert changes(ensemble)[-1]["after"] == [1, 2, 3, 4] or changes(ensemble)[0]["after"] == [1, 2, 3, 4]
        await_serving(ensemble, *ALL)
    check(agreed_tree(ensemble, root, ALL), root, outcomes)

    first = next(member for member in FEWER if member != ensemble.leader())
    ensemble.kill(first)  # of four voters, three are a quorum: the new one counts
    await_serving(ensemble, *(member for member in ALL if member != first))
