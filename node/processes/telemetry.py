"""The telemetry shell: takes the others' samples, answers Prometheus. On nobody's path: it may die at any time."""

import os
import sys

from node.config.member import MemberConfig
from node.processes.loop import EXIT_REFUSED, StopSignals
from node.processes.telemetry_figures import samples_of
from observability.endpoint import AdminServer, healthz, metrics_route
from observability.exposition import registry_of
from observability.logging import configure_logging, get_logger
from transport.messages import Sample, Timings, decode_telemetry
from transport.poller import Poller
from transport.sockets import Sockets
from transport.wiring import ipc_endpoint


def run(config: MemberConfig, index: int) -> None:
    configure_logging(config.log_level)
    log = get_logger(process="telemetry", member=config.id)
    signals = StopSignals()
    samples = samples_of(config)
    sockets = Sockets()
    pull = sockets.pull(ipc_endpoint(str(config.run_dir), "telemetry"))
    try:
        server = AdminServer(config.metrics_address, config.metrics_port, {
            "/metrics": metrics_route(registry_of(samples)), "/healthz": healthz})
    except OSError as error:
        log.error("metrics_port", address=config.metrics_address, port=config.metrics_port, reason=str(error),
                  cure="set corral.metricsPort to a free port, or to 0")
        sys.exit(EXIT_REFUSED)
    server.start()
    write_port(config, server.port)
    log.info("metrics", address=config.metrics_address, port=server.port)
    poller = Poller()
    poller.add(pull)
    poller.add(signals.fileno())
    while not signals.is_stopping:
        poller.poll(-1)
        while (payload := pull.receive()) is not None:
            message = decode_telemetry(payload)
            if isinstance(message, Sample | Timings):
                samples.take(message, len(payload))
    server.shutdown()
    sockets.close()


def write_port(config: MemberConfig, port: int) -> None:
    """For `corral up` and `status`: where metrics are served, in the run directory."""
    path = config.run_dir / "metrics-port"
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(f"{port}\n")
    aside.replace(path)
