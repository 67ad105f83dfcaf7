"""One client connection, from its first byte to its last."""

from collections import deque
from enum import IntEnum

from node.requests.sasl import Exchange
from node.requests.traceparent import Pack, traced_pack
from transport.batch import REQUEST
from transport.zxid import SessionId


class Phase(IntEnum):
    NEW = 0  # nothing but a ConnectRequest or a four-letter word may come
    ATTACHING = 1  # its attach is on the way through the log; input waits
    READY = 2
    READ_ONLY = 4  # of a member without a quorum: requests/read_only.py
    RECONFIGURING = 5  # its reconfig is with the leader; input waits
    UNPROVEN = 6  # has its session, and must say who it is before anything else: requests/proofs.py
    CLOSED = 3  # output is sent, then the socket is closed; input is ignored


class Connection:
    """Owned by the processor core; the shell looks at *out* and *phase* only.

    A read is answered at once while `submitted == done`; else it is parked with the number of writes before it.
    """

    __slots__ = (
        "address", "awaited", "bulky", "context", "created_ms", "done", "fault", "frames_in", "frames_out", "heard_ms",
        "holds", "identity", "input", "is_read_only", "is_secure", "last_op", "last_xid", "last_zxid", "missing",
        "number", "out", "outcome", "pack_request", "pack_untraced", "parked", "paused", "phase", "read_only_known",
        "sasl", "seen_zxid", "session_id", "shell", "stalled_ms", "submitted", "timeout_ms", "trace_bytes", "upgrades",
        "window", "word",
    )

    def __init__(self, *, number: int, address: str, identity: bytes, now_ms: int, shell: object) -> None:
        self.number = number
        self.address = address
        self.identity = identity  # encoded identities, the ip one first
        self.created_ms = self.heard_ms = now_ms
        self.shell = shell  # the transport's protocol object: opaque here
        self.phase = Phase.NEW
        self.session_id = SessionId(0)
        self.timeout_ms = 0
        self.read_only_known = False  # the ConnectRequest had the readOnly byte, so the response has it
        self.is_read_only = False
        self.is_secure = False  # it speaks TLS
        self.sasl: Exchange | None = None  # the one that is under way
        self.seen_zxid = 0  # lastZxidSeen of the ConnectRequest
        self.word = ""  # a four-letter word that waits for its answer
        # Bytes of an incomplete frame, all that waits for the attach, or for room (holds).
        self.input: bytes | bytearray = b""
        self.missing = 0  # at least so many more until there is a whole frame, as far as its length is known
        self.out: list[bytes] = []
        self.bulky = False  # long values stand in it, shared with the tree: not to be joined in one piece
        self.holds = False  # whole requests wait in input until the output has been taken: feed it again then
        self.stalled_ms = 0  # since when requests wait for the request throttle; 0: they do not
        self.fault = ""  # what the client did wrong, when it is closed for that
        self.outcome = ""  # why it was closed, in a word of corral_client_connections_closed_total
        self.window = 0  # of Shares: when it asked for something last
        self.submitted = 0
        self.done = 0
        self.upgrades = False  # its session is local, and may become a global one
        self.awaited = 0  # of a session that may: nothing is taken before that write is done, which may have done it
        self.parked: deque[tuple[int, int, int, bytes, int]] = deque()  # writes before it, xid, op, body, read at (ns)
        self.paused = False
        self.pack_untraced: Pack = REQUEST.pack  # of a local session, one that marks its requests
        self.pack_request: Pack = REQUEST.pack  # the same; with a trace context, one that adds it
        self.context = b""
        self.trace_bytes = 0  # of that context
        self.frames_in = self.frames_out = 0
        self.last_xid = self.last_op = self.last_zxid = 0

    def add_piece(self, data: bytes) -> None:
        """Of a frame that is not whole with it: only copied, so that a long one in many pieces costs no more."""
        if type(self.input) is bytes:
            self.input = bytearray(self.input)
        self.input += data
        self.missing -= len(data)

    def trace(self, context: bytes) -> None:
        """The requests from here on carry it; empty: none."""
        self.pack_request = traced_pack(context, self.pack_untraced) if context else self.pack_untraced
        self.context = context
        self.trace_bytes = len(context)

    def became_global(self) -> None:
        """The session: what comes from now on is a request of one that others know."""
        self.upgrades = False
        self.pack_untraced = REQUEST.pack
        self.trace(self.context)
