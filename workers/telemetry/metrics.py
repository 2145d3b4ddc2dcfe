"""The metrics of worker, courier and beat, and their endpoint for Prometheus.

The children of a prefork pool share their counts in files (PROMETHEUS_MULTIPROC_DIR, which `egress-diag worker`
sets); other processes count in memory. No run depends on a metric.
"""

import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import inf
from typing import Any

from celery.signals import worker_process_shutdown, worker_ready, worker_shutdown
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from checks.engine.diagnosis import Evaluated
from checks.model.findings import Report
from workers.queue.connection import quick_connection
from workers.queue.rounds import Rounds
from workers.queue.settings import WorkerSettings, worker_settings
from workers.telemetry.backlog import QUEUES, Backlog
from workers.telemetry.memory import RedisMemory
from workers.telemetry.metrics_server import MetricsServer

log = logging.getLogger(__name__)

RUNS = Counter(
    "egress_diag_runs_total",
    "Runs that have ended, by cluster and verdict (or other outcome).",
    ["cluster", "outcome"],
)
RUN_SECONDS = Histogram(
    "egress_diag_run_seconds",
    "Time from the request to the end of its run, in seconds.",
    buckets=(0.5, 1, 2, 3, 5, 8, 13, 20, 30, 45, 60, 120, 300),
)
STAGE_SECONDS = Histogram(
    "egress_diag_stage_seconds",
    "Time from the start of a run to the last check of a stage, in seconds.",
    ["stage"],
    buckets=(0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60),
)
SOURCE_CALLS = Counter("egress_diag_source_calls_total", "Reads of clusters and of Azure.", ["source", "outcome"])
SOURCE_SECONDS = Histogram(
    "egress_diag_source_seconds",
    "Duration of a read, in seconds.",
    ["source"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 20),
)
CANARY_PROBES = Counter(
    "egress_diag_canary_probes_total",
    "Scheduled probes that have ended, by outcome and source IP address.",
    ["cluster", "gateway", "outcome", "address"],
)
CANARY_SECONDS = Histogram(
    "egress_diag_canary_seconds",
    "Time of the request of a scheduled probe, in seconds.",
    ["cluster", "gateway"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8),
)
DELIVERIES = Counter("egress_diag_deliveries_total", "Deliveries of documents by the courier, by outcome.", ["outcome"])


def timed_stages(steps: Iterable[Evaluated | Report]) -> Iterator[Evaluated | Report]:
    """The same steps; observes the time of the last check of each stage."""
    began = time.monotonic()
    last: dict[str, float] = {}
    for step in steps:
        if isinstance(step, Evaluated):
            last[step.check.stage.value] = time.monotonic() - began
        else:
            for stage, seconds in last.items():
                STAGE_SECONDS.labels(stage).observe(seconds)
        yield step


class BacklogCollector(Collector):
    """The backlog at the time of the scrape.

    Every process reports the same values: aggregate with max.
    """

    def __init__(self, config: WorkerSettings) -> None:
        self._redis = quick_connection(config.redis_url)
        self._backlog = Backlog(self._redis, config.prefix)
        self._rounds = Rounds(self._redis, config.prefix)
        self._memory = RedisMemory(self._redis, config.prefix)
        self._passed = f"{config.prefix}canary:passed"
        self._interval = f"{config.prefix}canary:interval"

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        """Collect the backlog.

        While Redis does not answer, there is no sample: an old number would look current.
        """
        length = GaugeMetricFamily("egress_diag_queue_messages", "Messages waiting in a queue.", labels=["queue"])
        age = GaugeMetricFamily("egress_diag_queue_age_seconds", "Age of a queue's oldest message.", labels=["queue"])
        lag = GaugeMetricFamily("egress_diag_courier_lag_seconds", "Age of the oldest change that Slack does not show.")
        rounds = GaugeMetricFamily(
            "egress_diag_round_age_seconds", "Time since the beat completed a round of its work.", labels=["work"]
        )
        try:
            for name in QUEUES:
                waiting = self._backlog.queue(name)
                length.add_metric([name], waiting.length)
                age.add_metric([name], waiting.age)
            lag.add_metric([], self._backlog.courier_lag())
            for name, last in self._rounds.ages(datetime.now(UTC)).items():
                rounds.add_metric([name], inf if last is None else last.total_seconds())
            memory = [*self._memory_metrics(), *self._canary_metrics()]
        except RedisError as failure:
            log.warning("the backlog could not be read: %s", type(failure).__name__)
            return
        yield from (length, age, lag, rounds, *memory)

    def _memory_metrics(self) -> Iterator[Metric]:
        use, deleted = self._memory.use(), self._memory.deleted()
        yield GaugeMetricFamily("egress_diag_redis_memory_bytes", "Memory that Redis uses.", value=use.used)
        yield GaugeMetricFamily("egress_diag_redis_memory_limit_bytes", "Redis' maxmemory; 0: none.", value=use.limit)
        yield CounterMetricFamily(
            "egress_diag_evidence_deleted_early",
            "Runs whose evidence was deleted before its time, to save memory.",
            value=deleted.count if deleted is not None else 0,
        )

    def _canary_metrics(self) -> Iterator[Metric]:
        found = GaugeMetricFamily(
            "egress_diag_canary_age_seconds",
            "Time since the last scheduled probe that left by the egress IP prefix.",
            labels=["cluster", "gateway"],
        )
        for name, at in self._redis.hgetall(self._passed).items():
            cluster, _, gateway = str(name).rpartition(" ")
            last = float(at)
            found.add_metric([cluster, gateway], datetime.now(UTC).timestamp() - last if last else inf)
        yield found
        if (interval := self._redis.get(self._interval)) is not None:
            name = "egress_diag_canary_interval_seconds"
            yield GaugeMetricFamily(name, "The interval of scheduled probes.", value=float(interval))


def serve_metrics(config: WorkerSettings, *, backlog: bool) -> Any:
    """Serve `GET /metrics` on EGRESS_DIAG_METRICS_PORT.

    None if no port is set, or another process uses it.
    """
    if config.metrics_port is None:
        return None
    registry = CollectorRegistry()
    if config.shared_metrics is not None:
        MultiProcessCollector(registry, str(config.shared_metrics))  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    if backlog:
        registry.register(BacklogCollector(config))
    try:
        server = MetricsServer(config.metrics_port, registry)
    except OSError as taken:
        log.error("no metrics on port %s: %s", config.metrics_port, taken.strerror)  # noqa: TRY400 - no traceback
        return None
    server.start()
    log.info("metrics on port %s", server.server_port)
    return server


def set_up_celery_metrics() -> None:
    """Serve metrics for as long as a Celery process runs."""
    worker_ready.connect(_serve, weak=False, dispatch_uid="metrics")
    worker_process_shutdown.connect(_child_ended, weak=False, dispatch_uid="metrics")
    worker_shutdown.connect(_ended, weak=False, dispatch_uid="metrics")


def _serve(**_: object) -> None:
    serve_metrics(worker_settings(), backlog=False)


def _child_ended(pid: int | None = None, **_: object) -> None:
    if pid is not None and worker_settings().shared_metrics is not None:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _ended(**_: object) -> None:
    if (folder := worker_settings().shared_metrics) is not None:
        shutil.rmtree(folder, ignore_errors=True)
