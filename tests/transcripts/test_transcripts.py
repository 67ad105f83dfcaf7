from pathlib import Path

import pytest

from tests.transcripts.story import TESTDATA, retell


@pytest.mark.parametrize("path", sorted(TESTDATA.glob("*.txt")), ids=lambda path: path.stem)
def test_the_ensemble_talks_as_written(path: Path) -> None:
    assert retell(path.read_text()) == path.read_text()
