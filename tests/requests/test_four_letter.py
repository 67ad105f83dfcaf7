"""Layouts of the four-letter words, as a genuine 3.8.0 server printed them."""

from typing import Any

from node.requests.four_letter import WORDS, Facts, answer, latency_avg, merged, refused

CONNECTION = {
    "address": "127.0.0.1", "port": 52500, "queued": 0, "received": 4, "sent": 4, "session": 0x100001581EE0000,
    "last_op": 3, "established": 1795318887198, "timeout": 10000, "last_xid": 3, "last_zxid": 0x100000002,
    "last_response": 1409775, "due": 1795318897000,
}
REPORT: dict[str, Any] = {
    "received": 7, "sent": 6, "outstanding": 0, "latency_sum": 35, "latency_min": 1, "latency_max": 10,
    "alive_connections": 1, "zxid": 0x100000002, "znodes": 6, "uptime_ms": 552,
    "figures": [{"watches": 2, "ephemerals": 1, "data_bytes": 185, "started_ms": 448, "executed_counter": 2}],
    "sessions": [(0x100001581EE0000, 10000, ["/e"])],
    "digests": [(0x80, 3325340858)], "trace_mask": 306,
    "connections": [CONNECTION], "watches_by_connection": [(0x100001581EE0000, ["/e", "/nn"])],
}


def facts(role: str = "follower", *, serving: bool = True, **report: Any) -> Facts:
    figures = {"proposal_bytes": [87, 48, 87], "is_leader": int(role == "leader"), "voters": 3}
    member = {"role": role, "quorum_size": 3, "figures": figures}
    return Facts(version="3.8.0", serving=serving, member=member, report=REPORT | report, now_ms=1000)


def test_srvr_of_a_follower_and_of_a_leader() -> None:
    follower = answer("srvr", facts())
    assert follower == (
        "Zookeeper version: 3.8.0\nLatency min/avg/max: 1/5.0/10\nReceived: 7\nSent: 6\nConnections: 1\n"
        "Outstanding: 0\nZxid: 0x100000002\nMode: follower\nNode count: 6\n")
    assert answer("srvr", facts("leader")) == (
        follower.replace("follower", "leader") + "Proposal sizes last/min/max: 87/48/87\n")


def test_digests_and_the_trace_mask_are_laid_out_as_zookeepers() -> None:
    assert answer("hash", facts()) == "80: 3325340858\n"
    assert answer("gtmk", facts()) == answer("stmk", facts()) == "306"


def test_cons_tells_each_connection() -> None:
    assert answer("cons", facts()) == (
        " /127.0.0.1:52500[1](queued=0,recved=4,sent=4,sid=0x100001581ee0000,lop=EXIS,est=1795318887198,to=10000,"
        "lcxid=0x3,lzxid=0x100000002,lresp=1409775,llat=0,minlat=0,avglat=0,maxlat=0)\n\n")


def test_dump_of_a_follower_and_of_a_leader() -> None:
    ephemerals = "ephemeral nodes dump:\nSessions with Ephemerals (1):\n0x100001581ee0000:\n\t/e\n"
    connections = (
        "Connections dump:\nConnections Sets (1)/(1):\n1 expire at Sun Nov 22 03:41:37 UTC 2026:\n"
        "\tip: /127.0.0.1:52500 sessionId: 0x100001581ee0000\n")
    assert answer("dump", facts()) == (
        "SessionTracker dump:\nGlobal Sessions(1):\n0x100001581ee0000\t10000ms\n" + ephemerals + connections)
    assert answer("dump", facts("leader", deadlines=[1795318897000])) == (
        "SessionTracker dump:\nSession Sets (1)/(1):\n1 expire at Sun Nov 22 03:41:37 UTC 2026:\n\t0x100001581ee0000\n"
        + ephemerals + connections)


def test_watches_by_session_by_path_and_in_sum() -> None:
    assert answer("wchs", facts()) == "1 connections watching 2 paths\nTotal watches:2\n"
    assert answer("wchc", facts()) == "0x100001581ee0000\n\t/e\n\t/nn\n\n"
    assert answer("wchp", facts()) == "/e\n\t0x100001581ee0000\n/nn\n\t0x100001581ee0000\n\n"


def test_mntr_tells_a_leaders_proposals() -> None:
    rows = dict(line.split("\t") for line in answer("mntr", facts("leader")).splitlines())
    assert rows["zk_server_state"] == "leader"
    assert rows["zk_peer_state"] == "leading - broadcast"
    assert rows["zk_max_proposal_size"] == "87"
    assert rows["zk_approximate_data_size"] == "185"
    assert rows["zk_uptime"] == "552"
    assert "zk_max_proposal_size" not in answer("mntr", facts("follower"))


def test_a_member_that_does_not_serve_says_so_and_ruok_is_about_the_process() -> None:
    silent = facts(serving=False)
    assert answer("ruok", silent) == "imok"
    assert answer("isro", silent) == "null"
    assert {word for word in WORDS if "not currently serving" in answer(word, silent)} >= {"srvr", "stat", "mntr"}


def test_processors_of_a_member_add_up() -> None:
    both = merged([REPORT, REPORT | {"latency_max": 30}])
    assert (both["received"], both["alive_connections"], both["latency_max"]) == (14, 2, 30)
    assert len(both["connections"]) == 2
    assert both["znodes"] == 6
    assert latency_avg(both) == 5.0


def test_a_word_off_the_whitelist_is_named() -> None:
    assert refused("mntr") == "mntr is not executed because it is not in the whitelist.\n"
