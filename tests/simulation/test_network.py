"""The simulated network keeps ZeroMQ's promises, and no others."""

from tests.simulation.network import Network, NetworkOptions
from tests.simulation.process import Process
from tests.simulation.scheduler import SECOND
from tests.simulation.world import World


class Server(Process):
    def __init__(self, world: World, member: int) -> None:
        super().__init__(world, member=member, name=f"server-{member}")
        self.received: list[bytes] = []
        self.lost: list[bytes] = []
        self.by_stream: dict[bytes, list[bytes]] = {}
        self.streams: list[bytes] = []
        world.network.bind(self, "peer")

    def on_router_message(self, link: str, stream: bytes, peer: int, data: bytes) -> None:
        self.received.append(data)
        self.by_stream.setdefault(stream, []).append(data)
        if stream not in self.streams:
            self.streams.append(stream)

    def on_router_lost(self, link: str, stream: bytes) -> None:
        self.lost.append(stream)


class Dealer(Process):
    def __init__(self, world: World, member: int, *, to: int) -> None:
        super().__init__(world, member=member, name=f"client-{member}")
        self.received: list[bytes] = []
        self.losses = 0
        self.to = to
        self.connect()

    def connect(self) -> None:
        self.stream = self.world.network.connect(
            self, (self.to, "peer"), on_message=self.received.append, on_lost=self.on_lost)

    def on_lost(self) -> None:
        self.losses += 1


def pair(seed: int = 1) -> tuple[World, Server, Dealer]:
    world = World(seed)
    Network(world, NetworkOptions())
    return world, Server(world, 1), Dealer(world, 2, to=1)


def go_on(world: World, seconds: float = 10) -> None:
    world.scheduler.run(until_us=world.scheduler.now_us + int(seconds * SECOND))


NUMBERS = [b"%d" % number for number in range(200)]


def test_one_life_of_a_stream_is_first_in_first_out_and_whole() -> None:
    world, server, dealer = pair()

    for number in NUMBERS:
        dealer.stream.send(number)
    go_on(world)

    assert server.received == NUMBERS
    assert server.lost == []


def test_a_dead_dealer_leaves_a_prefix_of_what_it_sent_and_its_loss_is_noticed() -> None:
    losses = set()
    for seed in range(20):
        world, server, dealer = pair(seed)
        go_on(world, 0.01)
        for number in NUMBERS:
            dealer.stream.send(number)
        dealer.die()
        go_on(world)

        assert server.received == NUMBERS[:len(server.received)]
        assert len(server.lost) <= 1
        losses.add(len(NUMBERS) - len(server.received))
    assert len(losses) > 5  # a tail of some length is gone, now this much, now that much


def test_nothing_of_an_old_life_arrives_on_a_new_one() -> None:
    world, server, dealer = pair()
    go_on(world, 0.01)
    for number in NUMBERS:
        dealer.stream.send(number)

    dealer.stream.close()
    dealer.connect()
    dealer.stream.send(b"new")
    go_on(world)

    old, new = server.by_stream.values()
    assert new == [b"new"]
    assert old == NUMBERS[:len(old)]


def test_a_cut_holds_messages_until_it_heals() -> None:
    world, server, dealer = pair()
    dealer.stream.send(b"before")
    go_on(world, 0.1)

    world.network.cut(2, 1)
    dealer.stream.send(b"held")
    go_on(world, 0.3)
    assert server.received == [b"before"]

    world.network.heal(2, 1)
    go_on(world, 0.1)
    assert server.received == [b"before", b"held"]


def test_a_cut_one_way_lets_the_other_way_through_until_both_ends_give_up() -> None:
    world, server, dealer = pair()
    dealer.stream.send(b"hello")
    go_on(world, 0.1)

    world.network.cut(2, 1)
    world.network.router_send(server.streams[0], b"to the dealer")
    go_on(world, 0.1)
    assert dealer.received == [b"to the dealer"]

    go_on(world, 10)
    assert (dealer.losses, len(server.lost)) == (1, 1)


def test_a_killed_process_is_missed_at_once_and_a_dark_host_only_after_a_while() -> None:
    for dark, least_s, most_s in ((False, 0.0, 0.1), (True, 0.5, 5.0)):
        world, server, dealer = pair()
        dealer.stream.send(b"hello")
        go_on(world, 0.1)
        if dark:
            world.network.dark.add(1)
        server.die()

        began_us = world.scheduler.now_us
        world.scheduler.run(until_us=began_us + 10 * SECOND, done=lambda: bool(dealer.losses))  # noqa: B023

        assert dealer.losses == 1
        assert least_s <= (world.scheduler.now_us - began_us) / SECOND <= most_s


def test_connecting_to_nobody_is_refused_and_to_a_dark_host_times_out() -> None:
    for dark in (False, True):
        world, server, _ = pair()
        server.die()
        if dark:
            world.network.dark.add(1)
        dealer = Dealer(world, 3, to=1)
        go_on(world, 2)

        assert dealer.losses == 1
        assert dealer.stream.was_refused is not dark


def test_a_stopped_process_finds_everything_waiting_in_order_when_it_goes_on() -> None:
    world, server, dealer = pair()
    go_on(world, 0.1)
    server.pause()
    for number in NUMBERS:
        dealer.stream.send(number)
    go_on(world)
    assert server.received == []

    server.resume()

    assert server.received == NUMBERS


def test_router_send_says_when_a_stream_is_gone() -> None:
    world, server, dealer = pair()
    dealer.stream.send(b"hello")
    go_on(world, 0.1)
    (stream,) = server.streams
    assert world.network.router_send(stream, b"there")

    dealer.die()
    go_on(world, 0.1)

    assert not world.network.router_send(stream, b"still there?")
    assert server.lost == [stream]
