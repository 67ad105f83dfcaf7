"""A byte that flips in one processor's memory is found, told, and mended."""

import signal
import time
from contextlib import nullcontext

import pytest

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.conftest import Start
from tests.faults.figures import (
    await_all_serving,
    followers_of,
    leader_of,
    log_lines,
    metrics,
    statuses,
)
from tests.faults.trees import agreed_tree
from tests.faults.writers import writing
from tests.waiting import wait_until

NOTICED_S = 5.0


@pytest.mark.parametrize(("whose", "load"), [("leader", "idle"), ("follower", "writes")])
def test_the_member_is_named_within_5_s_and_comes_back_whole(
    own: Start, whose: str, load: str
) -> None:
    ensemble = own()  # of few znodes: some hundred of them are looked at each second
    root = fresh_root(ensemble)
    with kazoo_client(ensemble.addresses) as client:
        client.create(f"{root}/node", b"precious")
    member = leader_of(ensemble) if whose == "leader" else followers_of(ensemble)[0]
    leader, others = leader_of(ensemble), [m for m in (1, 2, 3) if m != member]
    pid = ensemble.pids(member)["processor-0"]
    told = len(log_lines(ensemble, leader, "digest_differs"))
    untouched = {m: ensemble.pids(m) for m in others}
    elsewhere = [ensemble.addresses[m - 1] for m in others]

    with writing(root, elsewhere) if load == "writes" else nullcontext():
        flip_byte(ensemble, member, f"{root}/node")
        until = time.monotonic() + NOTICED_S

        def left_s() -> float:
            return max(until - time.monotonic(), 0)

        wait_until(
            lambda: len(log_lines(ensemble, leader, "digest_differs")) > told,
            seconds=left_s(), what="the leader's log says it",
        )
        wait_until(
            lambda: metrics(ensemble, member).get("corral_digest_differs") == 1,
            seconds=left_s(), what="a metric says it",
        )
        wait_until(
            lambda: statuses(ensemble)[member].values.get("differs"),
            seconds=left_s(), what="status says it",
        )
        wait_until(
            lambda: ensemble.pids(member).get("processor-0") not in {pid, None}, what="it starts anew"
        )
        await_all_serving(ensemble)

    line = log_lines(ensemble, leader, "digest_differs")[told]
    assert (line["of_member"], line["of_process"], line["level"]) == (member, "processor-0", "error")
    assert agreed_tree(ensemble, root)[f"{root}/node"][0] == b"precious"
    assert {m: ensemble.pids(m) for m in others} == untouched


def flip_byte(ensemble: Ensemble, member: int, path: str) -> None:
    local = ensemble.local
    (local.config(local.member(member)).run_dir / "flip-byte").write_text(path)
    ensemble.signal(member, "processor-0", signal.SIGUSR1)
