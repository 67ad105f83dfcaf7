"""A timeline as spans: names, parents, ids, attributes, links."""

from collections import Counter

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from observability.spans import SPAN_OF, SPANS, VALUE_NAMES, VALUES, span_id_of, trace_id_of
from observability.spans_page import PAGE, with_tables
from observability.traces import Traces
from tests.observability.stories import MS, START_NS, ZXID, timeline
from transport.errors import Err

CLIENT = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_id": "b7ad6b7169203331"}


def traces(ensemble: str = "zoo") -> Traces:
    return Traces(ensemble=ensemble, version="1.2.3")


def spans(**changes: object) -> list[ReadableSpan]:
    return traces().spans_of(timeline(**changes), "sampled")


def id_of(span: ReadableSpan) -> tuple[int, int]:
    context = span.get_span_context()
    assert context is not None
    return context.trace_id, context.span_id


def test_the_table_says_everything_once_and_every_parent_is_in_it() -> None:
    assert [name for name, n in Counter([s.name for s in SPANS] + [v.name for v in VALUES]).items() if n > 1] == []
    assert [span.name for span in SPANS if span.parent and span.parent not in SPAN_OF] == []
    assert all(set(stage.values) <= VALUE_NAMES for stage in timeline().stages)


def test_the_page_shows_the_tables() -> None:
    page = PAGE.read_text()

    assert page == with_tables(page), "python -m observability.spans_page"


def test_the_root_is_named_by_the_operation_and_never_by_a_path() -> None:
    root, *others = spans()

    assert (root.name, root.kind, root.parent) == ("setData", SpanKind.SERVER, None)
    assert [span.name for span in others] == [stage.name for stage in timeline().stages[1:]]
    assert spans(known=False, op="", path="")[0].name == "write"


def test_every_span_stands_where_its_stage_does_with_the_times_that_were_measured() -> None:
    story, made = timeline(), spans()

    for stage, span in zip(story.stages[1:], made[1:], strict=True):
        assert span.parent is not None
        assert span.parent.span_id == id_of(made[stage.parent])[1]
    assert [(span.start_time, span.end_time) for span in made[:2]] == [
        (START_NS, START_NS + 5 * MS), (START_NS, START_NS + MS // 2)]
    assert len({id_of(span) for span in made}) == len(made)
    assert len({id_of(span)[0] for span in made}) == 1


def test_ids_are_the_same_whoever_computes_them_and_others_for_another_ensemble() -> None:
    assert [id_of(span) for span in spans()] == [id_of(span) for span in spans()]
    assert not {id_of(span) for span in spans()} & {
        id_of(span) for span in traces("other").spans_of(timeline(), "sampled")}
    assert id_of(spans()[0]) == (trace_id_of("zoo", ZXID), span_id_of("zoo", ZXID, timeline().stages[0], 0))


def test_the_clients_context_becomes_the_parent() -> None:
    root = spans(**CLIENT, client_sampled=True)[0]

    assert id_of(root)[0] == int(CLIENT["trace_id"], 16)
    assert root.parent is not None
    assert (root.parent.span_id, root.parent.is_remote) == (int(CLIENT["parent_id"], 16), True)


def test_the_root_tells_the_request_and_the_verdict() -> None:
    attributes = dict(spans(error=Err.NO_NODE)[0].attributes or {})

    assert attributes == {
        "corral.zxid": f"{ZXID:#x}", "corral.zxid.epoch": 5, "corral.zxid.counter": 77, "corral.log.known": True,
        "corral.op": "setData", "corral.session": "0x200000000000123", "corral.xid": 9, "corral.path": "/a/b",
        "corral.bytes": 41, "error.type": "NO_NODE", "corral.sampled_because": "sampled", "corral.origin": 2,
        "corral.leader": 1, "corral.slowest.member": 3, "corral.slowest.stage": "fsync",
        "corral.slowest.seconds": 0.05, "corral.slowest.delayed": False,
        "corral.verdict": "member 3 was slowest: fsync took 50.0 ms; the client did not wait"}


@pytest.mark.parametrize(("error", "status", "name"), [
    (0, StatusCode.UNSET, None), (None, StatusCode.UNSET, None),
    (int(Err.BAD_VERSION), StatusCode.UNSET, "BAD_VERSION"),
    (int(Err.SYSTEM_ERROR), StatusCode.ERROR, "SYSTEM_ERROR"), (-999, StatusCode.UNSET, "-999")])
def test_only_what_corral_failed_at_is_an_error(error: int | None, status: StatusCode, name: str | None) -> None:
    root = spans(error=error)[0]

    assert (root.status.status_code, (root.attributes or {}).get("error.type")) == (status, name)


def test_the_quorum_is_an_event_that_names_the_member_that_completed_it() -> None:
    commit = spans()[3]

    (event,) = commit.events
    assert (event.name, dict(event.attributes or {}), event.timestamp) == (
        "quorum", {"corral.completed_by": 2}, commit.end_time)
    assert [span.name for span in spans() if span.events] == ["commit"]


def test_each_member_and_process_is_a_resource_of_its_own() -> None:
    made = spans()
    resources = {
        (span.resource.attributes["service.name"], span.resource.attributes["corral.member"]) for span in made}

    assert resources == {(name, member) for name in ("corral-broadcast", "corral-processor") for member in (1, 2, 3)}
    assert dict(made[2].resource.attributes) == {
        "service.name": "corral-broadcast", "service.namespace": "zoo", "service.version": "1.2.3",
        "service.instance.id": "zoo/member-1/broadcast", "corral.member": 1, "corral.process": "broadcast"}


def test_what_another_clock_measured_says_how_far_it_may_be_off() -> None:
    made = spans()

    assert {name: value for name, value in (made[9].attributes or {}).items() if "clock" in name} == {
        "corral.clock.offset_s": -2e-6, "corral.clock.uncertainty_s": 6e-5}
    assert not any("clock" in name for name in made[6].attributes or {})  # the origin's own


def test_what_several_writes_share_says_so_and_is_linked_to_where_it_was_shown_first() -> None:
    maker = traces()
    first = maker.spans_of(timeline(), "sampled")
    second = maker.spans_of(msgspec.structs.replace(timeline(), write=timeline(zxid=ZXID + 1).write), "sampled")

    fsync = second[9]
    assert (fsync.attributes or {})["corral.shared_by"] == 4
    assert (fsync.attributes or {})["corral.last_zxid"] == f"{ZXID + 2:#x}"
    assert [link.context for link in fsync.links] == [first[9].get_span_context()]
    assert not [link for span in first if span.name != "notify" for link in span.links]
    assert not second[1].links  # forwarding was its own
    assert not {id_of(span) for span in first} & {id_of(span) for span in second}


def test_a_trace_that_is_made_twice_does_not_link_to_itself() -> None:
    maker = traces()
    maker.spans_of(timeline(), "sampled")

    assert not [span for span in maker.spans_of(timeline(), "sampled") if span.links and span.name != "notify"]


def test_what_watchers_were_told_is_linked_to_the_write() -> None:
    made = spans()

    assert (made[-1].name, made[-1].kind) == ("notify", SpanKind.PRODUCER)
    assert [link.context for link in made[-1].links] == [made[0].get_span_context()]


def test_members_that_did_not_answer_are_named() -> None:
    story = msgspec.structs.replace(timeline(), missing=[3])

    assert (traces().spans_of(story, "sampled")[0].attributes or {})["corral.members_missing"] == "3"
