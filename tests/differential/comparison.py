"""One sequence on two servers, and the first place where they differ, told to a human."""

import itertools
from concurrent.futures import ThreadPoolExecutor

from tests.differential.normalise import Line, normalise
from tests.differential.runner import roots, run
from tests.differential.steps import Sequence
from tests.wire_connection import Address

SHOWN = 5


def difference(sequence: Sequence, reference: list[Line], candidate: list[Line]) -> str:
    """What differs first, and what follows it in that step: - the reference, + the candidate."""
    if reference == candidate:
        return ""
    first = next(
        line
        for pair in itertools.zip_longest(reference, candidate)
        if pair[0] != pair[1]
        for line in pair
        if line is not None
    )
    step = "the opening" if first.step == 0 else "the end"
    if 0 < first.step <= len(sequence.steps):
        step = str(sequence.steps[first.step - 1])
    sides = [[line.what for line in lines if line[:2] == first[:2]] for lines in (reference, candidate)]
    pairs = zip(*sides, strict=False)
    equal = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return "\n".join(
        [f"step {first.step}, as client {first.slot} sees it, after {equal} equal lines: {step}"]
        + [f"- {what}" for what in sides[0][equal : equal + SHOWN]]
        + [f"+ {what}" for what in sides[1][equal : equal + SHOWN]]
    )


def compare_together(sequences: list[Sequence], reference: list[Address], candidate: list[Address]) -> str:
    """The differences of sequences that run at the same time, as an ensemble commits by groups."""
    with ThreadPoolExecutor(max_workers=len(sequences)) as pool:
        runs = [pool.submit(compare, sequence, reference, candidate) for sequence in sequences]
    told = zip(sequences, (run.result() for run in runs), strict=True)
    return "\n\n".join(f"{sequence}:\n{what}" for sequence, what in told if what)


def compare(sequence: Sequence, reference: list[Address], candidate: list[Address]) -> str:
    """The difference between the two; empty when there is none."""
    root = next(roots)
    expected = normalise(run(sequence, reference, root))
    received = normalise(run(sequence, candidate, next(roots) if reference is candidate else root))
    return difference(sequence, expected, received)
