"""SIGHUP: a processor reads its zoo.cfg again, and takes over what needs no restart (node/config/live.py)."""

from dataclasses import replace
from typing import TYPE_CHECKING

from node.config.live import leave_stamp, with_live
from node.config.problems import ConfigError
from node.config.read import load_config

if TYPE_CHECKING:
    from node.processes.processor import ProcessorShell


def reload_processor(shell: "ProcessorShell") -> None:
    try:
        config = with_live(shell.config, load_config(shell.config.file).config)
    except (ConfigError, OSError) as error:
        shell.log.error("config_unusable", reason=str(error))
        return
    core, limits = shell.core, config.limits
    core.config = replace(
        core.config, auth=config.security.auth, session_timeout_min_ms=config.min_session_timeout_ms,
        session_timeout_max_ms=config.max_session_timeout_ms, large_bytes=limits.large_bytes,
        large_bytes_max=limits.large_bytes_max, reply_bytes_max=limits.reply_bytes_max, overload=limits.overload)
    core.proofs.rules = config.security.auth
    shell.clients.config = shell.config = config
    leave_stamp(config, shell.process)
    shell.log.info("config_reloaded", file=str(config.file))
