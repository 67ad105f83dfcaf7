"""Traces leave for real receivers, over both protocols, and never in anybody's way."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import msgspec
import pytest

from observability.export import QUEUE_STORIES_MAX, Export, http_endpoint
from observability.timeline import Timeline
from tests.observability.receivers import RECEIVERS, Received
from tests.observability.stories import ZXID, timeline
from tests.waiting import wait_until


def story(number: int) -> Timeline:
    return msgspec.structs.replace(timeline(), write=timeline(zxid=ZXID + number).write)


@pytest.fixture(params=sorted(RECEIVERS))
def receiver(request: pytest.FixtureRequest) -> Iterator[Received]:
    with RECEIVERS[request.param]() as received:
        yield received


class Complaints(list[tuple[str, int]]):
    def __call__(self, reason: str, lost: int) -> None:
        self.append((reason, lost))


def export_to(receiver: Received, complaints: Complaints) -> Export:
    return Export(
        endpoint=receiver.endpoint, protocol=receiver.protocol, ensemble="zoo", version="1", complain=complaints)


def test_a_receiver_gets_whole_traces_in_few_messages(receiver: Received) -> None:
    complaints = Complaints()
    export = export_to(receiver, complaints)
    for number in range(20):
        export.put(story(number), "sampled")

    export.start()
    export.stop(20)

    assert {len(spans) for spans in receiver.traces.values()} == {len(timeline().stages)}
    assert (len(receiver.traces), receiver.messages, complaints) == (20, 1, [])
    assert (export.counts.exported, export.counts.exported_spans) == (20, 20 * len(timeline().stages))


def test_what_arrives_is_what_was_told(receiver: Received) -> None:
    export = export_to(receiver, Complaints())
    export.put(story(0), "slow")
    export.start()
    export.stop(20)

    root, *others = receiver.of_path("/a/b")[0]

    assert (root.name, root.kind, root.attributes["corral.sampled_because"]) == ("setData", 2, "slow")
    assert root.resource["service.instance.id"] == "zoo/member-2/processor-0"
    assert root.seconds == 0.005
    commit = next(span for span in others if span.name == "commit")
    assert commit.parent_id == root.span_id
    assert commit.events == [("quorum", commit.end_ns, {"corral.completed_by": 2})]
    fsyncs = [span for span in others if span.name == "fsync"]
    assert [span.resource["corral.member"] for span in sorted(fsyncs, key=lambda span: span.seconds)] == [1, 2, 3]


def test_an_endpoint_that_refuses_is_complained_of_once_and_counted(receiver: Received) -> None:
    receiver.fails = True
    complaints = Complaints()
    export = export_to(receiver, complaints)
    export.start()
    export.put(story(0), "sampled")
    wait_until(lambda: export.counts.failed == 1, what="the first is refused")
    export.put(story(1), "sampled")
    wait_until(lambda: export.counts.failed == 2, what="the second is refused")
    receiver.fails = False
    export.put(story(2), "sampled")
    export.stop(20)

    assert [lost for _reason, lost in complaints] == [1]
    assert complaints[0][0]
    assert (export.counts.exported, len(receiver.traces)) == (1, 1)


def test_putting_never_waits_and_what_finds_no_room_is_counted() -> None:
    with RECEIVERS["grpc"]() as receiver:
        export = export_to(receiver, Complaints())  # not started: nobody takes anything
        for _ in range(QUEUE_STORIES_MAX + 5):
            export.put(timeline(), "sampled")

    assert export.counts.dropped == 5


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_process_whose_endpoint_is_nobody_ends_when_it_is_told_to(protocol: str) -> None:
    program = f"""
from observability.export import Export
from tests.observability.stories import timeline
export = Export(endpoint="http://127.0.0.1:9", protocol={protocol!r}, ensemble="zoo", version="1", complain=print)
export.start()
export.put(timeline(), "sampled")
export.stop(0.5)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_of_opentelemetry_is_loaded_before_an_export_starts() -> None:
    program = """
import sys
import observability.export, observability.sampling, observability.spans, observability.timeline
print([name for name in sys.modules if name.startswith(("opentelemetry", "grpc", "google"))])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"


def test_headers_come_from_the_environment_as_opentelemetry_names_them(
        receiver: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=zoo")
    export = export_to(receiver, Complaints())
    export.put(story(0), "sampled")
    export.start()
    export.stop(20)

    assert receiver.headers["x-tenant"] == "zoo"


def test_the_reason_is_named_and_not_only_that_it_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1.5")
    complaints = Complaints()
    with RECEIVERS["http/protobuf"]() as receiver:
        receiver.endpoint = receiver.endpoint.replace("http:", "https:")
        export = export_to(receiver, complaints)
        export.start()
        export.put(timeline(), "sampled")
        export.stop(20)

    assert "SSL" in complaints[0][0]


def test_an_http_endpoint_is_a_base_unless_it_has_a_path() -> None:
    assert http_endpoint("http://c:4318") == "http://c:4318/v1/traces"
    assert http_endpoint("http://c:4318/") == "http://c:4318/v1/traces"
    assert http_endpoint("https://c/otlp/v1/traces") == "https://c/otlp/v1/traces"


def test_the_thread_ends_with_its_export() -> None:
    with RECEIVERS["http/protobuf"]() as receiver:
        export = export_to(receiver, Complaints())
        export.start()
        export.stop(20)

    assert not [thread for thread in threading.enumerate() if thread.name == "otlp" and thread.is_alive()]
