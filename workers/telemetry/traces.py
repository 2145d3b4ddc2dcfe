"""OpenTelemetry traces of runs and their reads, where OTEL_EXPORTER_OTLP_ENDPOINT is set and the extra `traces` is
installed; otherwise nothing happens here.

The exporter's thread does not survive a fork: it is begun in each pool child (`begin_here`), never before.
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
    """A span, or nothing: `end` says what became of it."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def end(self, outcome: str | None) -> None:
        """Notes the outcome."""
        if self._span is not None and outcome is not None:
            self._span.set_attribute("egress_diag.outcome", outcome)


class _Tracer:
    """This process's tracer. A pool child carries out one run at a time, while its reads go out in threads of their own,
    which know nothing of the run's context: it is kept here."""

    def __init__(self) -> None:
        self.tracer: Any = None
        self.provider: Any = None
        self.run: Any = None


_HERE = _Tracer()


def begin_here(**_: object) -> None:
    """Begins to trace in this process, where it is configured."""
    endpoint = worker_settings().traces_endpoint
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra `traces` is not installed: there are no traces")
        return
    resource = Resource.create({"service.name": "egress-diag", "service.version": __version__})
    _HERE.provider = TracerProvider(resource=resource)
    _HERE.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    _HERE.tracer = _HERE.provider.get_tracer("egress-diag", __version__)


def end_here(**_: object) -> None:
    """Sends what is left."""
    if _HERE.provider is not None:
        _HERE.provider.shutdown()
    _HERE.provider = _HERE.tracer = None


def set_up_celery_traces() -> None:
    """Traces in each pool child from its beginning to its end."""
    worker_process_init.connect(begin_here, weak=False, dispatch_uid="traces")
    worker_process_shutdown.connect(end_here, weak=False, dispatch_uid="traces")


@contextmanager
def run_span(run_id: str, cluster: str, gateway: str) -> Iterator[Span]:
    """The span of one run; its reads become its children."""
    if _HERE.tracer is None:
        yield Span()
        return
    from opentelemetry.trace import set_span_in_context

    attributes = {"egress_diag.run": run_id, "egress_diag.cluster": cluster, "egress_diag.gateway": gateway}
    with _HERE.tracer.start_as_current_span("diagnose", attributes=attributes) as span:
        _HERE.run = set_span_in_context(span)
        try:
            yield Span(span)
        finally:
            _HERE.run = None


@contextmanager
def read_span(source: str, resource: str) -> Iterator[Span]:
    """The span of one read, under the run that is going."""
    if _HERE.tracer is None or _HERE.run is None:
        yield Span()
        return
    with _HERE.tracer.start_as_current_span(f"{source} {resource}", context=_HERE.run) as span:
        yield Span(span)
