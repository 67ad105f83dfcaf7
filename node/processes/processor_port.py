"""The client port: bound once this replica has caught up, or at the start where no other processor shares it."""

import asyncio
from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from node.config.member import MemberConfig
from node.processes.loop import EXIT_REFUSED
from node.processes.processor_audit import Audit
from node.processes.processor_security import ClientSecurity
from transport.client_port import ClientSocket, Owner, PortInUseError, bind_client_port
from transport.tls import EitherProtocol, TlsTransport

BACKLOG: Final = 4096  # where the configuration does not say


class ClientPort:
    """*number*: 0 until it is known, where the configuration leaves it open. *end*: ends the process with a code."""

    def __init__(
        self, config: MemberConfig, *, loop: asyncio.AbstractEventLoop, owner: Owner, security: ClientSecurity,
        audit: Audit | None, log: FilteringBoundLogger, end: Callable[[int], None],
    ) -> None:
        self._config, self._loop, self._owner = config, loop, owner
        self._security, self._audit, self._log, self._end = security, audit, log, end
        self._servers: list[asyncio.Server] = []
        self.number = config.client_port

    @property
    def is_open(self) -> bool:
        return bool(self._servers)

    async def listen(self) -> None:
        if self._servers:
            return
        config = self._config
        tls = config.security.tls
        is_shared = config.processors > 1
        backlog = config.listen_backlog if config.listen_backlog > 0 else BACKLOG
        try:
            bound = bind_client_port(config.client_addresses, self.number, shared=is_shared, backlog=backlog)
            secure = bind_client_port(
                tls.addresses, tls.port, shared=is_shared, backlog=backlog) if tls is not None and tls.port else []
        except PortInUseError as error:
            self._log.error("port_in_use", reason=str(error))
            if self._audit is not None:
                self._audit.started(succeeded=False)
            self._end(EXIT_REFUSED)
            return
        self.number = bound[0].getsockname()[1]
        for sockets, protocol in ((bound, self._either if tls is not None and tls.is_unified else self._plain),
                                  (secure, self._secure)):
            for each in sockets:
                # It listens again, and with a queue of its own choice where it is not told.
                self._servers.append(await self._loop.create_server(protocol, sock=each, backlog=backlog))
        self._log.info("clients_welcome", port=self.number, secure_port=tls.port if tls is not None else 0)
        if self._audit is not None:
            self._audit.started(succeeded=True)

    def _plain(self) -> asyncio.BaseProtocol:
        return ClientSocket(self._owner)

    def _secure(self) -> asyncio.BaseProtocol:
        tls = self._security.tls
        assert tls is not None
        return TlsTransport(ClientSocket(self._owner), self._security, tls.context())

    def _either(self) -> asyncio.BaseProtocol:
        tls = self._security.tls
        assert tls is not None
        return EitherProtocol(ClientSocket(self._owner), self._security, tls.context)

    def close(self) -> None:
        for server in self._servers:
            server.close()
