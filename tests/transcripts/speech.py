"""Effects of the ZAB core as one line each: `1->2 records 4:1`, `2 flush 4:1`."""

from collections.abc import Callable
from typing import Any

from node.zab import effects
from transport import messages
from transport.entry import Kind, read_record_header
from transport.zxid import show

HIDDEN = ("ping", "pong", "lease")  # they would fill the page: `show` tells when to include them


def show_effect(member: int, effect: effects.Effect, leader: int) -> str | None:
    """*leader*: whom the member's stream goes to. None: nothing a reader would want."""
    match effect:
        case effects.Send():
            target = effect.stream.decode().split(">")[0]
            return f"{member}->{target} {show_message(effect.message)}"
        case effects.SendLeader():
            return f"{member}->{leader} {show_message(effect.message)}"
        case effects.Drop():
            target = effect.stream.decode().split(">")[0]
            return f"{member}->{target} refused: {effect.reason}" + (
                f", {effect.leader} leads" if effect.leader not in (0, member) else "")
    shown = EFFECTS.get(type(effect))
    return None if shown is None else f"{member} {shown(effect)}"


def show_message(message: messages.Message) -> str:
    return MESSAGES[type(message)](message)


def show_records(data: bytes) -> str:
    found, offset = [], 0
    while offset < len(data):
        header = read_record_header(data, offset)
        kind = "" if header.kind == Kind.BATCHES else f" {Kind(header.kind).name}"
        last = "" if header.count == 1 else f"-{header.last_zxid & (1 << 40) - 1}"
        found.append(f"{show(header.first_zxid)}{last}{kind}")
        offset += header.size
    return ", ".join(found)


def _epochs(table: messages.EpochTable) -> str:
    return "[" + ", ".join(show(end) for _, end in table) + "]"


def _report(effect: effects.Report) -> str:
    fields = " ".join(f"{name}={_value(name, value)}" for name, value in effect.fields.items())
    return ("ALARM " if effect.alarm else "* ") + f"{effect.event} {fields}".rstrip()


def _value(name: str, value: object) -> object:
    is_zxid = name in {"zxid", "after", "last_zxid", "committed", "point", "learner_last", "leader_last", "common"}
    return show(value) if is_zxid and isinstance(value, int) else value


EFFECTS: dict[type, Callable[[Any], str]] = {
    effects.Look: lambda e: f"look {show(e.last_zxid)} of epoch {e.current_epoch}" + (
        "" if e.votes else ", without a vote"),
    effects.Settle: lambda e: f"settle on {e.leader}, epoch {e.epoch}",
    effects.Connect: lambda e: f"connect to {e.leader}",
    effects.Disconnect: lambda _: "disconnect",
    effects.SendRecords: lambda e: f"send records {show(e.after)} to {show(e.upto)} to {e.stream.decode()[0]}",
    effects.SendSnapshot: lambda e: f"send snapshot {show(e.zxid)} to {e.stream.decode()[0]}",
    effects.SaveAcceptedEpoch: lambda e: f"save acceptedEpoch {e.epoch}",
    effects.SaveCurrentEpoch: lambda e: f"save currentEpoch {e.epoch}",
    effects.Append: lambda e: f"append {show_records(e.record)}",
    effects.Flush: lambda e: f"flush {show(e.zxid)}",
    effects.TruncateLog: lambda e: f"truncate after {show(e.zxid)}",
    effects.Initialised: lambda _: "is initialised",
    effects.Watermark: lambda e: f"watermark {show(e.zxid)}",
    effects.Lease: lambda e: f"lease {e.role} until {e.until_ms}" if e.until_ms else "lease ends",
    effects.AcceptBatches: lambda e: f"accept batches of epoch {e.epoch}" if e.accept else "accept no batches",
    effects.Report: _report,
}

MESSAGES: dict[type, Callable[[Any], str]] = {
    messages.Hello: lambda m: f"hello accepted={m.accepted_epoch} current={m.current_epoch} log={_epochs(m.epochs)}",
    messages.NewEpoch: lambda m: f"newepoch {m.epoch}",
    messages.AckEpoch: lambda m: f"ackepoch {m.epoch}" + ("" if m.counts else ", not counting") + "".join(
        f", {leader or 'somebody'} may serve for {ms} ms" for leader, ms in m.grants),
    messages.Truncate: lambda m: f"agree up to {show(m.zxid)}",
    messages.SnapshotBegin: lambda m: f"snapshot {show(m.zxid)} begins",
    messages.SnapshotChunk: lambda _: "snapshot chunk",
    messages.SnapshotEnd: lambda m: f"snapshot {show(m.zxid)} ends",
    messages.Records: lambda m: f"records {show_records(m.data)}, committed {show(m.committed)}",
    messages.NewLeader: lambda m: f"newleader {m.epoch} at {show(m.zxid)}",
    messages.AckNewLeader: lambda m: f"acknewleader {m.epoch} at {show(m.zxid)}",
    messages.UpToDate: lambda m: f"uptodate {m.epoch}, committed {show(m.committed)}",
    messages.Ack: lambda m: f"ack {show(m.zxid)}",
    messages.Commit: lambda m: f"commit {show(m.zxid)}",
    messages.Backed: lambda m: f"backed {show(m.zxid)}",
    messages.Ping: lambda m: f"ping at {m.sent_ms}, heard {m.heard_ms}",
    messages.Pong: lambda m: f"pong to {m.sent_ms}, at {m.at_ms}",
    messages.Differs: lambda m: f"differs: {m.process} at {show(m.zxid)}",
}
