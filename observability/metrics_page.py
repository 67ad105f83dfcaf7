"""docs/metrics.md, made from the tables: `python -m observability.metrics_page --rewrite`; without it, to stdout."""

import sys
from collections.abc import Iterator
from pathlib import Path

from observability.metric import Metric
from observability.metrics import SECTIONS
from observability.zookeeper import ABSENT, ROWS

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"

_HEAD = """# Metrics

Made from `observability/metrics.py` and `observability/zookeeper.py` by
`python -m observability.metrics_page --rewrite`:
edit those, not this page.

Each member's telemetry process serves them at `http://<corral.metricsAddress>:<corral.metricsPort>/metrics`; where the
port is chosen freely, the file `metrics-port` in the run directory says it. Prometheus gets OpenMetrics with exemplars
(trace ids on histogram buckets, each of a write that the member's own clients sent; start it with
`--enable-feature=exemplar-storage`), older scrapers the classic text.

- Every metric carries the label `process`. `ensemble` and `member` are for the scrape configuration to add.
- Seconds and bytes, always. Counters end in `_total` and start again from 0 when their process is restarted.
- Histograms have two buckets per doubling, so that `histogram_quantile` is off by half at most;
  `rate(_sum) / rate(_count)` is exact. Those of stages are weighted by requests.
- What only a leader has is absent elsewhere. Of a process that is dead or has not reported for 15 s only
  `corral_process_up` (0) and the counts of its restarts and messages are left.
- zxids are shown as epoch and counter apart: beyond 2^53 Prometheus loses digits.
"""

_ZOOKEEPER = """## ZooKeeper's own names

On the same endpoint, without a prefix, as ZooKeeper's Prometheus provider has them: its sample alerts work, and so does
a dashboard made for it, such as number 10465 of grafana.com, but for its panels of the JVM and of the pipeline inside
ZooKeeper. Times are in ms. Quantiles (0.5, 0.9, 0.99) are of the last
ten minutes. Counters are untyped: OpenMetrics would want `_total` at their end. The four-letter word `mntr` gives the
same figures as `zk_…`, without labels; summaries there as `zk_avg_…`, `zk_cnt_…` and `zk_sum_…`.
"""

_ABSENT = """### What is absent, and why
"""


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for title, rows in SECTIONS:
        yield f"## {title}\n"
        yield from _table(("metric", "kind", "what it is", "what to do with it"), (
            (f"`{each.name}`{_labels(each)}", each.kind, f"{each.help} Of: {', '.join(each.sources)}.", each.matters)
            for each in rows))
    yield _ZOOKEEPER
    yield from _table(("metric", "kind", "here"), ((f"`{row.name}`", row.kind, row.help) for row in ROWS))
    yield _ABSENT
    yield from _table(("metric", "because"), ((f"`{names}`".replace(", ", "`, `"), why) for names, why in ABSENT))


def _labels(metric: Metric) -> str:
    return " by " + ", ".join(f"`{label}`" for label in metric.labels) if metric.labels else ""


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def main() -> None:
    if "--rewrite" in sys.argv[1:]:
        PAGE.write_text(page())
    else:
        sys.stdout.write(page())


if __name__ == "__main__":
    main()
