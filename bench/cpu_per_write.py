"""CPU time per request, by process and thread, of a running local ensemble under zkload: where a request's time goes.

    python -m bench.cpu_per_write CONNECT [zkload's arguments]

CONNECT as `corral up` prints it. Without arguments: one write at a time, over one connection, to a follower. It is much
steadier than latency: other work on the machine does not count.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.load import BenchError, Load, build
from bench.procfs import PROC

PROGRAMS = Path("build/bench")
ONE_AT_A_TIME = ("--op", "set", "--conns", "1", "--window", "1", "--value", "100", "--duration", "5")
WARMUP_S = 1.0
SHOWN_US = 0.5  # what takes less is left out

Threads = dict[str, float]  # name and id -> CPU time, us


def member_rows(connect: str) -> list[dict[str, Any]]:
    """Raises BenchError: no quorum serves."""
    corral = Path(sys.executable).parent / "corral"
    done = subprocess.run(
        [str(corral), "status", "--json", connect], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"corral status: {done.stderr.strip() or 'no quorum serves'}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)["members"]
    return rows


def threads_of(pid: int) -> Threads:
    """CPU time of each thread since it began."""
    found: Threads = {}
    for task in (PROC / str(pid) / "task").iterdir():
        name = (task / "comm").read_text().strip()
        found[f"{name}/{task.name}"] = int((task / "schedstat").read_text().split()[0]) / 1e3
    return found


def follower_first(rows: list[dict[str, Any]]) -> str:
    """Hosts for zkload: it spreads connections in this order."""
    rows = sorted(rows, key=lambda row: (row["role"] == "leader", row["id"]))
    return ",".join(str(row["address"]) for row in rows)


def measure(connect: str, arguments: tuple[str, ...]) -> str:
    """One run as a table of text."""
    rows = member_rows(connect)
    pids = {
        f"{row['id']} {row['role']:8} {name}": pid
        for row in rows for name, pid in row["processes"].items()}
    before = {name: threads_of(pid) for name, pid in pids.items()}
    command = ["--hosts", follower_first(rows), *arguments, "--warmup", str(WARMUP_S)]
    with Load(build("zkload", PROGRAMS), command, seconds=60) as load:
        result = load.result()
    after = {name: threads_of(pid) for name, pid in pids.items()}
    requests = result["ops"] + result["ops_per_sec"] * WARMUP_S
    latency = result["latency_us"]
    lines = [f"{result['ops_per_sec']:.0f}/s, p50 {latency['p50']} us, p99 {latency['p99']} us; CPU us per request:"]
    total = 0.0
    for name in sorted(pids):
        used = {
            thread: (us - before[name].get(thread, 0.0)) / requests for thread, us in after[name].items()}
        total += sum(used.values())
        if sum(used.values()) >= SHOWN_US:
            shown = ", ".join(f"{thread.rpartition('/')[0]} {us:.0f}" for thread, us in used.items() if us >= SHOWN_US)
            lines.append(f"{name:24} {sum(used.values()):6.0f}  ({shown})")
    return "\n".join([*lines, f"{'all':24} {total:6.0f}"])


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(measure(sys.argv[1], tuple(sys.argv[2:]) or ONE_AT_A_TIME))


if __name__ == "__main__":
    main()
