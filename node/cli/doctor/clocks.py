"""Clocks of members that differ."""

from typing import Final

from node.cli.doctor.subject import Scrapes, Subject
from node.self_check.finding import Finding, Level

SKEW_S, LARGE_S = 0.5, 10.0
_CURE: Final = "run chrony or systemd-timesyncd on every host: times of znodes, TTLs, logs and certificates go by it"


def check(subject: Subject) -> list[Finding]:
    return [finding for each in subject.scrapes for finding in judge(each)]


def judge(each: Scrapes) -> list[Finding]:
    found = []
    for labels, offset_s in each.now.series("corral_clock_offset_seconds"):
        sure_s = each.now.most("corral_clock_uncertainty_seconds", peer=labels["peer"]) or 0.0
        skew_s = abs(offset_s) - sure_s
        if skew_s >= SKEW_S:
            level = Level.FAILURE if skew_s >= LARGE_S else Level.WARNING
            said = f"member {labels['peer']}'s clock differs from its own by {abs(offset_s):.2f} s (± {sure_s:.2f})"
            found.append(Finding("clocks", level, f"{each.member}: {said}", _CURE))
    return found
