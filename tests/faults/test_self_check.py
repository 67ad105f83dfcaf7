"""`corral self-check` of a member that serves: it says so, and sees who is missing."""

import json
from typing import Any

from tests.corral import Ensemble, kazoo_client


def findings(ensemble: Ensemble, member: int) -> dict[str, list[dict[str, Any]]]:
    """By check."""
    done = ensemble.corral("self-check", str(ensemble.home(member) / "zoo.cfg"), "--json", check=False)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.stdout)["findings"]:
        found.setdefault(each["check"], []).append(each)
    worst = {"ok": 0, "warning": 1, "failure": 2}
    assert done.returncode == max(worst[each["level"]] for rows in found.values() for each in rows)
    return found


def test_a_member_that_serves_is_found_well_while_clients_write(ensemble: Ensemble) -> None:
    ensemble.corral("backup", str(ensemble.home(1) / "zoo.cfg"), "--keep", "1")
    with kazoo_client(ensemble.addresses) as client:
        writes = [client.create_async("/self-check-", b"x" * 1000, sequence=True) for _ in range(300)]
        found = findings(ensemble, 1)
        for write in writes:
            write.get(timeout=30)

    levels = {check: {each["level"] for each in rows} for check, rows in found.items() if check != "clock"}
    assert levels.pop("configuration") <= {"ok", "warning"}  # test hooks may be warned of
    assert set(map(frozenset, levels.values())) == {frozenset({"ok"})}
    assert {"keys", "directories", "room", "log", "backup", "member", "versions"} <= levels.keys()


def test_a_member_that_is_missing_is_a_warning_and_the_own_one_a_failure(ensemble: Ensemble) -> None:
    ensemble.stop(3)

    (away,) = [each for each in findings(ensemble, 1)["member"] if each["level"] != "ok"]
    assert (away["level"], "member 3" in away["evidence"]) == ("warning", True)
    assert next(each["level"] for each in findings(ensemble, 3)["member"]) == "failure"
