"""The benchmark's own ensembles: what it measures and stops is what runs."""

import signal
from pathlib import Path

from bench import procfs
from bench.ensembles import PlainCorral


def test_all_processes_of_each_member_are_found(tmp_path: Path) -> None:
    ensemble = PlainCorral(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    with ensemble.running():
        members = ensemble.wait_serving()

        # A supervisor, broadcast, election, a processor, the snapshotter, telemetry; a snapshot may be in the making.
        assert [member.id for member in members if len(member.pids) >= 6] == [1, 2, 3]
        assert len(frozenset.union(*(member.pids for member in members))) == sum(len(each.pids) for each in members)
        assert all(procfs.pss_mb(member.pids) > 10 for member in members)
    assert signal.getsignal(signal.SIGTERM) == handler
