"""Errors of the core, by what can be done about them."""

from typing import Final

from transport.entry import RECORD_VERSION
from transport.messages import Message
from transport.zxid import show

EPOCHS_AHEAD_MAX: Final = 1 << 20  # an election a second for twelve days


class ProtocolError(Exception):
    """The peer broke ZAB: its stream ends, or this member looks again. Caught in one place, Member.step."""


class RecordGapError(ProtocolError):
    """A record was lost, repeated or is out of order (rule 5)."""

    def __init__(self, *, last_zxid: int, received: int) -> None:
        super().__init__(f"record {show(received)} after {show(last_zxid)}")
        self.last_zxid = last_zxid
        self.received = received


class EpochTooFarError(ProtocolError):
    """Epochs are finite, and who has accepted one never goes back: a wild number would use them up for everybody."""

    def __init__(self, *, epoch: int, known: int) -> None:
        super().__init__(f"epoch {epoch}, where {known} is the last one known")
        self.epoch = epoch
        self.known = known


def check_epoch(epoch: int, *, known: int) -> None:
    """*known*: the one accepted here; 0: none, and so any may be. Raises EpochTooFarError."""
    if known and epoch > known + EPOCHS_AHEAD_MAX:
        raise EpochTooFarError(epoch=epoch, known=known)


class UnexpectedMessageError(ProtocolError):
    def __init__(self, message: Message, phase: str) -> None:
        super().__init__(f"{type(message).__name__} while {phase}")
        self.message = message
        self.phase = phase


class CommittedLossError(ProtocolError):
    """The leader would have us forget what we know to be committed: refused, an operator must look (rule 2)."""

    def __init__(self, *, committed: int, point: int) -> None:
        super().__init__(
            f"the leader's history agrees with ours only up to {show(point)}, but {show(committed)} is committed")
        self.committed = committed
        self.point = point


class RoleEnded(Exception):  # noqa: N818 - not an error: the leader or follower gives up and looks
    """*probe*: whether the leader lost may be alive: it is asked at once. *heir*: to whom it was handed over, or 0."""

    def __init__(self, reason: str, *, probe: bool = False, alarm: bool = False, heir: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.probe = probe
        self.alarm = alarm
        self.heir = heir


class CannotServeError(Exception):
    """This member cannot be part of its ensemble as it is: the process ends, with the cure in its message."""


class FeatureLevelError(CannotServeError):
    """*version*: of a Corral that supports it, if the log says so. *held*: zoo.cfg keeps it below what it supports."""

    def __init__(self, *, needed: int, supported: int, version: str = "", held: bool = False) -> None:
        which = f"Corral {version} or later" if version else "a version of Corral"
        super().__init__(
            f"the log is at feature level {needed}, but corral.featureLevel={supported} in zoo.cfg: "
            f"take that line out, or set it to {needed}" if held else
            f"the log is at feature level {needed}, this version supports up to {supported}: "
            f"install {which} that supports feature level {needed}; the way back to this version is a backup from "
            "before, restored on every member (`corral restore`)")
        self.needed = needed
        self.supported = supported
        self.version = version


class RecordVersionError(CannotServeError):
    def __init__(self, first_zxid: int, version: int) -> None:
        super().__init__(
            f"record {show(first_zxid)} is of version {version}, this version of Corral reads up to {RECORD_VERSION}: "
            "install the version that the other members run")


class SettingsDifferError(CannotServeError):
    def __init__(self, *, key: str, ensemble: str | None, mine: str | None) -> None:
        super().__init__(
            f"{key} is {mine!r} here, but the ensemble was started with {ensemble!r}: "
            f"it changes results, so set it to the same value on every member")
        self.key = key
        self.ensemble = ensemble
        self.mine = mine
