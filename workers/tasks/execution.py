"""The execution of one run: its lease, each check's findings, and exactly one end."""

import hashlib
import logging
import tempfile
import threading
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded
from redis.exceptions import LockError
from redis.lock import Lock

from checks.catalogue import catalogue
from checks.config.configuration import UnknownCluster
from checks.engine.diagnosis import Evaluated
from checks.facts.egress_gateway import AmbiguousGateway
from checks.model.findings import Report
from checks.model.question import Question
from checks.sources.bundle import BundleError
from checks.sources.live import SourceError
from checks.sources.recording import RecordingSource
from checks.sources.run import run as examine
from workers.client.stores import Stores
from workers.queue.connection import Unavailable
from workers.records.run import Run
from workers.runs.cluster_sources import ClusterSources
from workers.telemetry import traces
from workers.telemetry.metrics import timed_stages

log = logging.getLogger(__name__)

MAX_RUN_ATTEMPTS = 2
"""Attempts after which a run is ended as failed: it has taken two workers down."""


class Diagnoser:
    """Carries out runs with the cluster sources of one worker process."""

    def __init__(self, stores: Stores, clusters: ClusterSources) -> None:
        self.stores = stores
        self.clusters = clusters

    def execute(self, run_id: str) -> None:
        """Execute a run that has not ended and that no worker holds.

        Raises Unavailable if Redis cannot be reached: the message is delivered again, or the janitor sends it.
        """
        run = self.stores.runs.get(run_id)
        if run is None or run.state.ended:
            return
        lease = self.stores.runs.lease(run_id, self.stores.settings.lease)
        if not lease.acquire():
            return
        with _Renewing(lease, self.stores.settings.lease):
            self._diagnose(run)

    def _diagnose(self, run: Run) -> None:
        checks = catalogue()
        attempts = self.stores.runs.begin(run.id, len(checks))
        if attempts > MAX_RUN_ATTEMPTS:
            self._end(run, self.stores.runs.fail(run, "The run took its worker down twice.", _token(run.id)))
            return
        self.stores.run_changed(run)
        try:
            with traces.run_span(run.id, run.order.target.cluster, run.order.target.gateway):
                self._examine(run)
        except AmbiguousGateway as several:
            self._end(run, self.stores.runs.refuse(run, f"{several}.", several.choices))
        except (UnknownCluster, BundleError, SourceError) as wrong:
            self._end(run, self.stores.runs.refuse(run, str(wrong)))
        except SoftTimeLimitExceeded:
            token = _token(run.id)
            log.exception("run %s exceeded its time limit, error %s", run.id, token)
            self._end(run, self.stores.runs.fail(run, "The run exceeded its time limit.", token))

    def _examine(self, run: Run) -> None:
        target = run.order.target
        entry = self.clusters.config.cluster(target.cluster)
        question = Question(entry.identity, target.gateway, target.namespace, target.host, target.client)
        source = RecordingSource(self.clusters.source(entry), entry.name)
        for step in timed_stages(examine(source, question, catalogue(), self.stores.settings.run_timeout)):
            match step:
                case Evaluated(check=check, findings=findings):
                    if not self.stores.runs.append(run.id, check.slug, findings):
                        log.info("run %s has ended while it was carried out", run.id)
                        return
                    self.stores.run_changed(run)
                case Report():
                    self._end(run, self.stores.runs.finish(run, step))
                    self._remember(run, source)

    def _end(self, run: Run, ended: bool) -> None:
        if not ended:
            return
        self.stores.run_changed(run, ended=True)
        if run.order.after is not None:
            self.stores.repeat_ended(run)

    def _remember(self, run: Run, source: RecordingSource) -> None:
        """Record a run's verdict in the history and keep its evidence."""
        done = self.stores.runs.get(run.id)
        if done is None or done.report is None:
            return
        self.stores.history.record_verdict(done)
        self.stores.fleet.record_run(done)
        try:
            with tempfile.TemporaryDirectory(prefix="egress-diag-") as folder:
                source.write(Path(folder) / "bundle.tar.gz")
                self.stores.evidence.keep(run.id, (Path(folder) / "bundle.tar.gz").read_bytes())
        except OSError as full:
            log.warning("the evidence of run %s could not be packed: %s", run.id, full)


class _Renewing:
    """Renews a lease from a separate thread while a run waits for slow reads."""

    def __init__(self, lease: Lock, seconds: float) -> None:
        self.lease = lease
        self.seconds = seconds
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(timeout=10)
        try:
            self.lease.release()
        except (LockError, Unavailable):
            # The lease has expired or Redis cannot be reached: this worker no longer holds it, and the janitor restarts
            # the run.
            log.info("a lease had expired before it was released")

    def _renew(self) -> None:
        while not self.over.wait(self.seconds / 3):
            try:
                self.lease.reacquire()
            except LockError:
                log.warning("a lease was lost: another worker may have taken up the run")
                return
            except Unavailable:
                log.warning("a lease could not be renewed: Redis is not reachable")


def _token(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
