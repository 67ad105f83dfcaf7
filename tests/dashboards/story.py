"""An ensemble under load, watched by Debian's Prometheus, with faults in it: told once, asked by many tests.

Each chapter's name stands for the time in which it went on, as Prometheus's clock has it.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, KazooException

from node.cli.observe import start_prometheus, stop_prometheus
from tests.corral import Ensemble, connect_string, corral_ensemble, kazoo_client
from tests.dashboards.queries import PanelQuery, PrometheusServer, Series, finite
from tests.dashboards.workload import SESSION_S, clients
from tests.observability.receivers import http_receiver
from tests.waiting import wait_until

SETTINGS = {
    "tickTime": "1000",
    "initLimit": "20",
    "syncLimit": "4",
    "corral.snapshotBytes": "65536",
    "corral.otlpProtocol": "http/protobuf",
    "corral.testHooks": "true",
}
LEAVING = """\
import os, sys
from kazoo.client import KazooClient
KazooClient(sys.argv[1], timeout=float(sys.argv[2])).start(timeout=30)
os._exit(0)
"""
HEALTH_TRIES = 3
HEALTHY_S = 10.0  # of scrapes, once a second
SETTLED_S = 5.0  # after a fault: the window of rates, and a scrape


@dataclass
class Story:
    """chapters: from and to, Unix time."""

    ensemble: Ensemble
    prometheus: PrometheusServer
    chapters: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The label `ensemble`."""
        return self.ensemble.data.name

    def ask(self, query: PanelQuery, chapter: str) -> list[Series]:
        """What the panel would draw for that time: series with numbers in them."""
        start_s, end_s = self.chapters[chapter]
        return finite(query.ask_range(self.prometheus, ensemble=self.name, start_s=start_s, end_s=end_s))

    def exists(self, selector: str, chapter: str) -> bool:
        start_s, end_s = self.chapters[chapter]
        return bool(finite(self.prometheus.query_range(selector, start_s, end_s)))

    @contextlib.contextmanager
    def chapter(self, name: str, *, settle_s: float = 0.0) -> Iterator[None]:
        start_s = time.time()
        yield
        self.pass_time(settle_s)
        self.chapters[name] = (start_s, time.time())
        self.chapters["whole"] = (min(start for start, _ in self.chapters.values()), time.time())

    def pass_time(self, seconds: float) -> None:
        """Until so many more scrapes of every member that lives have been stored."""
        until_s = time.time() + seconds
        lives = f'max(timestamp(up{{ensemble="{self.name}"}}))'

        def stored() -> bool:
            newest = self.prometheus.query(lives)
            return bool(newest) and float(newest[0]["value"][1]) >= until_s

        wait_until(stored, seconds=seconds + 30, what=f"{seconds:g} s of scrapes")


@contextlib.contextmanager
def told(directory: Path) -> Iterator[Story]:
    """The whole story; it can be asked until the context ends."""
    with http_receiver() as collector, corral_ensemble(
        directory, settings={**SETTINGS, "corral.otlpEndpoint": collector.endpoint}, name="story"
    ) as ensemble:
        prometheus = start_prometheus(ensemble.local, dies_with_us=True)
        assert prometheus is not None, (ensemble.data / "observe" / "log").read_text()
        story = Story(ensemble, PrometheusServer(prometheus.url))
        try:
            with clients(ensemble.addresses):
                live_through(story)
            yield story
        finally:
            stop_prometheus(ensemble.data)


def live_through(story: Story) -> None:
    wait_until(lambda: story.prometheus.query("sum(corral_is_serving) == 3"), seconds=30, what="all three serve")
    story.pass_time(SETTLED_S)
    live_in_health(story)
    with story.chapter("small faults", settle_s=SETTLED_S):
        stop_a_process_for_a_moment(story)
        kill_a_process(story)
        fail_to_authenticate(story)
        poison_a_request(story)
        leave_a_session_to_expire(story)
    with story.chapter("failover", settle_s=SETTLED_S):
        fail_over(story)


def live_in_health(story: Story) -> None:
    """A machine that is busy with other things may cost a member its leader: such a time is not it."""
    for _ in range(HEALTH_TRIES):
        with story.chapter("health"):
            story.pass_time(HEALTHY_S)
        looked = f"sum(changes(corral_epoch[{HEALTHY_S + SETTLED_S:.0f}s])) or vector(0)"
        if float(story.prometheus.query(looked)[0]["value"][1]) == 0:
            return


def fail_over(story: Story) -> None:
    """The leader dies and comes back; an election on the way."""
    ensemble = story.ensemble
    old = ensemble.leader()
    ensemble.kill(old)
    new_leader = f'sum(corral_is_leader{{member!="{old}"}}) == 1'
    wait_until(lambda: story.prometheus.query(new_leader), seconds=30, what="Prometheus has seen another leader")
    ensemble.start(old)


def stop_a_process_for_a_moment(story: Story) -> None:
    ensemble = story.ensemble
    follower = next(m for m in (1, 2, 3) if m != ensemble.leader())
    ensemble.signal(follower, "processor-0", signal.SIGSTOP)
    story.pass_time(1.0)
    ensemble.signal(follower, "processor-0", signal.SIGCONT)


def kill_a_process(story: Story) -> None:
    """One without which clients notice nothing."""
    story.ensemble.signal(1, "snapshotter", signal.SIGKILL)


def fail_to_authenticate(story: Story) -> None:
    client = KazooClient(connect_string(story.ensemble.addresses), timeout=SESSION_S)
    try:
        client.start(timeout=30)
        with contextlib.suppress(AuthFailedError, KazooException):
            client.add_auth("nobody", "knows")
    finally:
        client.stop()
        client.close()


def leave_a_session_to_expire(story: Story) -> None:
    """Its process dies, as a client's does: no farewell."""
    hosts = connect_string(story.ensemble.addresses)
    subprocess.run([sys.executable, "-c", LEAVING, hosts, str(SESSION_S)], check=True, timeout=60)
    expired = "sum(increase(corral_sessions_expired_total[10s])) > 0"
    wait_until(lambda: story.prometheus.query(expired), seconds=SESSION_S + 20, what="a session expires")


def poison_a_request(story: Story) -> None:
    """Execution of this one fails, on every replica alike: an alarm."""
    with kazoo_client(story.ensemble.addresses) as client, contextlib.suppress(KazooException):
        client.create("/corral-test-poison", b"")
