"""The alert rules as data, and what makes each fire: series for promtool, second by second.

A value is written as promtool has it: `0+1x60` counts up by one for sixty steps, `1x60` stays.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "dashboards" / "alerts").glob("*.yml"))
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """*firing* makes the alert fire at *at*; *quiet*, which is like it but in health, does not."""

    alert: str
    firing: Series
    quiet: Series
    labels: dict[str, str]
    at: str = "10m"
    step: str = "10s"
    also: Series = field(default_factory=dict)  # in both

    @property
    def name(self) -> str:
        return " ".join([self.alert, self.labels.get("burn", "")]).strip()


def rules() -> list[dict[str, Any]]:
    return [rule for file in RULES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def _e(name: str, **labels: str) -> str:
    """A series of ensemble e."""
    inside = ",".join(f'{key}="{value}"' for key, value in {"ensemble": "e", **labels}.items())
    return f"{name}{{{inside}}}"


def _up(value: str = "1x60", member: str = "1") -> Series:
    return {_e("up", job="corral", member=member): value}


def _histogram(name: str, fast: str, slow: str, bounds: tuple[str, str], **labels: str) -> Series:
    """Counts at or below the first bound, below the second, and of all."""
    return {
        _e(f"{name}_bucket", le=bounds[0], **labels): fast,
        _e(f"{name}_bucket", le=bounds[1], **labels): slow,
        _e(f"{name}_bucket", le="+Inf", **labels): slow,
        _e(f"{name}_count", **labels): slow,
    }


def _one(alert: str, metric: str, bad: str, good: str, severity: str = "warning", *, at: str = "10m",
         also: Series | None = None, of: tuple[str, ...] = ("member",), **labels: str) -> Case:
    """An alert about one series of member 1.  of: which labels it keeps."""
    all_labels = {"member": "1", **labels}
    kept = {"ensemble": "e", "severity": severity} | {key: all_labels[key] for key in of}
    return Case(alert, {_e(metric, **all_labels): bad}, {_e(metric, **all_labels): good}, kept, at, also=also or {})


def _slow_writes(slow_in_hundred: int, steps: int) -> Series:
    return _histogram("corral_request_seconds", f"0+{100 - slow_in_hundred}x{steps}", f"0+100x{steps}",
                      ("0.100663296", "0.134217728"), kind="write", member="1")


def _burning(window: str, severity: str, at: str, step: str, *, leaderless: str, slow_in_hundred: int) -> list[Case]:
    steps = 2200
    labels = {"ensemble": "e", "severity": severity, "burn": window}
    return [
        Case("CorralAvailabilityBurning", {_e("corral_is_leader", member="1"): leaderless},
             {_e("corral_is_leader", member="1"): f"1x{steps}"}, labels, at, step, also=_up(f"1x{steps}")),
        Case("CorralWriteLatencyBurning", _slow_writes(slow_in_hundred, steps), _slow_writes(0, steps), labels, at,
             step),
    ]


CASES: list[Case] = [
    Case("CorralNoLeader",
         {_e("corral_is_leader", member="1"): "1x5 0x55", _e("corral_is_leader", member="2"): "0x60"},
         {_e("corral_is_leader", member="1"): "1x5 0x55", _e("corral_is_leader", member="2"): "0x5 1x55"},
         {"ensemble": "e", "severity": "critical"}, also=_up()),
    Case("CorralNoLeader", {_e("corral_is_leader", member="1"): "1x5 stale"},
         {_e("corral_is_leader", member="1"): "1x60"}, {"ensemble": "e", "severity": "critical"}, also=_up("1x5 0x55")),
    Case("CorralTwoLeaders", {_e("corral_is_leader", member=m): "1x60" for m in "12"},
         {_e("corral_is_leader", member=m): f"{int(m == '1')}x60" for m in "12"},
         {"ensemble": "e", "severity": "critical"}),
    Case("CorralNoQuorumSlack", {_e("corral_quorum_slack", member="1"): "0x60"},
         {_e("corral_quorum_slack", member="1"): "1x60"}, {"ensemble": "e", "severity": "warning"},
         also={_e("corral_voters", member="1"): "3x60"}),
    _one("CorralMemberDown", "up", "0x60", "1x60", of=("member", "job"), job="corral"),
    _one("CorralMemberNotServing", "corral_is_serving", "0x60", "0x5 1x55"),
    Case("CorralElectionsRepeating", {_e("corral_committed_epoch", member="1"): "1x9 2x9 3x9 4x30"},
         {_e("corral_committed_epoch", member="1"): "1x9 2x50"}, {"ensemble": "e", "severity": "warning"}),
    Case("CorralElectionsRepeating",
         {_e("corral_committed_epoch", member="1"): "1x9 2x9 3x9 4x30",
          _e("corral_elections_total", member="1", cause="handed_over"): "0x60"},
         {_e("corral_committed_epoch", member="1"): "1x9 2x9 3x9 4x30",
          _e("corral_elections_total", member="1", cause="handed_over"): "0x9 1x9 2x9 3x30"},
         {"ensemble": "e", "severity": "warning"}),
    _one("CorralFollowerLagging", "corral_follower_lag_seconds", "5x60", "0.2x60", of=("follower",), follower="3"),
    _one("CorralDigestMismatch", "corral_digest_differs", "0x9 1x50", "0x60", "critical", process="processor-0"),
    _one("CorralDigestMismatch", "corral_digest_mismatches_total", "0x50 1x9", "3x60", "critical", process="broadcast"),
    _one("CorralDigestMismatch", "corral_digests_undecided_total", "0x50 1x9", "3x60", "critical", process="broadcast"),
    Case("CorralFsyncSlow",
         _histogram("corral_fsync_seconds", "0+90x60", "0+100x60", ("0.067108864", "0.201326592"), member="3"),
         _histogram("corral_fsync_seconds", "0+100x60", "0+100x60", ("0.067108864", "0.201326592"), member="3"),
         {"ensemble": "e", "severity": "warning", "member": "3"}),
    _one("CorralEventLoopStalls", "corral_event_loop_stalled_seconds_total", "0+1x60", "0+0.1x60",
         of=("member", "process"), process="broadcast"),
    _one("CorralClientsThrottled", "corral_throttled_seconds_total", "0+5x60", "0+0.5x60",
         of=("member", "process"), process="processor-0"),
    Case("CorralSessionExpiryBurst", {_e("corral_sessions_expired_total", member="1"): "0x40 30x20"},
         {_e("corral_sessions_expired_total", member="1"): "0x40 8x20"}, {"ensemble": "e", "severity": "warning"},
         also={_e("corral_sessions", member="1"): "100x60"}),
    _one("CorralSystemErrors", "corral_request_errors_total", "5x110 6x9", "5x120", "critical", at="20m",
         error="SYSTEMERROR"),
    Case("CorralDiskFull", {_e("corral_disk_free_bytes", member="1", directory="log"): "400-6x60"},
         {_e("corral_disk_free_bytes", member="1", directory="log"): "400-0.06x60",
          _e("corral_disk_free_bytes", member="2", directory="log"): "_x30 400-6x30"},  # a member's first minutes
         {"ensemble": "e", "severity": "warning", "member": "1", "directory": "log"}, at="50m", step="1m",
         also={_e("corral_disk_size_bytes", member=member, directory="log"): "1000x60" for member in ("1", "2")}),
    Case("CorralDiskAlmostFull", {_e("corral_disk_free_bytes", member="1", directory="log"): "40x60"},
         {_e("corral_disk_free_bytes", member="1", directory="log"): "60x60"},
         {"ensemble": "e", "severity": "critical", "member": "1", "directory": "log"},
         also={_e("corral_disk_size_bytes", member="1", directory="log"): "1000x60"}),
    _one("CorralWritesStopped", "corral_writes_stopped", "1x60", "0x60", "critical"),
    _one("CorralSnapshotsFailing", "corral_snapshot_failures_total", "0x50 1x9", "2x60"),
    Case("CorralOpenFilesExhausted", {_e("corral_process_open_fds", member="1", process="processor-0"): "900x60"},
         {_e("corral_process_open_fds", member="1", process="processor-0"): "700x60"},
         {"ensemble": "e", "severity": "warning", "member": "1", "process": "processor-0"},
         also={_e("corral_process_max_fds", member="1", process="processor-0"): "1000x60"}),
    _one("CorralProcessDown", "corral_process_up", "0x60", "1x60", of=("member", "process"), process="snapshotter"),
    _one("CorralProcessRestarting", "corral_process_restarts_total", "0x20 1x10 2x10 4x20", "0x40 1x20",
         of=("member", "process"), process="broadcast"),
    _one("CorralAlarm", "corral_alarms_total", "2x110 3x9", "2x120", at="20m", of=("member", "event"), event="poison"),
    _one("CorralTelemetryDropping", "corral_telemetry_dropped_total", "0+1x60", "7x60",
         of=("member", "process"), process="election"),
    _one("CorralTelemetryDropping", "corral_notes_dropped_total", "0+1x60", "7x60", of=("member", "process"),
         process="broadcast", also={_e("corral_telemetry_dropped_total", member="1", process="broadcast"): "0x60"}),
    _one("CorralClockSkew", "corral_clock_offset_seconds", "-2x60", "0.3x60", of=("member", "peer"), peer="2",
         also={_e("corral_clock_uncertainty_seconds", member="1", peer="2"): "0.001x60"}),
    _one("CorralCertificateExpiring", "corral_certificate_expiry_seconds", "1200000x120", "1300000x120"),
    *_burning("fast", "critical", "1h", "10s", leaderless="1x330 0x30", slow_in_hundred=20),
    *_burning("middle", "critical", "6h", "30s", leaderless="1x690 0x30", slow_in_hundred=8),
    *_burning("slow", "warning", "3d", "2m", leaderless="1x2130 0x30", slow_in_hundred=2),
]
