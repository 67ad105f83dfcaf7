"""`corral up --observe`: Prometheus next to a local ensemble, from its scrape configuration to a live graph.

DATA/observe/prometheus.yml    scrapes each member once a second, loads the rules
DATA/observe/members.json      who is there, with the labels that dashboards and alerts go by
DATA/observe/member-N.*        likewise of a member that speaks nothing but HTTPS, with its certificate
DATA/observe/rules/            the alert rules, as they stand in dashboards/alerts/
DATA/observe/running.json      pid and port while Prometheus runs
"""

import ctypes
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Final

import msgspec

from node.cli.local import LocalEnsemble, signal_process, wait_for
from node.cli.scrape_jobs import write_jobs
from node.config.address import format_address
from node.running import start_ticks_of

READY_S: Final = 20.0
STOP_S: Final = 10.0
HOW: Final = "sudo apt-get install prometheus"
_PR_SET_PDEATHSIG: Final = 1
_started: dict[int, "subprocess.Popen[bytes]"] = {}  # by us, so that we see them end

# What an operator looks at first; the dashboards hold the rest.
GRAPHS: Final = (
    "sum by (member) (rate(corral_writes_total[5s]))",
    "histogram_quantile(0.99, sum by (member, stage, le) (rate(corral_stage_seconds_bucket[5s])))",
    "corral_is_leader",
)

CONFIGURATION: Final = """\
# Written by `corral up --observe` at each start.
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files:
  - rules/*.yml
scrape_configs:
"""


class Prometheus(msgspec.Struct, frozen=True):
    """One that runs.  url: of its own pages."""

    pid: int
    start_ticks: int
    url: str

    @property
    def graph(self) -> str:
        """Its page with the first graphs drawn."""
        fields = [(f"g{n}.{key}", value) for n, expr in enumerate(GRAPHS)
                  for key, value in (("expr", expr), ("tab", "0"), ("range_input", "5m"))]
        return f"{self.url}/graph?{urllib.parse.urlencode(fields)}"


def rules_folder() -> Path | None:
    """The alert rules: of the work tree, or of the installed distribution."""
    root = Path(__file__).parents[2]
    folders = (root / "dashboards" / "alerts", root / "observability" / "alerts")
    return next((folder for folder in folders if folder.is_dir()), None)


def prometheus_program() -> str | None:
    return shutil.which("prometheus")


def write_configuration(ensemble: LocalEnsemble) -> Path:
    """All that Prometheus needs, written anew; returns its configuration file."""
    folder = ensemble.directory / "observe"
    rules = folder / "rules"
    shutil.rmtree(rules, ignore_errors=True)
    rules.mkdir(parents=True)
    for file in sorted((rules_folder() or rules).glob("*.yml")):
        shutil.copyfile(file, rules / file.name)
    configuration = folder / "prometheus.yml"
    configuration.write_text(CONFIGURATION + write_jobs(ensemble, folder))
    return configuration


def start_prometheus(ensemble: LocalEnsemble, *, dies_with_us: bool) -> Prometheus | None:
    """Starts it, and returns once it answers.  None: not installed, or it ended (its log says why)."""
    stop_prometheus(ensemble.directory)  # one that an earlier `up --detach` left, whose members were stopped one by one
    configuration = write_configuration(ensemble)
    program = prometheus_program()
    if program is None:
        return None
    address = format_address(ensemble.host, _free_port(ensemble.host))
    folder = configuration.parent
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=3d",
                f"--web.listen-address={address}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent if dies_with_us else None,
        )
    _started[process.pid] = process
    running = Prometheus(process.pid, start_ticks_of(process.pid), f"http://{address}")
    (folder / "running.json").write_bytes(msgspec.json.encode(running))
    settled = wait_for(lambda: process.poll() is not None or _is_ready(running.url), READY_S)
    if not settled or process.poll() is not None:
        stop_prometheus(ensemble.directory)
        return None
    return running


def running_prometheus(directory: Path) -> Prometheus | None:
    """That of the ensemble in this directory, if it runs."""
    try:
        found = msgspec.json.decode((directory / "observe" / "running.json").read_bytes(), type=Prometheus)
    except (OSError, msgspec.DecodeError):
        return None
    return found if _is_alive(found) else None


def stop_prometheus(directory: Path) -> None:
    found = running_prometheus(directory)
    if found is not None:
        signal_process(found.pid, signal.SIGTERM)
        if not wait_for(lambda: not _is_alive(found), STOP_S):
            signal_process(found.pid, signal.SIGKILL)
        if (process := _started.pop(found.pid, None)) is not None:
            process.wait()
    (directory / "observe" / "running.json").unlink(missing_ok=True)


def remove_observations(directory: Path) -> None:
    """Configuration and time series: for `down --wipe`."""
    shutil.rmtree(directory / "observe", ignore_errors=True)


def _is_alive(prometheus: Prometheus) -> bool:
    return start_ticks_of(prometheus.pid) == prometheus.start_ticks != 0


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _free_port(host: str) -> int:
    """Prometheus's own, if nobody has it: what people expect; else any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (9090, 0):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {host}")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
