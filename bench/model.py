"""How long one write takes, and how many there can be: the model of docs/performance.md, and a check of it.

    python -m bench.model                      latency and rate for networks from 0.2 to 50 ms, disks from 0.1 to 10
    python -m bench.model --software-us 700    with what another machine's one-in-flight row says, less its fdatasync
    python -m bench.model --check              real members, on loopback, whose links and disks are made slow

A write of one client waits for one round trip between members and one sync of a disk, wherever its client is connected:

    latency = software + round trip + sync

Client of a follower: the request travels to the leader (half a round trip); leader and follower sync at the same time;
the leader says that it has, while the record travels (the other half); the follower answers what is durable on both.
Client of the leader: the record travels to the followers, is synced there and here, and the fastest ack comes back.
With n requests in flight one sync serves all that wait, so that

    rate = min(limit, n / latency)
"""

import argparse
import sys
from pathlib import Path

from bench.load import BenchError, Load, build

SOFTWARE_US = 700.0  # one in flight on a quiet machine, less its fdatasync: see docs/performance.md
LIMIT_PER_S = 82_600.0  # set, 10 × 100 in flight, two cores for three members and the generator
RTT_MS = (0.0, 0.2, 1.0, 5.0, 20.0, 50.0)
SYNC_MS = (0.1, 0.5, 1.0, 5.0, 10.0)
IN_FLIGHT = (1, 100, 1_000)
CHECKED_RTT_MS = (2.0, 10.0, 40.0)
NEAR = 0.25  # of what is predicted
LOAD_S = 3.0


def latency_ms(*, rtt_ms: float, sync_ms: float, software_us: float = SOFTWARE_US) -> float:
    """Of a write, one in flight."""
    return software_us / 1e3 + rtt_ms + sync_ms


def rate_per_s(
    in_flight: int, *, rtt_ms: float, sync_ms: float, software_us: float = SOFTWARE_US, limit: float = LIMIT_PER_S,
) -> float:
    """Writes of so many requests that are in flight always."""
    return min(limit, in_flight * 1e3 / latency_ms(rtt_ms=rtt_ms, sync_ms=sync_ms, software_us=software_us))


def predictions(software_us: float, limit: float) -> str:
    """A table of Markdown."""
    lines = [
        "| round trip | sync | latency, one in flight | " + " | ".join(f"{n:,} in flight" for n in IN_FLIGHT) + " |",
        "|" + " --- |" * (3 + len(IN_FLIGHT))]
    for rtt_ms in RTT_MS:
        for sync_ms in SYNC_MS:
            latency = latency_ms(rtt_ms=rtt_ms, sync_ms=sync_ms, software_us=software_us)
            rates = [
                rate_per_s(n, rtt_ms=rtt_ms, sync_ms=sync_ms, software_us=software_us, limit=limit)
                for n in IN_FLIGHT]
            lines.append(
                f"| {rtt_ms:g} ms | {sync_ms:g} ms | {latency:.1f} ms | "
                + " | ".join(f"{rate:,.0f}/s" for rate in rates) + " |")
    return "\n".join(lines)


def p50_ms(zkload: Path, host: str) -> float:
    """Of sets, one in flight, of one client."""
    arguments = ("--hosts", host, "--op", "set", "--warmup", "0.5", "--duration", str(LOAD_S), "--keys", "10")
    with Load(zkload, arguments, seconds=LOAD_S) as load:
        return float(load.result()["latency_us"]["p50"]) / 1e3


def check(zkload: Path) -> bool:
    """Whether what is measured is near what is predicted from the latency without delays.

    What answers over a link takes so long; what is said over it takes no time: a round trip is that delay.
    """
    from tests.faults.injection import SYNC_S, slow_disk, slowable  # pytest comes with it

    is_near = True
    with slowable() as slowed:
        ensemble, links = slowed
        leader = ensemble.leader()
        clients = {
            "leader": ensemble.addresses[leader - 1],
            "follower": ensemble.addresses[(leader + 1) % 3 - 1]}
        for role, (address, port) in clients.items():
            host = f"{address}:{port}"
            base_ms = p50_ms(zkload, host)
            print(f"client of the {role}: {base_ms:.2f} ms without delay")
            for rtt_ms in CHECKED_RTT_MS:
                for link in links.values():
                    link.delay_s = rtt_ms / 1e3
                is_near &= told(f"round trip {rtt_ms:g} ms", base_ms + rtt_ms, p50_ms(zkload, host))
            for link in links.values():
                link.delay_s = 0.0
            with slow_disk(ensemble, 1), slow_disk(ensemble, 2), slow_disk(ensemble, 3):
                is_near &= told(f"sync {SYNC_S * 1e3:g} ms", base_ms + SYNC_S * 1e3, p50_ms(zkload, host))
    return is_near


def told(what: str, predicted_ms: float, measured_ms: float) -> bool:
    is_near = abs(measured_ms - predicted_ms) <= NEAR * predicted_ms
    verdict = "" if is_near else "  far off"
    print(f"  {what:20} predicted {predicted_ms:6.2f} ms, measured {measured_ms:6.2f} ms{verdict}")
    return is_near


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench.model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--software-us", type=float, default=SOFTWARE_US)
    parser.add_argument("--limit", type=float, default=LIMIT_PER_S, help="writes per second with many in flight")
    parser.add_argument("--check", action="store_true", help="takes a minute; needs gcc")
    args = parser.parse_args()
    if not args.check:
        print(predictions(args.software_us, args.limit))
        return 0
    try:
        return 0 if check(build("zkload", Path("build/bench"))) else 1
    except BenchError as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    sys.exit(main())
