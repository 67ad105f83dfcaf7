"""Telemetry's way to the others, while members come."""

from pathlib import Path

from node.keys import allow_member, load_keys
from node.processes.telemetry_links import Links
from tests.processes.small_ensemble import make_configs
from transport.poller import Poller
from transport.sockets import Sockets


def test_a_new_member_that_zoo_cfg_does_not_name_yet_gets_no_answer_and_ends_nothing(tmp_path: Path) -> None:
    configs = make_configs(tmp_path, 2, tick_ms=2000)
    allow_member(configs[0], 3, load_keys(configs[1]).public.decode())
    sockets = Sockets()
    try:
        links = Links(configs[0], sockets, Poller())
        assert not links.send(3, b"a question's answer")
        links.follow({3: "127.0.0.1:1:2:observer"})
        assert links.send(3, b"a question's answer")
    finally:
        sockets.close()
