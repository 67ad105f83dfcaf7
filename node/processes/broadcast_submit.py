"""Batches of processors, of this member and of others: taken by the leader, at most once and in order (Intake)."""

from collections.abc import Callable
from typing import Final

from node.zab.events import StreamId
from node.zab.intake import Intake
from transport.messages import Accepting, Message, Refused, Submit, SubmitHello
from transport.zxid import Epoch

Send = Callable[[StreamId, Message], None]
NOT_LEADING: Final = "this member does not lead"
PROCESSOR_AT: Final = 5  # in a batch's header: transport/batch.py


class Submissions:
    """*linked*: the streams that may submit, each with the way to answer it."""

    def __init__(self, *, me: int, ensemble: str, on_taken: Callable[[int, int, int], None]) -> None:
        """*on_taken*: of each batch: member, processor, requests."""
        self.intake = Intake(me=me, ensemble=ensemble)
        self._on_taken = on_taken
        self.is_accepting = False
        self._linked: dict[StreamId, Send] = {}

    def open(self, epoch: Epoch) -> None:
        self.intake.open(epoch)
        self.is_accepting = True

    def close(self, leader: int) -> None:
        """What was taken and not proposed is gone: the next epoch's start tells its processor."""
        if self.is_accepting:
            self.is_accepting = False
            self.intake.close()
        linked, self._linked = self._linked, {}
        for stream, send in linked.items():
            send(stream, Refused(NOT_LEADING, leader))

    def hello(self, stream: StreamId, member: int, hello: SubmitHello, send: Send, leader: int) -> None:
        """*member*: whom the stream's key belongs to."""
        answer = self.intake.hello(hello) if hello.member == member else Refused(
            f"the key is member {member}'s, not member {hello.member}'s", leader, operator=True)
        if isinstance(answer, Accepting):
            self._linked[stream] = send
        send(stream, answer)

    def submit(
        self, stream: StreamId, member: int, message: Submit, send: Send, leader: int,
    ) -> None:
        """A batch on a stream without a link, or with a gap before it, is refused: its processor says hello again."""
        intake = self.intake
        queued = intake.queued_requests
        if stream in self._linked and intake.submit(message.batch, member=member):
            if intake.queued_requests > queued:  # else it had come before
                self._on_taken(member, message.batch[PROCESSOR_AT], intake.queued_requests - queued)
            return
        self._linked.pop(stream, None)
        send(stream, Refused("not the next batch" if self.is_accepting else NOT_LEADING, leader))

    def is_linked(self, stream: StreamId) -> bool:
        return stream in self._linked

    def forget(self, stream: StreamId) -> None:
        self._linked.pop(stream, None)
