"""PromQL taken apart: which metrics an expression reads, with which matchers, inside which functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser

# Those of forecasts are hours; their shape is the same.
WINDOWS = {"$__rate_interval": "4s", "$__interval": "1s", "$__range": "60s", "[1h:1m]": "[10s:1s]"}


@dataclass(frozen=True)
class Selector:
    metric: str
    matchers: Mapping[str, str]  # label: operator and value, as in {"member": '=~"$member"'}
    functions: tuple[str, ...]  # outermost first


def substituted(expr: str, *, windows: Mapping[str, str] | None = None, **variables: str) -> str:
    """As Grafana fills it in.  variables: ensemble, member."""
    for name, value in sorted({**WINDOWS, **(windows or {})}.items(), key=lambda item: -len(item[0])):
        expr = expr.replace(name, value)
    for name, value in variables.items():
        expr = expr.replace(f"${name}", value)
    return expr


def selectors(expr: str) -> list[Selector]:
    """Raises ValueError: not PromQL."""
    # The window is a variable still, which no parser of PromQL knows.
    parsed = promql_parser.parse(substituted(expr))
    found: list[Selector] = []
    functions: list[str] = []

    def enter(node: Any) -> bool:
        if isinstance(node, promql_parser.Call):
            functions.append(node.func.name)
        elif isinstance(node, promql_parser.AggregateExpr):
            functions.append(str(node.op))
        elif isinstance(node, promql_parser.VectorSelector):
            matchers = {m.name: f"{operator(m.op)}\"{m.value}\"" for m in node.matchers.matchers}
            found.append(Selector(node.name or "", matchers, tuple(functions)))
        return True

    def leave(node: Any) -> bool:
        if isinstance(node, promql_parser.Call | promql_parser.AggregateExpr):
            functions.pop()
        return True

    promql_parser.walk(parsed, enter, leave)
    return found


def operator(op: Any) -> str:
    return {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}[str(op).rpartition(".")[2]]


def family_of(metric: str, known: frozenset[str]) -> str | None:
    """The row of the metrics' table that a series belongs to; None: there is no such row."""
    for name in (metric, re.sub(r"_(bucket|sum|count)$", "", metric), f"{metric}_total"):
        if name in known:
            return name
    return None
