"""PromQL as the dashboards write it: selectors and windows are short here and whole in the JSON.

`{M}` selects the chosen ensemble's chosen members, `{E}` all of its members; more labels may follow:
`{M,stage="append"}`.  `[R]` is $__rate_interval: never shorter than four scrapes, so that rate() has two samples.
"""

from dataclasses import dataclass

ENSEMBLE = 'ensemble="$ensemble"'
MEMBERS = 'ensemble="$ensemble",member=~"$member"'


@dataclass(frozen=True)
class Query:
    """expr: with the short forms above; legend: Grafana's template of labels, "" for a name of its own choice."""

    expr: str
    legend: str = ""
    exemplar: bool = False

    @property
    def promql(self) -> str:
        return self.expr.replace("{M", "{" + MEMBERS).replace("{E", "{" + ENSEMBLE).replace("[R]", "[$__rate_interval]")


def quantile(
    part: float, histogram: str, *, by: str, legend: str, where: str = "", everywhere: bool = False
) -> Query:
    """With exemplars: each dot is a trace.  everywhere: of all members, since the leader's figures tell of others."""
    buckets = f"{histogram}_bucket{_selector(where, everywhere=everywhere)}"
    return Query(f"histogram_quantile({part}, sum by ({by}, le) (rate({buckets}[R])))", legend, exemplar=True)


def mean(histogram: str, *, by: str, legend: str, where: str = "") -> Query:
    sums = [f"sum by ({by}) (rate({histogram}_{each}{_selector(where)}[R]))" for each in ("sum", "count")]
    return Query(" / ".join(sums), legend)


def rate(counter: str, *, by: str, legend: str, where: str = "") -> Query:
    return Query(f"sum by ({by}) (rate({counter}{_selector(where)}[R]))", legend)


def begun(counter: str, *, by: str) -> str:
    """How much it rose, to the unit, also where the series is new: increase() is blind for the first of a kind."""
    now, then = (f"sum by ({by}) ({counter}{{M}}{shift})" for shift in ("", " offset $__rate_interval"))
    return f"({now} - {then}) > 0 or ({now} unless {then}) > 0"


def in_a_day(expr: str) -> Query:
    """expr: one series."""
    return Query(f"clamp_min(predict_linear({expr}[1h:1m], 86400), 0)", "in a day, as the last hour")


def _selector(where: str, *, everywhere: bool = False) -> str:
    return "{" + ",".join(filter(None, ["E" if everywhere else "M", where])) + "}"
