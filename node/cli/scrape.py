"""The figures of one member's metrics port, as Prometheus gets them."""

from collections.abc import Mapping

from node.cli.site import Site

Labels = frozenset[tuple[str, str]]


class Figures:
    """Of one scrape: name -> labels -> value."""

    def __init__(self, text: str) -> None:
        from prometheus_client.parser import text_string_to_metric_families

        self._samples: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value

    def series(self, name: str) -> list[tuple[dict[str, str], float]]:
        return [(dict(labels), value) for labels, value in self._samples.get(name, {}).items()]

    def total(self, name: str, **labels: str) -> float | None:
        """The sum of all series with these labels; None: there is none."""
        values = [value for found, value in self.series(name) if _has(found, labels)]
        return sum(values) if values else None

    def most(self, name: str, **labels: str) -> float | None:
        return max((value for found, value in self.series(name) if _has(found, labels)), default=None)

    def values(self, name: str, label: str) -> list[str]:
        """Those that a label has, in order."""
        return list(dict.fromkeys(found[label] for found, _ in self.series(name) if label in found))

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """Upper bound -> count up to it, of all processes."""
        counts: dict[float, float] = {}
        for found, value in self.series(f"{name}_bucket"):
            if _has(found, labels):
                bound = float(found["le"])
                counts[bound] = counts.get(bound, 0.0) + value
        return counts


def _has(found: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(found.get(name) == value for name, value in labels.items())


def scrape(site: Site) -> Figures:
    """Raises OSError."""
    return Figures(site.get("/metrics").decode())


def quantile(part: float, now: Mapping[float, float], before: Mapping[float, float] | None = None) -> float | None:
    """Of what came between two scrapes, within its bucket as if spread evenly; None: nothing did."""
    then = before or {}
    counts = sorted((bound, max(value - then.get(bound, 0.0), 0.0)) for bound, value in now.items())
    if not counts or not counts[-1][1]:
        return None
    wanted, low, below = counts[-1][1] * part, 0.0, 0.0
    for bound, upto in counts:
        if upto >= wanted and upto > below:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / (upto - below)
        low, below = bound, upto
    return low
