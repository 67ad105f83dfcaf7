"""What one member's metrics port tells: JSON of its routes, and figures as Prometheus gets them."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

ANSWER_S: Final = 6.0

Labels = frozenset[tuple[str, str]]


def fetch(server: str, path: str, *, timeout_s: float = ANSWER_S) -> bytes:
    """*server*: host:port.  Raises OSError: no answer, or another than 200."""
    # The member refuses names that are not its own, for browsers' sake; an operator may call it as he likes.
    request = urllib.request.Request(f"http://{server}{path}", headers={"Host": "localhost"})
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        body: bytes = answer.read()
        return body


def fetch_json(server: str, path: str, *, timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """Raises OSError, also where what answers is no member's."""
    try:
        found = json.loads(fetch(server, path, timeout_s=timeout_s))
    except ValueError:
        raise OSError("what answers there is no member's metrics port") from None
    if not isinstance(found, dict):
        raise OSError("what answers there is no member's metrics port")
    return found


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


def scrape(server: str) -> Figures:
    """Raises OSError."""
    return Figures(fetch(server, "/metrics").decode())


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
