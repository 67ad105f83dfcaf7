"""What a seed decides beside its faults: how large the ensemble is, and whether it is restored or reconfigured."""

from dataclasses import replace

from tests.simulation.ensemble import Scale
from tests.simulation.faults import DAMAGES, FaultOptions

MEMBERS = {17: 5, 33: 1, 37: 5}  # of forty seeds; the others have three
RECONFIGURED = 37  # of forty
RESTORED = 9  # of twenty


def scale_of(seed: int, scale: Scale) -> Scale:
    """In some runs two processors each, local sessions, old snapshots kept as in production."""
    members = MEMBERS.get(seed % 40, 3) if scale.members == Scale.members else scale.members
    return replace(
        scale, members=members, processors=2 if seed % 5 == 1 else scale.processors,
        local_sessions=scale.local_sessions or seed % 7 == 2,
        retained_snapshots=3 if seed % 6 == 5 else scale.retained_snapshots)


def is_reconfigured(seed: int, scale: Scale) -> bool:
    """An operator changes the members again and again."""
    return seed % 40 == RECONFIGURED and scale.members == Scale.members


def is_restored(seed: int) -> bool:
    """Amid its faults a backup is taken; later the whole ensemble goes on from it, under more faults."""
    return seed % 20 == RESTORED


def faults_of(seed: int, scale: Scale, faults: FaultOptions) -> FaultOptions:
    """Where members come and go, one disk less may be one too many."""
    if not is_reconfigured(seed, scale):
        return faults
    return replace(faults, weights={
        kind: 0.0 if kind in DAMAGES else weight for kind, weight in faults.weights.items()})
