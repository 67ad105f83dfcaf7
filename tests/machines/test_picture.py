"""The page and the figures of a run, from a short history made by hand."""

import re
from xml.etree import ElementTree

from tests.histories.checks import Finding
from tests.histories.making import made
from tests.histories.operation import Outcome
from tests.machines.nemesis import Strike
from tests.machines.picture import draw
from tests.machines.summary import Figures

HISTORY = [
    *(made("set", "add", f"{n}", f"/set/n-{n:010}", at=(n / 10, n / 10 + 0.02), client="adder") for n in range(50)),
    made("register", "get", None, [0, "x"], at=(1, 1.004), client="reader"),
    made("set", "add", "lost", None, at=(5, 9), outcome=Outcome.UNKNOWN, client="adder"),
    made("set", "add", "late", "/set/n-0000000051", at=(8, 9.5), client="adder"),
]
STRIKES = [Strike("power cut", "member 1 (leader) <&>", 4.8, 9.0), Strike("delay", "member 2", 9.2)]
FIGURES = Figures.of(HISTORY, 10.0)


def test_figures_tell_the_longest_time_without_an_acknowledged_write() -> None:
    gap_s, from_s = FIGURES.gaps[0]

    assert (round(gap_s, 2), round(from_s, 2)) == (4.58, 4.92)
    assert (FIGURES.operations, FIGURES.writes, FIGURES.unknown) == (52, 51, 1)
    assert FIGURES.available == 6 / 11


def test_the_page_has_a_lane_for_each_client_and_each_kind_of_fault() -> None:
    page = draw(7, HISTORY, STRIKES, [], FIGURES)

    svg, = re.findall(r"<svg.*</svg>", page, re.DOTALL)
    texts = [each.text for each in ElementTree.fromstring(svg).iter() if each.tag.endswith(("text", "title"))]
    assert {"adder", "power cut", "delay", "latency", "   4.8 s  power cut: member 1 (leader) <&>"} <= set(texts)
    assert "Nothing was found wrong" in page
    assert "http" not in page


def test_the_page_says_what_was_found() -> None:
    page = draw(7, HISTORY, STRIKES, [Finding("creates exactly once", "lost: <x>")], FIGURES)

    assert "creates exactly once: lost: &lt;x&gt;" in page
