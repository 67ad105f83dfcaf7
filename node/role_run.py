"""How a process of the table ends: an exit code and a log line for whatever ends it."""

from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from node.auth.errors import SecurityError
from node.config.problems import ConfigError
from node.keys import KeysError, KeysUnreadableError
from node.notify import SILENT, Notify
from node.ports import PortError
from node.processes.loop import EXIT_REFUSED
from node.storage.errors import RefusedError
from node.storage.layout import NewerFormatError
from transport.endpoints import EndpointError

EXIT_FAILED: Final = 1

# What names its cure and needs an operator.
REFUSALS: Final = (ConfigError, KeysError, PortError, RefusedError, NewerFormatError, EndpointError, SecurityError)


def exit_code_of(run: Callable[[], None], log: FilteringBoundLogger, notify: Notify = SILENT) -> int:
    """Of the process that has nothing else to do than *run*; EXIT_REFUSED: starting again does not help."""
    try:
        run()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except REFUSALS as error:
        return refuse(error, log, notify)
    except BaseException as error:  # the last place that can say why
        log.error("process_failed", reason=repr(error), exc_info=error)
        return EXIT_FAILED
    return 0


def refuse(error: Exception, log: FilteringBoundLogger, notify: Notify) -> int:
    """The exit code: of a failure where the disk is to blame, which may answer at the next start."""
    if isinstance(error, (KeysUnreadableError, OSError)):
        log.error("storage_failed", reason=str(error))
        return EXIT_FAILED
    log.error("refused", reason=str(error))
    notify.status(f"refused: {error}")
    return EXIT_REFUSED
