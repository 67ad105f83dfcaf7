"""Words that are not allowed, not known, or asked of a member that serves nobody."""

import contextlib
from pathlib import Path

import pytest

from tests.corral import corral_ensemble
from tests.fourletter.conftest import Pair, started
from tests.fourletter.words import ask, shape
from tests.waiting import wait_until

WORDS = [
    "ruok", "srvr", "stat", "mntr", "conf", "cons", "isro", "dump", "wchs", "wchc",
    "wchp", "envi", "dirs", "srst", "crst", "hash", "gtmk",
]
NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n"


@pytest.mark.parametrize("word", sorted(set(WORDS) - {"srvr"}))
def test_a_word_that_is_not_allowed_is_refused_in_zookeepers_words(
    reserved_pair: Pair, word: str
) -> None:
    genuine, corral = (ask(servers.addresses[0], word) for servers in reserved_pair.both)

    assert corral == genuine
    assert "not in the whitelist" in corral


def test_an_allowed_word_is_answered(reserved_pair: Pair) -> None:
    genuine, corral = (ask(servers.addresses[0], "srvr") for servers in reserved_pair.both)

    assert shape(corral) == shape(genuine)
    assert "Mode: standalone" in corral


def test_only_srvr_is_allowed_where_the_configuration_says_nothing(tmp_path: Path) -> None:
    with corral_ensemble(tmp_path, members=1) as ensemble:
        ensemble.stop(1)
        file = ensemble.home(1) / "zoo.cfg"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith("4lw.")))
        ensemble.start(1)

        allowed = [w for w in WORDS if "whitelist" not in ask(ensemble.addresses[0], w)]

    assert allowed == ["srvr"]


@pytest.mark.parametrize("word", ["ruoK", "abcd", "RUOK", "    "])
def test_what_is_no_word_ends_the_connection(pair: Pair, word: str) -> None:
    """It is taken for the length of a frame that is too long."""
    for servers in pair.both:
        with contextlib.suppress(ConnectionResetError):
            assert ask(servers.addresses[0], word) == ""


def test_a_member_without_a_quorum_says_that_it_does_not_serve(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with started(tmp_path_factory, 3) as pair:
        for servers in pair.both:
            servers.kill(1)
            servers.kill(2)
        addresses = [servers.addresses[2] for servers in pair.both]
        for address in addresses:
            wait_until(
                lambda address=address: ask(address, "srvr") == NOT_SERVING,  # type: ignore[misc]
                seconds=60,
                what=f"{address} has noticed",
            )

        answers = {word: [ask(address, word) for address in addresses] for word in WORDS}

    for word, (genuine, corral) in answers.items():
        if word == "envi":
            assert corral.startswith("Environment:\nzookeeper.version=")
        else:
            assert corral == genuine, word
