"""Real processes as an operator observes them: logs, metrics, presence, traces, stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
import redis

from checks import __version__
from checks.config.configuration_file import load
from tests.clusters.compose import named, write_bundle
from tests.loopback.kube import TOKEN, KubeServer
from tests.redis_server import RedisServer, find_free_port
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.connection import Unavailable
from workers.queue.presence import Presence
from workers.queue.settings import WorkerSettings
from workers.records.run import Order, Run, RunState, Target

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@dataclass
class Installation:
    """Processes over one Redis and one configuration, each with a log; `metrics` are ports."""

    folder: Path
    redis: RedisServer
    config: Path
    client: Client
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    metrics: dict[str, int] = field(default_factory=dict)

    def start(self, name: str, *words: str, **environment: str) -> None:
        self.metrics[name] = find_free_port()
        given = {**self.environment, "EGRESS_DIAG_METRICS_PORT": str(self.metrics[name]), **environment}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "checks.cli.main", *words],
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ready(self, name: str) -> None:
        self.wait(lambda: " ready." in self.log(name), f"{name} is not ready")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait(self, condition: Callable[[], object], otherwise: str, seconds: float = 90) -> None:
        """Wait until the condition holds, also if Redis replies late (the client waits 0.5 s)."""
        until = time.monotonic() + seconds
        while not self._holds(condition):
            if time.monotonic() > until:
                raise AssertionError("\n".join([otherwise, *(self.log(name)[-3000:] for name in self.processes)]))
            time.sleep(0.05)

    @staticmethod
    def _holds(condition: Callable[[], object]) -> bool:
        try:
            return bool(condition())
        except Unavailable:
            return False

    def scrape(self, name: str) -> str:
        try:
            with urlopen(f"http://127.0.0.1:{self.metrics[name]}/metrics", timeout=20) as answer:
                return str(answer.read().decode())
        except OSError:  # not yet listening, or it did not answer in time
            return ""

    def order(self, key: str, cluster: str = "prod") -> Run:
        target = Target(cluster, "egw", "team-egress")
        return self.client.start(Order(target, "U0ALICE", "C0OPS", key)).run

    def run(self, run: Run) -> Run:
        found = self.client.get(Run, run.id)
        assert found is not None
        return found


@contextmanager
def installation(folder: Path, clusters: str) -> Iterator[Installation]:
    config = folder / "egress-diag.yaml"
    config.write_text(clusters)
    server = RedisServer(folder, durable=True)
    server.start()
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "REDIS_URL": server.url,
        "EGRESS_DIAG_CONFIG": str(config),
        "EGRESS_DIAG_TICK": "1",
        "EGRESS_DIAG_LEASE": "8",
        "EGRESS_DIAG_CONCURRENCY": "1",
        "SLACK_BOT_TOKEN": "xoxb-made-up-token",
        "SLACK_SIGNING_SECRET": "made-up-signing-secret",
        "SLACK_API_URL": "http://127.0.0.1:1/api/",
    }
    client = connect(WorkerSettings(REDIS_URL=server.url), load(config), retry=True)
    made = Installation(folder, server, config, client, environment)
    try:
        yield made
    finally:
        for process in made.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        client.close()
        server.kill()


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Installation]:
    """One cluster from a bundle."""
    write_bundle(named("base"), tmp_path / "bundle")
    with installation(tmp_path, f"clusters: [{{name: prod, bundle: '{tmp_path / 'bundle'}'}}]\n") as found:
        yield found


@contextmanager
def slow_cluster(folder: Path, latency: float) -> Iterator[Installation]:
    """One live cluster that delays every reply."""
    with KubeServer(named("base"), latency=latency) as kube:
        entry = f"clusters: [{{name: prod, kubeconfig: '{kube.kubeconfig(folder)}', azure: none}}]\n"
        with installation(folder, entry) as found:
            yield found


def test_logs_metrics_and_presence_of_each_process(replay: Installation) -> None:
    replay.start("worker", "worker")
    replay.start("beat", "beat")
    replay.start("courier", "bot", "--role", "courier")
    for name in ("worker", "beat", "courier"):
        replay.ready(name)
    run = replay.order("k1")
    replay.wait(lambda: replay.run(run).state.ended, "the run does not end")
    assert replay.run(run).state is RunState.DONE

    replay.wait(lambda: "succeeded" in replay.log("worker"), "the worker does not log the end")
    records = [json.loads(line) for line in replay.log("worker").splitlines()]
    assert {record["process"] for record in records} == {"worker"}
    about_it = [record for record in records if record.get("run") == run.id]
    assert any("succeeded" in record["message"] for record in about_it), replay.log("worker")
    for name in ("worker", "beat", "courier"):
        assert "xoxb-made" not in replay.log(name)
        assert "made-up-signing" not in replay.log(name)

    replay.wait(lambda: "egress_diag_runs_total{" in replay.scrape("worker"), "the worker counts nothing")
    worker = replay.scrape("worker")
    assert 'egress_diag_runs_total{cluster="prod",outcome="healthy"} 1.0' in worker
    assert "egress_diag_run_seconds_count 1.0" in worker
    assert 'egress_diag_stage_seconds_count{stage="istio"} 1.0' in worker
    empty = 'egress_diag_queue_age_seconds{queue="diagnose"} 0.0'
    replay.wait(lambda: empty in replay.scrape("beat"), "the beat does not show the queue as empty")
    assert "egress_diag_courier_lag_seconds" in replay.scrape("beat")
    replay.wait(lambda: "egress_diag_deliveries_total{" in replay.scrape("courier"), "the courier counts nothing")
    # Nothing listens on port 1: the courier's deliveries are counted by their outcome.
    replay.wait(
        lambda: (
            'egress_diag_slack_calls_total{method="chat.postMessage",outcome="no_answer"}' in replay.scrape("courier")
        ),
        "Slack's silence is not counted",
    )

    processes_are_known(replay)


def processes_are_known(replay: Installation) -> None:
    """Each process is present with its version and queues, and gone when it has ended."""
    with redis.Redis.from_url(replay.redis.url, decode_responses=True) as db:
        present = Presence(db, WorkerSettings().prefix)
        found = {process.role: process for process in present.present(datetime.now(UTC))}
        assert {role: process.version for role, process in found.items()} == dict.fromkeys(
            ("worker", "beat", "courier"), __version__
        )
        assert "diagnose" in found["worker"].queues
        replay.processes["worker"].terminate()
        assert replay.processes["worker"].wait(60) == 0
        assert "worker" not in {process.role for process in present.present(datetime.now(UTC))}


def test_reads_of_a_cluster_are_counted_by_their_outcome(tmp_path: Path) -> None:
    with slow_cluster(tmp_path, 0) as live:
        live.start("worker", "worker")
        live.ready("worker")
        run = live.order("k1")
        live.wait(lambda: live.run(run).state.ended, "the run does not end")
        live.wait(lambda: "egress_diag_source_calls_total{" in live.scrape("worker"), "the worker counts nothing")
        worker = live.scrape("worker")
        assert 'egress_diag_source_calls_total{outcome="ok",source="kubernetes"}' in worker
        assert 'egress_diag_source_seconds_count{source="kubernetes"}' in worker
        assert TOKEN not in live.log("worker")


def test_a_worker_that_is_stopped_in_mid_run_loses_nothing(tmp_path: Path) -> None:
    """A rollout stops a worker while its run waits for a slow API server.

    The read takes longer than the stop may take.
    """
    with slow_cluster(tmp_path, 14) as slow:
        slow.start("first", "worker")
        slow.start("beat", "beat")
        slow.ready("first")
        run = slow.order("k1")
        slow.wait(lambda: slow.run(run).state is RunState.RUNNING, "the run does not begin")
        began = time.monotonic()
        slow.processes["first"].send_signal(signal.SIGTERM)
        slow.start("second", "worker")
        assert slow.processes["first"].wait(45) == 0
        assert time.monotonic() - began < 45, "longer than the grace period"
        assert not slow.run(run).state.ended
        slow.wait(lambda: slow.run(run).state.ended, "no worker continues the run")
        ended = slow.run(run)
        assert ended.state is RunState.DONE
        assert ended.report is not None
        assert ended.attempts == 2
        assert len(ended.findings) >= ended.total


def test_a_worker_that_is_stopped_shortly_before_the_end_of_a_run_ends_it_first(tmp_path: Path) -> None:
    with slow_cluster(tmp_path, 1) as slow:
        slow.start("first", "worker")
        slow.ready("first")
        run = slow.order("k1")
        slow.wait(lambda: slow.run(run).state is RunState.RUNNING, "the run does not begin")
        slow.processes["first"].send_signal(signal.SIGTERM)
        assert slow.processes["first"].wait(60) == 0
        assert (slow.run(run).state, slow.run(run).attempts) == (RunState.DONE, 1)


class Collector(BaseHTTPRequestHandler):
    """An OpenTelemetry collector that keeps the spans it receives."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.kept.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


def test_a_run_and_its_reads_are_traced_where_a_collector_is_named(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector, slow_cluster(tmp_path, 0) as live:
        kept: list[tuple[str, bytes]] = []
        collector.kept = kept  # type: ignore[attr-defined]
        Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        live.start(
            "worker",
            "worker",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_address[1]}",
            OTEL_EXPORTER_OTLP_COMPRESSION="none",
            OTEL_BSP_SCHEDULE_DELAY="60000",
        )
        live.ready("worker")
        run = live.order("k1")
        live.wait(lambda: live.run(run).state.ended, "the run does not end")
        live.processes["worker"].terminate()
        assert live.processes["worker"].wait(60) == 0
        assert any(b"diagnose" in body for _, body in kept), "a worker that stops sends the remaining spans first"
        collector.shutdown()
    spans = []
    for path, body in kept:
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(body)
        spans += [span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]
    whole = next(span for span in spans if span.name == "diagnose")
    assert {a.key: a.value.string_value for a in whole.attributes}["egress_diag.run"] == run.id
    reads = [span for span in spans if span.parent_span_id == whole.span_id]
    assert "kubernetes pods" in {span.name for span in reads}
    assert {a.value.string_value for span in reads for a in span.attributes} >= {"ok"}
