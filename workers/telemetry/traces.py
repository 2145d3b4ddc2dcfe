"""OpenTelemetry traces of runs and their reads.

Active if OTEL_EXPORTER_OTLP_ENDPOINT is set and the extra `traces` is installed. The exporter's thread does not
survive a fork, so each pool child starts its own (`begin_here`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from checks import __version__
from workers.queue.settings import worker_settings

log = logging.getLogger(__name__)


class Span:
    """A span, or a no-op; `end` takes its outcome."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def end(self, outcome: str | None) -> None:
        """Record the outcome."""
        if self._span is not None and outcome is not None:
            self._span.set_attribute("egress_diag.outcome", outcome)


class _Tracer:
    """The tracer of this process.

    A pool child carries out one run at a time while its reads use threads of their own, to which the run's context does
    not pass: it is kept here.
    """

    def __init__(self) -> None:
        self.tracer: Any = None
        self.provider: Any = None
        self.run: Any = None


_HERE = _Tracer()


def begin_here(**_: object) -> None:
    """Start tracing in this process, if configured."""
    endpoint = worker_settings().traces_endpoint
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra `traces` is not installed: no traces are sent")
        return
    resource = Resource.create({"service.name": "egress-diag", "service.version": __version__})
    _HERE.provider = TracerProvider(resource=resource)
    _HERE.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    _HERE.tracer = _HERE.provider.get_tracer("egress-diag", __version__)


def end_here(**_: object) -> None:
    """Send the remaining spans."""
    if _HERE.provider is not None:
        _HERE.provider.shutdown()
    _HERE.provider = _HERE.tracer = None


def set_up_celery_traces() -> None:
    """Trace each pool child from its start to its end."""
    worker_process_init.connect(begin_here, weak=False, dispatch_uid="traces")
    worker_process_shutdown.connect(end_here, weak=False, dispatch_uid="traces")


_NO_TEXTS = {"record_exception": False, "set_status_on_exception": False}
"""A span has no text of exceptions: it may quote a credential. The log has it, redacted."""


@contextmanager
def run_span(run_id: str, cluster: str, gateway: str) -> Iterator[Span]:
    """The span of one run, the parent of its reads."""
    if _HERE.tracer is None:
        yield Span()
        return
    from opentelemetry.trace import set_span_in_context

    attributes = {"egress_diag.run": run_id, "egress_diag.cluster": cluster, "egress_diag.gateway": gateway}
    with _HERE.tracer.start_as_current_span("diagnose", attributes=attributes, **_NO_TEXTS) as span:
        _HERE.run = set_span_in_context(span)
        try:
            yield Span(span)
        finally:
            _HERE.run = None


@contextmanager
def read_span(source: str, resource: str) -> Iterator[Span]:
    """The span of one read within the current run."""
    if _HERE.tracer is None or _HERE.run is None:
        yield Span()
        return
    with _HERE.tracer.start_as_current_span(f"{source} {resource}", context=_HERE.run, **_NO_TEXTS) as span:
        yield Span(span)
