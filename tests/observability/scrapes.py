"""What a member's telemetry shows Prometheus, series by series."""

import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.corral import Ensemble
from tests.waiting import wait_until

HEARD = ("broadcast", "processor-0")


def series(ensemble: Ensemble, member: int, label: str = "reason") -> dict[tuple[str, str], float]:
    """(name, value of *label* or empty) → value, summed over processes."""
    with urllib.request.urlopen(ensemble.admin(member, "/metrics"), timeout=5) as answer:
        text = answer.read().decode()
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, sample.labels.get(label, "")
            found[key] = found.get(key, 0.0) + sample.value
    return found


def await_telemetry(ensemble: Ensemble) -> None:
    """Each member's hears its own processes: what they note from here on comes."""

    def hears(member: int) -> bool:
        try:
            found = series(ensemble, member, "process")
        except urllib.error.URLError:
            return False
        return all(found.get(("corral_process_up", process)) == 1 for process in HEARD)

    for member in ensemble.local.members:
        wait_until(lambda member=member: hears(member.id), seconds=60, what=f"telemetry of {member.id} hears")
