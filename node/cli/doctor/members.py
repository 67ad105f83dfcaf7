"""Whether the members serve, are in step, and how many more may fail."""

from typing import Final

from node.cli.doctor.subject import Subject
from node.cli.status import with_lag
from node.self_check.finding import Finding, Level

LAG_MAX: Final = 1000  # transactions; more than a moment's worth on any ensemble
_NAME: Final = "members"


def check(subject: Subject) -> list[Finding]:
    found = []
    statuses = with_lag(subject.statuses)
    serving = [each for each in statuses if each.is_serving and each.role != "observer"]
    for each in statuses:
        who = f"member {each.id} at {each.address}" if each.id else each.address
        if each.values.get("differs"):
            found.append(Finding(_NAME, Level.FAILURE, f"{who}: its data differ from the others'",
                                 "it rebuilds itself; if this stays, look at that machine's memory and disk"))
        elif not each.is_serving:
            found.append(Finding(_NAME, Level.FAILURE, f"{who} does not serve: {each.why or each.role}",
                                 "look at its log, and whether its machine and network are up"))
        elif (each.lag or 0) > LAG_MAX:
            found.append(Finding(_NAME, Level.WARNING, f"{who} is {each.lag:,} transactions behind",
                                 "look at its disk and load; `corral trace` names the slow stage"))
    leaders = [each.address for each in statuses if each.role == "leader" and each.is_serving]
    if len(leaders) > 1:
        found.append(Finding(_NAME, Level.FAILURE, f"several lead: {', '.join(leaders)}",
                             "these servers are not one ensemble: ask them apart, or mend their server lines"))
    voters = max((each.voters for each in statuses), default=0) or len(statuses)
    slack = len(serving) - (voters // 2 + 1)
    if voters > 2 and len(statuses) >= voters and slack <= 0:
        level = Level.FAILURE if slack < 0 else Level.WARNING
        found.append(Finding(_NAME, level, f"{len(serving)} of {voters} voters serve: "
                             + ("writes stop with the next failure" if slack == 0 else "no quorum"),
                             "bring the others back"))
    if voters == 2:
        found.append(Finding(_NAME, Level.WARNING, "two voters: the failure of either stops writes",
                             "add a third, or run one alone"))
    return found
