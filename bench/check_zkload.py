#!/usr/bin/env python3
"""Checks that zkload notices wrong replies: runs it against a fake server with one fault.

    check_zkload.py [PATH-OF-ZKLOAD]      prints 'N passed, N failed'
"""

import asyncio
import json
import struct
import sys

STAT = struct.Struct(">qqqqiiiqiiq")
CREATE, GET, SET, SYNC, PING, CLOSE = 1, 4, 5, 9, 11, -11

# Fault -> words that zkload must say about it; None: it must find nothing wrong.
FAULTS: dict[str, str | None] = {
    "none": None,
    "wrong_xid": "reply out of order",
    "error": "answered with error -4",
    "zxid_back": "zxid went back",
    "wrong_value": "not the value that was written",
    "short_body": "reply is too short",
    "long_body": "bytes left over",
    "hang_up": "error: connection",
    "silence": "no reply in time",
}


class FakeServer:
    """Enough of a ZooKeeper server for --op mixed; the 100th getData has the fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.data: dict[bytes, bytes] = {}
        self.zxid = 1000
        self.serving: set[asyncio.Task[None] | None] = set()
        self.gets = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.current_task())
        try:
            await self.read_frame(reader)
            writer.write(self.frame(struct.pack(">iiqi16s?", 0, 30000, 77, 16, b"p" * 16, False)))
            while True:
                answer = self.answer(await self.read_frame(reader))
                if answer is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    @staticmethod
    async def read_frame(reader: asyncio.StreamReader) -> bytes:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        return await reader.readexactly(size)

    @staticmethod
    def frame(body: bytes) -> bytes:
        return struct.pack(">i", len(body)) + body

    def answer(self, request: bytes) -> bytes | None:
        """The reply frame; None: hang up."""
        xid, op = struct.unpack_from(">ii", request)
        zxid, error, body = self.zxid, 0, b""
        if op not in (PING, CLOSE):
            (n,) = struct.unpack_from(">i", request, 8)
            path = request[12 : 12 + n]
        if op in (CREATE, SET):
            self.zxid = zxid = self.zxid + 1
            (size,) = struct.unpack_from(">i", request, 12 + n)
            self.data[path] = request[16 + n : 16 + n + size]
        if op in (CREATE, SYNC):
            body = struct.pack(">i", n) + path
        if op in (SET, GET):
            value = self.data[path]
            stat = STAT.pack(1, 1, 0, 0, 0, 0, 0, 0, len(value), 0, 1)
            body = stat if op == SET else struct.pack(">i", len(value)) + value + stat
        if op == GET:
            self.gets += 1
            if self.fault == "silence" and self.gets >= 100:
                return b""
            if self.gets == 100:
                if self.fault == "hang_up":
                    return None
                xid += self.fault == "wrong_xid"
                error = -4 if self.fault == "error" else 0
                zxid -= 500 if self.fault == "zxid_back" else 0
                if self.fault == "wrong_value":
                    body = body[:4] + b"?" + body[5:]
                body = {"short_body": body[:-1], "long_body": body + b"!",
                        "error": b""}.get(self.fault, body)
        return self.frame(struct.pack(">iqi", xid, zxid, error) + body)


async def check(zkload: str, fault: str, expected: str | None) -> bool:
    fake = FakeServer(fault)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        zkload, "--hosts", f"127.0.0.1:{port}", "--op", "mixed:70", "--conns", "2",
        "--window", "5", "--keys", "20", "--duration", "0.5", "--warmup", "0", "--timeout", "500",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    server.close()
    await asyncio.gather(*filter(None, fake.serving))
    report = json.loads(out)
    if expected is None:
        return process.returncode == 0 and report["errors"] == 0 and not err and report["ops"] > 0
    return process.returncode == 1 and report["errors"] > 0 and expected in err.decode()


async def main() -> int:
    zkload = sys.argv[1] if len(sys.argv) > 1 else "./zkload"
    passed = 0
    for fault, expected in FAULTS.items():
        good = await check(zkload, fault, expected)
        passed += good
        print(f"{'ok  ' if good else 'FAIL'} {fault}")
    print(f"{passed} passed, {len(FAULTS) - passed} failed")
    return int(passed != len(FAULTS))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
