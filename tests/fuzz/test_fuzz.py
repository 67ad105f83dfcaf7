"""The short version of the fuzzing (`make fuzz` is the long one), and every input that was kept."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.edits import Edit, Kind, edited
from tests.fuzz.targets import CORPUS, TARGETS, Target

PLACES = st.integers(0, (1 << 16) - 1)
EDITS = st.lists(st.builds(Edit, st.integers(0, len(Kind) - 1), PLACES, PLACES), max_size=6)
KEPT = [(target, path) for target in TARGETS for path in target.corpus()]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_honest_input_is_taken(target: Target) -> None:
    for seed in target.make_seeds():
        target.run(seed)


@pytest.mark.parametrize(("target", "path"), KEPT, ids=[f"{target.name}/{path.name}" for target, path in KEPT])
def test_an_input_that_was_kept_does_no_harm(target: Target, path: Path) -> None:
    target.run(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_changed_input_does_no_harm(target: Target) -> None:
    seeds = target.seeds()

    @settings(
        max_examples=target.examples, derandomize=True, database=None, deadline=None, print_blob=True,
        suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(seeds), EDITS, st.binary(max_size=300))
    def run(seed: bytes, edits: list[Edit], noise: bytes) -> None:
        target.run(edited(seed, edits, [*seeds, noise]))

    run()


def test_every_folder_of_the_corpus_belongs_to_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= {target.name for target in TARGETS}
