"""Leaves faults out of a failing seed's plan for as long as it fails in the same way."""

from tests.simulation.run import Options, Result, run


def minimise(failed: Result, options: Options | None = None) -> Result:
    """One fault less at a time, from the end: what is left is needed, given the rest."""
    best = failed
    at = len(best.faults) - 1
    while at >= 0:
        fewer = best.faults[:at] + best.faults[at + 1:]
        result = run(best.seed, options, faults=fewer)
        if result.finding is not None and result.checker == failed.checker:
            best = result
        at -= 1
    return best
