"""One process of a member without a supervisor: a systemd unit, or started by hand.

What node/supervisor.py does for its children each does for itself here:

                       under a supervisor                        by itself
one of each role       supervisor.lock in the data               NAME.life in the run directory (node/lives.py)
not both ways at once  the run directory is locked exclusively   and here shared
one writer             broadcast's own lock in the data          the same (node/storage/identity.py)
ports in use           all probed before anything starts         each process probes those that it will bind
the client port that   held, bound                               broadcast holds a name for it (node/ports.py)
processors share
restarts, and pauses   state.json (node/running.py)              NAME.life; systemd waits the first pause
between them
a refused start        ends the member                           leaves that unit failed (RestartPreventExitStatus=)
a title, a nice value  set after the fork                        set here
"""

import importlib
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from structlog.typing import FilteringBoundLogger

from node.config.member import MemberConfig
from node.config.problems import ConfigError
from node.config.read import LoadedConfig, load_config
from node.lives import OwnLife
from node.notify import Notify
from node.ports import claim_own_ports
from node.processes.loop import EXIT_REFUSED, now_ms
from node.role_run import REFUSALS, exit_code_of, refuse
from node.roles import Role, lower_priority
from node.run_dir import is_temporary, lock_shared, make_private
from node.storage.errors import RefusedError
from node.title import set_title
from observability.logging import configure_logging, get_logger

_SPOKESMAN: Final = "broadcast"  # says what is to be said once for a member


def run_unit(role: Role, file: Path, index: int, notify: Notify) -> int:
    """The exit code; what ended it is logged."""
    name = role.name_of(index)
    signal.signal(signal.SIGTERM, _leave)  # until the role has its own way
    configure_logging()
    try:
        loaded = load_config(file)
    except (ConfigError, OSError) as error:
        return refuse(error, get_logger(process=name), notify)
    config = loaded.config
    configure_logging(config.log_level)
    log = get_logger(process=name, member=config.id)
    set_title(config.id, name)
    lower_priority(role)
    try:
        life = _enter(role, index, config, is_unit=notify.is_heard)
    except REFUSALS as error:
        return refuse(error, log, notify)
    code = exit_code_of(lambda: _run(role, loaded, index, life, notify, log), log, notify)
    if code in (0, EXIT_REFUSED):
        life.end()
    return code


def _enter(role: Role, index: int, config: MemberConfig, *, is_unit: bool) -> OwnLife:
    """Into the run directory, whose locks last as long as this process.  Raises RefusedError."""
    if role.count(config) <= index:
        raise RefusedError(
            f"corral.processors={role.count(config)}, so there is no {role.name_of(index)}", file=config.file,
            cure="raise corral.processors, or disable this unit")
    if is_unit and is_temporary(config.run_dir):
        raise RefusedError(
            f"{config.run_dir} for the sockets; but every unit has a /tmp of its own", file=config.file,
            cure="set corral.runDir to a short path elsewhere, such as /run/corral/main")
    make_private(config.run_dir)
    lock_shared(config.run_dir)
    return OwnLife(config.run_dir, role.name_of(index), now_ms=now_ms())


def _run(
    role: Role, loaded: LoadedConfig, index: int, life: OwnLife, notify: Notify, log: FilteringBoundLogger,
) -> None:
    """Raises what REFUSALS has, and whatever the role does."""
    _rest(role, len(life.life.deaths_ms), notify)
    if role.name == _SPOKESMAN:
        for warning in loaded.warnings:
            log.warning("configuration", problem=str(warning))
    ports = claim_own_ports(loaded.config, role.name)
    importlib.import_module(role.module).run(ports.config, index, notify)


def _rest(role: Role, deaths: int, notify: Notify) -> None:
    """Longer and longer where it dies again and again. systemd has waited RestartSec=, the first of these pauses."""
    pause_s = role.restart_pause_s(deaths) - role.restart_delay_s
    if pause_s > 0:
        notify.status(f"waits {pause_s:.1f} s: it has died {deaths} times within a minute")
        time.sleep(pause_s)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
