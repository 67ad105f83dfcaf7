"""ZeroMQ with its edges rounded: what the rest of the code takes of it.

Messages are bytes here; messages.py shapes them.

    Sockets    the context of one process: one I/O thread, the allow-list of CURVE keys, close()
    Listener   ROUTER, bound: many streams, each with the member that its key belongs to
    Stream     DEALER: one connection, one life; a lost one is closed, and its owner opens another
    Push, Pull telemetry: lossy, drops counted

listener.py, stream.py and push_pull.py have them, zmq_socket.py what they share, numbering.py the numbers of messages;
poller.py waits for any of them. Besides these only curve.py imports zmq.

What they promise, and why:
- The messages of a stream are numbered from 1; a gap raises StreamGapError: a stream is whole, or
  it ends.
- Nothing reconnects by itself (but Push): nothing queued for an old life flows into a new one.
- Nothing blocks: `send` says False where the peer takes no more, `receive` None where nothing
  waits.
- Monitor events are hints. A Stream has one connection: its monitor is certain. A Listener's names
  no peer: it probes all its streams then, and ROUTER_MANDATORY tells who is gone.
- ZeroMQ's file descriptor is edge-triggered: who waits on `fileno()` instead of a Poller must
  receive until None after every wake-up and after every send, before it sleeps.
"""

from collections.abc import Iterable

from transport.curve import Allowed, AllowList, CurveKeys, Refused
from transport.listener import Listener
from transport.numbering import StreamGapError, StreamId
from transport.push_pull import TELEMETRY_MESSAGES, Pull, Push
from transport.stream import Stream
from transport.zmq_socket import Context

__all__ = ["TELEMETRY_MESSAGES", "Listener", "Pull", "Push", "Sockets", "Stream", "StreamGapError", "StreamId"]


class Sockets:
    """The ZeroMQ context of one process; to be used by one thread."""

    def __init__(self) -> None:
        self._context = Context(io_threads=1)
        self._allow_list: AllowList | None = None
        self._opened: list[Listener | Stream | Push | Pull] = []

    def authorise(self, allowed: Allowed, refused: Refused) -> None:
        """Ask *allowed* about every key that connects from now on. Before any tcp listener."""
        self._allow_list = AllowList(self._context, allowed, refused)

    def listener(self, endpoints: Iterable[str], *, keys: CurveKeys | None = None) -> Listener:
        """Bind all *endpoints*; those of tcp need *keys*, and `authorise` before.

        Raises EndpointError: in use, or not an address of this host.
        """
        listener = Listener(self._context)
        self._opened.append(listener)
        for endpoint in endpoints:
            if endpoint.startswith("tcp:"):
                assert self._allow_list is not None, "without ZAP any key would be let in"
                assert keys is not None
            listener.bind(endpoint, keys)
        return listener

    def stream(
        self, endpoint: str, *, keys: CurveKeys | None = None, server_key: str = "",
    ) -> Stream:
        """Begin to connect. One that cannot connect is lost soon; nothing is raised for that."""
        stream = Stream(self._context, endpoint, keys, server_key)
        self._opened = [each for each in self._opened if not each.is_closed]
        self._opened.append(stream)
        return stream

    def push(self, endpoint: str) -> Push:
        push = Push(self._context, endpoint)
        self._opened.append(push)
        return push

    def pull(self, endpoint: str) -> Pull:
        """Raises EndpointError."""
        pull = Pull(self._context, endpoint)
        self._opened.append(pull)
        return pull

    def close(self) -> None:
        """Close everything that this context opened, at once: nothing unsent is waited for."""
        for each in self._opened:
            each.close()
        self._context.term()
        if self._allow_list is not None:
            self._allow_list.join()
