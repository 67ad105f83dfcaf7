"""Tracing as the configuration wants it: telemetry's part that samples, tells and exports."""

from collections.abc import Sequence
from importlib.metadata import version

from structlog.typing import FilteringBoundLogger

from node.config.member import MemberConfig
from node.keys import KeysError, load_keys
from node.processes.limited_log import LimitedLog
from node.processes.write_log import WriteLog
from observability.exemplars import Exemplars
from observability.export import Export
from observability.samples import Samples
from observability.sampling import Sampler
from observability.stories import Stories
from observability.timeline import Write
from observability.tracing import Tracing

NS_PER_MS = 1_000_000


def tracing_of(
    config: MemberConfig, stories: Stories, write_log: WriteLog, exemplars: Exemplars, log: FilteringBoundLogger,
) -> Tracing | None:
    """Its export runs; None: there is no endpoint or no key, and nothing is sampled."""
    settings = config.tracing
    if not settings.otlp_endpoint:
        return None

    def complain(reason: str, lost: int) -> None:
        log.warning("traces_not_taken", endpoint=settings.otlp_endpoint, reason=reason, traces=lost)

    limited = LimitedLog(log, "left_out")

    def read_log(zxids: range) -> Sequence[Write]:
        published = stories.published(zxids[-1])
        if published is None:
            return ()
        watermark, offset = published
        try:
            return write_log.writes(zxids, watermark=watermark, offset=offset)
        except OSError as error:
            limited.log_limited("write_log_unreadable", reason=str(error))
            return ()

    try:
        ensemble = load_keys(config).ensemble
    except KeysError as error:
        log.error("keys_unusable", reason=str(error))
        return None
    export = Export(
        endpoint=settings.otlp_endpoint, protocol=settings.otlp_protocol, ensemble=ensemble,
        version=version("corral"), complain=complain)
    export.start()
    return Tracing(
        me=config.id, ensemble=ensemble, stories=stories, export=export, exemplars=exemplars, read_log=read_log,
        sampler=Sampler(ratio=settings.ratio, budget=settings.budget, slow_ns=settings.slow_ms * NS_PER_MS))


def provide_figures(tracing: Tracing, samples: Samples) -> None:
    counts = tracing.export.counts
    samples.provide("traces", tracing.kept)
    samples.provide("traces_dropped", tracing.dropped)
    samples.provide("spans_exported", lambda: counts.exported_spans)
    samples.provide("span_export_failures", lambda: counts.failed_spans)
