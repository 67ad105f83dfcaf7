"""What telemetry finds out itself about its member: versions, space, and the processes that send it nothing."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from node.config.member import MemberConfig
from node.keys import KeysError, load_keys
from node.lives import living, read_lives
from node.processes.processor_words import VERSION
from node.roles import ROLES
from node.running import read_running
from node.storage.layout import data_directory, log_directory
from observability.samples import Samples
from observability.space import Space


def samples_of(config: MemberConfig) -> Samples:
    """With every figure of the member's that needs no other process."""
    samples = Samples(
        process_names(config), pids=lambda: _running(config), living=lambda: living(config.run_dir))
    space = Space({"data": data_directory(config.data_dir), "log": log_directory(config.log_dir)})
    for figure in ("snapshot_age_s", "snapshot_bytes", "directory_bytes", "log_segments", "disk_free_bytes",
                   "disk_size_bytes", "disk_full_in_s"):
        samples.provide(figure, space.figure(figure))
    info = _info(config)
    samples.provide("info", lambda: info)
    return samples


def process_names(config: MemberConfig) -> list[str]:
    return [name for role in ROLES for name in role.names(config)]


def _running(config: MemberConfig) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Pids of who sends no samples; and restarts, as the supervisor has counted them, or the processes without one."""
    pids = {"telemetry": os.getpid()}
    running = read_running(config.run_dir)
    if running is None:
        return pids, {name: life.restarts for name, life in read_lives(config.run_dir).items()}
    pids["supervisor"] = running.pid
    return pids, {process.name: process.restarts for process in running.processes}


def _info(config: MemberConfig) -> dict[str, Any]:
    try:
        ensemble = load_keys(config).ensemble
    except KeysError:
        ensemble = ""
    labels = (version("corral"), VERSION.partition("-")[0], platform.python_version(), ensemble, str(config.id))
    info: dict[str, Any] | int = 1
    for label in reversed(labels):
        info = {label: info}
    assert isinstance(info, dict)
    return info
