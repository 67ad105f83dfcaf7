"""Members know each other by their keys: a wrong one is refused and told once, and a listed one needs no restart."""

import shutil

import zmq

from tests.corral import Ensemble
from tests.faults.conftest import Start
from tests.faults.figures import (
    await_all_serving,
    await_serving,
    log_lines,
    statuses,
    stays,
)
from tests.waiting import wait_until

REFUSED = 78
TRIES_S = 3.0  # in which it tries several times


def config_of(ensemble: Ensemble, member: int) -> str:
    return str(ensemble.home(member) / "zoo.cfg")


def public_key(ensemble: Ensemble, member: int) -> str:
    lines = ensemble.corral("keys", "show", config_of(ensemble, member)).stdout.splitlines()
    return next(line.split()[1] for line in lines if line.split()[0] == str(member))


def test_an_unlisted_key_is_refused_and_told_once_until_it_is_listed(own: Start) -> None:
    ensemble = own()
    public = public_key(ensemble, 3)
    ensemble.stop(3)
    for member in (1, 2):
        ensemble.corral("keys", "add", config_of(ensemble, member), "3", zmq.curve_keypair()[0].decode())

    ensemble.corral("start", "3", "--data", str(ensemble.data))
    wait_until(
        lambda: all(log_lines(ensemble, member, "key_refused") for member in (1, 2)),
        what="both refuse it",
    )
    stays(lambda: not statuses(ensemble)[3].is_serving, seconds=TRIES_S)
    await_serving(ensemble, 1, 2)

    for member in (1, 2):
        lines = log_lines(ensemble, member, "key_refused")
        assert {line["key"] for line in lines} == {public}
        assert f"corral keys add {config_of(ensemble, member)}" in lines[0]["cure"]
        told = [line["process"] for line in lines]
        assert sorted(told) == sorted(set(told)), "said more than once"

    for member in (1, 2):
        ensemble.corral("keys", "add", config_of(ensemble, member), "3", public)
    await_all_serving(ensemble)


def test_a_member_without_keys_refuses_and_prints_the_command(own: Start) -> None:
    ensemble = own(members=1)
    ensemble.stop(1)
    shutil.rmtree(ensemble.home(1) / "data" / "keys")

    done = ensemble.corral("member", config_of(ensemble, 1), check=False)

    assert done.returncode == REFUSED
    assert f"corral keys init {config_of(ensemble, 1)}" in done.stderr
