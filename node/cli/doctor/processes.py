"""Processes of members: dead, restarting, short of files, stalled; alarms that nobody looked at."""

from typing import Final

from node.cli.doctor.subject import Scrapes, Subject
from node.self_check.finding import Finding, Level

FILES_PART: Final = 0.8
STALLED_PART: Final = 0.05  # of the time that it was observed
RESTARTS: Final = 3
_NAME: Final = "processes"


def check(subject: Subject) -> list[Finding]:
    return [finding for each in subject.scrapes for finding in judge(each, subject.seconds)]


def judge(each: Scrapes, seconds: float) -> list[Finding]:
    return [*_dead(each), *_files(each), *_stalled(each, seconds), *_alarms(each)]


def _dead(each: Scrapes) -> list[Finding]:
    found = [
        Finding(_NAME, Level.FAILURE, f"{each.member}: {labels['process']} is dead", "its log says why it ended")
        for labels, value in each.now.series("corral_process_up") if not value]
    return found + [
        Finding(_NAME, Level.WARNING, f"{each.member}: {labels['process']} was started again {value:.0f} times",
                "its log says why it ended")
        for labels, value in each.now.series("corral_process_restarts_total") if value >= RESTARTS]


def _files(each: Scrapes) -> list[Finding]:
    found = []
    for labels, used in each.now.series("corral_process_open_fds"):
        most = each.now.most("corral_process_max_fds", process=labels["process"]) or 0.0
        if most and used >= FILES_PART * most:
            found.append(Finding(
                _NAME, Level.WARNING, f"{each.member}: {labels['process']} has {used:,.0f} of {most:,.0f} files open",
                "raise LimitNOFILE of its unit (ulimit -Hn), or have clients share connections"))
    return found


def _stalled(each: Scrapes, seconds: float) -> list[Finding]:
    found = []
    for labels, total in each.now.series("corral_event_loop_stalled_seconds_total"):
        stalled_s = total - (each.before.most("corral_event_loop_stalled_seconds_total", **labels) or 0.0)
        if seconds and stalled_s >= STALLED_PART * seconds:
            found.append(Finding(
                _NAME, Level.WARNING,
                f"{each.member}: {labels['process']} stood still for {stalled_s:.1f} of {seconds:.1f} s",
                "its machine is overloaded or was paused: look at its CPU, steal time and swap"))
    return found


def _alarms(each: Scrapes) -> list[Finding]:
    return [
        Finding(_NAME, Level.WARNING, f"{each.member}: {labels['process']} raised the alarm {labels['event']} "
                f"{value:.0f} times since it started", "the line of that event in its log says what to do")
        for labels, value in each.now.series("corral_alarms_total") if value]
