"""The HTTP servers of a member: at corral.metricsPort, with everything, and those that ZooKeeper's keys ask for."""

import errno
from collections.abc import Callable, Mapping

from node.auth.tls import TlsContext
from node.config.http import Listener
from node.config.member import MemberConfig
from node.config.read_http import EVERY_ADDRESS
from observability.endpoint import AdminServer, Complain, Route
from observability.https import Https

_EVERYWHERE = frozenset(("/healthz", "/livez", "/readyz"))
_NO_V6 = frozenset((errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL))


class HttpServers:
    def __init__(
        self, config: MemberConfig, routes: Mapping[str, Route], posts: Mapping[str, Route],
        uploads: Mapping[str, Route], *, complain: Complain,
        unusable: Callable[[str], object],
    ) -> None:
        """Raises OSError: an address cannot be bound; SecurityError: a key store cannot be used."""
        self._config, self._routes, self._uploads, self._complain = config, routes, uploads, complain
        http = config.http
        self.tls = None if http.tls is None else TlsContext(http.tls, unusable)
        self._https = None if self.tls is None else Https(self.tls.context, http.refuses_plain)
        self.main = self._server(config.metrics_address, config.metrics_port, routes, posts)
        self._servers = [self.main, *map(self._further, http.listeners)]

    def start(self) -> None:
        for server in self._servers:
            server.start()

    def shutdown(self) -> None:
        for server in self._servers:
            server.shutdown()

    @property
    def expires_s(self) -> float:
        """Unix time at which the certificate is over; 0: there is none, or it is not known."""
        return 0.0 if self.tls is None else self.tls.expires_s

    def follow_files(self) -> bool:
        """Now and then. Whether certificates have changed, and are in use."""
        return self.tls is not None and self.tls.follow_files()

    def _further(self, listener: Listener) -> AdminServer:
        url = self._config.http.command_url
        served = {
            path: route for path, route in self._routes.items()
            if path in _EVERYWHERE or (listener.serves == "metrics" and path == "/metrics")
            or (listener.serves == "commands" and (path == url or path.startswith(f"{url}/")))}
        try:
            return self._server(listener.address, listener.port, served)
        except OSError as error:
            if listener.address != EVERY_ADDRESS or error.errno not in _NO_V6:
                error.filename = f"{listener.key}={listener.port}"
                raise
            return self._server("0.0.0.0", listener.port, served)

    def _server(
        self, address: str, port: int, routes: Mapping[str, Route], posts: Mapping[str, Route] | None = None
    ) -> AdminServer:
        return AdminServer(
            address, port, routes, posts=posts, complain=self._complain, hosts=self._config.admin_hosts,
            https=self._https,
            uploads=self._uploads if self._config.http.command_url in routes else {})
