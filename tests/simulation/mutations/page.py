"""The tables of docs/simulation.md."""

from collections.abc import Mapping
from pathlib import Path

from tests.simulation.mutations.known_bugs import KNOWN_BUGS
from tests.simulation.mutations.table import MUTATIONS

PAGE = Path(__file__).parents[3] / "docs" / "simulation.md"
MARKS = ("<!-- mutations -->", "<!-- known bugs -->", "<!-- end -->")

Found = Mapping[str, tuple[int, str]]  # mutation -> seeds until it was found, checker


def mutation_rows(found: Found) -> list[str]:
    rows = ["| rule | broken on purpose | seeds until found | by |", "| --- | --- | ---: | --- |"]
    for mutation in MUTATIONS:
        seeds, checker = found.get(mutation.name, (0, "not looked for"))
        rows.append(f"| {mutation.rule} | {mutation.name} | {seeds} | {checker} |")
    return rows


def known_bug_rows() -> list[str]:
    rows = ["| ZooKeeper's issues | what went wrong | here |", "| --- | --- | --- |"]
    for bug in KNOWN_BUGS:
        here = "; ".join(bug.mutations) or f"no mutation: {bug.reason}"
        rows.append(f"| {bug.issues} | {bug.scenario} | {here} |")
    return rows


def read_found(page: str) -> dict[str, tuple[int, str]]:
    """As the page has it."""
    found = {}
    for line in part(page, 0).splitlines()[2:]:
        _, _, name, seeds, checker, _ = (each.strip() for each in line.split("|"))
        found[name] = (int(seeds), checker)
    return found


def part(page: str, number: int) -> str:
    return page.partition(MARKS[number])[2].partition("<!--")[0].strip()


def rewritten(page: str, found: Found) -> str:
    parts = [mutation_rows(found), known_bug_rows()]
    for mark, rows in zip(MARKS, parts, strict=False):
        before, _, behind = page.partition(mark)
        page = f"{before}{mark}\n" + "\n".join(rows) + "\n<!--" + behind.partition("<!--")[2]
    return page
