"""Streams as ZeroMQ over TCP really behaves.

One life of a DEALER↔ROUTER stream is first in, first out and loses nothing from its middle; it dies as a whole, and
then a tail of what was under way is gone, on either side and unknown to it. On a new life nothing of the old arrives.
A cut link (one way or both) holds what is sent, as TCP sends again, until it heals or either end gives up, each at a
time of its own. A killed process's kernel says goodbye; a machine without power does not. Messages are never
doubled: only an application that sends again on a new life does that.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from tests.simulation.process import Process
from tests.simulation.scheduler import MS, SECOND
from tests.simulation.world import World

Host = int  # member id; clients are negative
Address = tuple[int, str]  # member, link
LOST = None  # what stands in a direction behind the last message that still arrives


class RouterOwner(Protocol):
    """A process that bound a ROUTER."""

    def on_router_message(self, link: str, stream: bytes, peer: int, data: bytes) -> None: ...

    def on_router_lost(self, link: str, stream: bytes) -> None: ...


@dataclass(frozen=True)
class NetworkOptions:
    """Times in microseconds."""

    delay_us: int = 150  # mean, over 30 of floor
    floor_us: int = 30
    local_us: int = 20  # ipc
    hiccup_probability: float = 0.005  # of a message, per link: a queue or a retransmission
    hiccup_us: int = 20 * MS
    give_up_min_us: int = 500 * MS  # ZMTP heartbeats over a cut link
    give_up_max_us: int = 4 * SECOND
    connect_timeout_us: int = 500 * MS


class Direction:
    """One way of a stream."""

    __slots__ = ("arrives_us", "ended", "in_flight", "receive", "receiver", "sender")

    def __init__(self, sender: Process, receiver: Process, receive: Callable[[bytes | None], None]) -> None:
        self.sender = sender
        self.receiver = receiver
        self.receive = receive
        self.in_flight: deque[bytes | None] = deque()
        self.arrives_us = 0  # when the youngest in flight does
        self.ended = False  # nothing more enters


class Stream:
    """One life. The dealer's end is this object; the router's is its `id`."""

    def __init__(self, network: "Network", *, number: int, dealer: Process, address: Address) -> None:
        self.network = network
        self.id = number.to_bytes(5, "big")
        self.dealer = dealer
        self.address = address
        self.up: Direction | None = None
        self.down: Direction | None = None
        self.is_open = True  # at the dealer's end
        self.is_known = False  # to the router's end, not yet lost there
        self.was_refused = False  # the host answered that nobody listens: that process is dead
        self.waiting: list[bytes] = []  # sent before the connection was made

    def send(self, data: bytes) -> None:
        if self.up is not None:
            self.network.put(self.up, data)
        elif self.is_open:
            self.waiting.append(data)

    def close(self) -> None:
        """LINGER=0: what has not left this process is gone."""
        if self.is_open:
            self.is_open = False
            self.network.end(self.up)
            self.network.forget_if_over(self)


class Network:
    def __init__(self, world: World, options: NetworkOptions | None = None) -> None:
        self.world = world
        self.scheduler = world.scheduler
        self.options = options or NetworkOptions()
        self.bound: dict[Address, Process] = {}
        self.streams: dict[bytes, Stream] = {}
        self.cuts: dict[tuple[Host, Host], int] = {}  # (from, to) -> how many faults cut it
        self.dark: set[Host] = set()  # without power: says no goodbye
        self.lagging: dict[Host, int] = {}  # links of it take so much longer, in us, at most
        self.rng: Random = world.randomness.of("network")
        self.made = 0
        world.network = self

    def add_host(self, host: Host) -> None:
        self.dark.discard(host)

    # --- what processes do ---

    def bind(self, owner: Process, link: str) -> None:
        self.bound[owner.member, link] = owner

    def connect(
        self, dealer: Process, address: Address, *,
        on_message: Callable[[bytes], None], on_lost: Callable[[], None],
        on_open: Callable[[], None] | None = None,
    ) -> Stream:
        """The callbacks come through *dealer*.deliver; none after `close`, and on_lost once at most."""
        self.made += 1
        stream = Stream(self, number=self.made, dealer=dealer, address=address)
        self.streams[stream.id] = stream
        self.scheduler.after(
            2 * self.delay(dealer.member, address[0]), self.establish, stream, on_message, on_lost, on_open,
            self.scheduler.now_us + self.options.connect_timeout_us)
        return stream

    def establish(
        self, stream: Stream, on_message: Callable[[bytes], None], on_lost: Callable[[], None],
        on_open: Callable[[], None] | None, deadline_us: int,
    ) -> None:
        dealer, member = stream.dealer, stream.address[0]
        if not stream.is_open or not dealer.is_alive:
            self.streams.pop(stream.id, None)
            return
        owner = self.bound.get(stream.address)
        stream.was_refused = owner is None
        if self.is_cut(dealer.member, member) or self.is_cut(member, dealer.member) or member in self.dark:
            if self.scheduler.now_us < deadline_us:
                self.scheduler.after(
                    50 * MS, self.establish, stream, on_message, on_lost, on_open, deadline_us)
                return
            owner, stream.was_refused = None, False
        if owner is None:  # connection refused, or no answer
            stream.is_open = False
            self.streams.pop(stream.id, None)
            dealer.deliver(on_lost)
            return
        self.join(stream, owner, on_message, on_lost)
        if on_open is not None:
            dealer.deliver(on_open)
        waiting, stream.waiting = stream.waiting, []
        for data in waiting:
            stream.send(data)

    def join(
        self, stream: Stream, owner: Process, on_message: Callable[[bytes], None], on_lost: Callable[[], None],
    ) -> None:
        router: RouterOwner = owner  # type: ignore[assignment]
        link, stream_id, peer = stream.address[1], stream.id, stream.dealer.member

        def to_router(data: bytes | None) -> None:
            if not stream.is_known:
                return
            if data is not None:
                router.on_router_message(link, stream_id, peer, data)
                return
            stream.is_known = False
            self.end(stream.down)
            self.forget_if_over(stream)
            router.on_router_lost(link, stream_id)

        def to_dealer(data: bytes | None) -> None:
            if not stream.is_open:
                return
            if data is not None:
                on_message(data)
                return
            stream.is_open = False
            self.end(stream.up)
            self.forget_if_over(stream)
            on_lost()

        stream.is_known = True
        stream.up = Direction(stream.dealer, owner, to_router)
        stream.down = Direction(owner, stream.dealer, to_dealer)

    def router_send(self, stream_id: bytes, data: bytes) -> bool:
        """False: the stream is gone (ROUTER_MANDATORY)."""
        stream = self.streams.get(stream_id)
        if stream is None or not stream.is_known or stream.down is None:
            return False
        self.put(stream.down, data)
        return True

    def router_close(self, stream_id: bytes) -> None:
        stream = self.streams.get(stream_id)
        if stream is not None and stream.is_known:
            stream.is_known = False
            # A client's socket is plain TCP: close() still delivers what was written. LINGER=0 does not.
            self.end(stream.down, keeps_all=stream.address[1].startswith("client"))
            self.forget_if_over(stream)

    def forget_if_over(self, stream: Stream) -> None:
        if not stream.is_open and not stream.is_known:
            self.streams.pop(stream.id, None)

    # --- on the way ---

    def delay(self, sender: Host, receiver: Host) -> int:
        options, rng = self.options, self.rng
        if sender == receiver:
            return 5 + int(rng.random() * 2 * options.local_us)
        if self.lagging and (sender in self.lagging or receiver in self.lagging):
            return options.floor_us + rng.randrange(max(self.lagging.get(sender, 0), self.lagging.get(receiver, 0)))
        if rng.random() < options.hiccup_probability:
            return options.floor_us + int(rng.random() * options.hiccup_us)
        return options.floor_us + int(rng.random() * 2 * options.delay_us)

    def put(self, direction: Direction, data: bytes | None) -> None:
        if direction.ended:
            return
        direction.in_flight.append(data)
        sender, receiver = direction.sender.member, direction.receiver.member
        direction.arrives_us = max(
            direction.arrives_us, self.scheduler.now_us + self.delay(sender, receiver))
        self.scheduler.at(direction.arrives_us, self.arrive, direction)

    def arrive(self, direction: Direction) -> None:
        """The oldest in flight, unless the link is cut: then `heal` lets it go on."""
        if not direction.in_flight:
            return
        if self.is_cut(direction.sender.member, direction.receiver.member):
            return
        data = direction.in_flight.popleft()
        direction.receiver.deliver(direction.receive, data)

    def is_cut(self, sender: Host, receiver: Host) -> bool:
        return (sender, receiver) in self.cuts

    # --- how streams end ---

    def end(self, direction: Direction | None, *, keeps_all: bool = False) -> None:
        """The sender is gone or closed: some of what is in flight still arrives, then the receiver learns of it."""
        if direction is None or direction.ended:
            return
        flying = len(direction.in_flight)
        keep = flying if keeps_all else self.rng.randint(0, flying)
        while len(direction.in_flight) > keep:
            direction.in_flight.pop()
        self.put(direction, LOST)
        direction.ended = True

    def give_up(self, direction: Direction) -> None:
        """The receiver has heard nothing for too long: lost, though nobody said goodbye."""
        direction.ended = True
        direction.in_flight.clear()
        direction.receiver.deliver(direction.receive, LOST)

    def process_died(self, process: Process) -> None:
        for address in [a for a, owner in self.bound.items() if owner is process]:
            del self.bound[address]
        silent = process.member in self.dark
        for stream in list(self.streams.values()):
            if stream.up is None or stream.down is None:
                continue
            if stream.dealer is process:
                self.leave(stream.up, silent=silent)
                stream.is_open = False
            elif stream.down.sender is process:
                self.leave(stream.down, silent=silent)
                stream.is_known = False
            self.forget_if_over(stream)

    def leave(self, direction: Direction, *, silent: bool) -> None:
        if not silent:
            self.end(direction)
            return
        direction.in_flight.clear()
        self.scheduler.after(self.patience(), self.give_up, direction)

    def patience(self) -> int:
        return self.rng.randint(self.options.give_up_min_us, self.options.give_up_max_us)

    # --- faults ---

    def cut(self, sender: Host, receiver: Host) -> None:
        """One way. Both ends of every stream over it give up after a while, unless it heals before."""
        self.cuts[sender, receiver] = self.cuts.get((sender, receiver), 0) + 1
        for direction in self.directions_between(sender, receiver):
            self.scheduler.after(self.patience(), self.give_up_if_cut, direction, sender, receiver)

    def give_up_if_cut(self, direction: Direction, sender: Host, receiver: Host) -> None:
        if self.is_cut(sender, receiver) and not direction.ended:
            self.give_up(direction)

    def heal(self, sender: Host, receiver: Host) -> None:
        self.cuts[sender, receiver] -= 1
        if self.cuts[sender, receiver]:
            return
        del self.cuts[sender, receiver]
        for direction in self.directions_between(sender, receiver):
            for _ in direction.in_flight:
                direction.arrives_us = max(
                    direction.arrives_us, self.scheduler.now_us + self.delay(sender, receiver))
                self.scheduler.at(direction.arrives_us, self.arrive, direction)

    def directions_between(self, one: Host, other: Host) -> list[Direction]:
        """Both ways: silence on one starves the acknowledgements (and heartbeats) of the other."""
        pair = {one, other}
        return [
            direction
            for stream in self.streams.values() if stream.up is not None and stream.down is not None
            for direction in (stream.up, stream.down)
            if {direction.sender.member, direction.receiver.member} == pair
        ]

    def reset(self, one: Host, other: Host) -> int:
        """Every connection between two hosts breaks, with what is in flight on it. Returns how many."""
        broken = [
            stream for stream in self.streams.values()
            if stream.up is not None and stream.down is not None and stream.is_open and stream.is_known
            and {stream.up.sender.member, stream.up.receiver.member} == {one, other}
        ]
        for stream in broken:
            self.end(stream.up)
            self.end(stream.down)
        return len(broken)
