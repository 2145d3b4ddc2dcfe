"""The execution of one run: its lease, each check's findings, and exactly one end."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from checks.catalogue import catalogue
from checks.config.access_rules import Requester, nameable_gateways
from checks.config.alert_configuration import ALERT_USER
from checks.config.configuration import UnknownCluster
from checks.engine.diagnosis import Evaluated
from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
from checks.istio.trace.unknown_client import MistypedClient
from checks.model.findings import Report
from checks.model.question import Question
from checks.sources.bundle import BundleError
from checks.sources.live import SourceError
from checks.sources.probed import ProbedSource
from checks.sources.recording import RecordingSource
from checks.sources.run import run as examine
from workers.client.stores import Stores
from workers.fleet.transitions import first_seen
from workers.records.beginnings import FirstSeen
from workers.records.run import Run
from workers.runs.cluster_sources import ClusterSources
from workers.runs.leases import Lease
from workers.tasks.time_limit import TimeLimitReached, interrupted_by_time_limit
from workers.telemetry import traces
from workers.telemetry.error_tokens import logged_error_token, unexpected_error
from workers.telemetry.metrics import timed_stages

log = logging.getLogger(__name__)

MAX_RUN_ATTEMPTS = 2
"""Attempts after which a run is ended as failed."""


class Diagnoser:
    """Carries out runs with the cluster sources of one worker process."""

    def __init__(self, stores: Stores, clusters: ClusterSources) -> None:
        self.stores = stores
        self.clusters = clusters

    def execute(self, run_id: str) -> None:
        """Execute a run that has not ended and that no worker holds.

        Raises Unavailable if Redis cannot be reached: the message is delivered again, or the janitor sends it.
        """
        lease = self.stores.runs.lease(run_id, self.stores.settings.lease)
        if self._active(run_id) is None or not lease.acquire():
            return
        with lease.kept():
            # Read again: until the lease was taken, another worker could execute the run or end it.
            if (run := self._active(run_id)) is not None:
                self._attempt(run, lease)

    def _active(self, run_id: str) -> Run | None:
        run = self.stores.runs.get(run_id)
        return None if run is None or run.state.ended else run

    def _attempt(self, run: Run, lease: Lease) -> None:
        if run.attempts >= MAX_RUN_ATTEMPTS:
            self._give_up(run)
            return
        attempt = self.stores.runs.begin(run, len(catalogue()), lease)
        if attempt is None:
            log.info("run %s has ended, or another worker has it", run.id)
            return
        self.stores.run_changed(run)
        text = f"attempt {attempt} of run {run.id} failed"
        try:
            with (
                unexpected_error(lambda error: logged_error_token(log, text, error)) as caught,
                interrupted_by_time_limit(),
            ):
                self._diagnose(run)
        except TimeLimitReached as limit:
            token = logged_error_token(log, f"run {run.id} exceeded its time limit", limit)
            self._end(run, self.stores.runs.fail(run, "The run exceeded its time limit.", token))
            return
        if caught.error is not None:
            self.stores.runs.note_failure(run, caught.kind, caught.token)
            if attempt >= MAX_RUN_ATTEMPTS:
                self._give_up(replace(run, failure=caught.kind, error=caught.token))

    def _give_up(self, run: Run) -> None:
        """End a run after its last attempt, with the error of that attempt if it had one."""
        if run.failure:
            problem, token = f"The run failed with an internal error ({run.failure}).", run.error
        else:
            problem = "The run was interrupted twice: its worker was killed, or lost the connection to Redis."
            token = logged_error_token(
                log, f"run {run.id} has no end after {run.attempts} attempts, none of which logged an error"
            )
        self._end(run, self.stores.runs.fail(run, problem, token))

    def _diagnose(self, run: Run) -> None:
        try:
            with traces.run_span(run.id, run.order.target.cluster, run.order.target.gateway):
                self._examine(run)
        except AmbiguousGateway as several:
            self._end(run, self.stores.runs.refuse(run, f"{several}.", several.choices))
        except UnknownGateway as unknown:
            problem = error_sentence(unknown)
            if _is_public(run):
                self._end(run, self.stores.runs.refuse(run, problem, unknown.nearest, gone=not unknown.unread))
            else:
                self._end(run, self.stores.runs.refuse_privately(run, problem, unknown.nearest))
        except MistypedClient as unknown:
            problem = error_sentence(unknown)
            if _is_public(run):
                self._end(run, self.stores.runs.refuse(run, problem))
            else:
                name = "/".join(part for part in (run.order.target.namespace, run.order.target.gateway) if part)
                corrected = [f"{name} --from {each}" for each in unknown.nearest]
                self._end(run, self.stores.runs.refuse_privately(run, problem, corrected))
        except (UnknownCluster, BundleError, SourceError) as wrong:
            self._end(run, self.stores.runs.refuse(run, str(wrong)))

    def _examine(self, run: Run) -> None:
        target = run.order.target
        entry = self.clusters.config.cluster(target.cluster)
        question = Question(
            entry.identity, target.gateway, target.namespace, target.host, target.client, may_name=self._may_name(run)
        )
        live = ProbedSource(
            self.clusters.source(entry, target.namespace), self.stores.actions.probe_results(entry.name)
        )
        source = RecordingSource(live, entry.name, entry.identity.context)
        for step in timed_stages(examine(source, question, catalogue(), self.stores.settings.run_timeout)):
            match step:
                case Evaluated(check=check, findings=findings):
                    if not self.stores.runs.append(run.id, check.slug, findings):
                        log.info("run %s has ended while it was carried out", run.id)
                        return
                    self.stores.run_changed(run)
                case Report():
                    self._end(run, self.stores.runs.finish(run, step, self._first_seen(run, step)))
                    self._remember(run, source)

    def _first_seen(self, run: Run, report: Report) -> tuple[FirstSeen, ...]:
        state = self.stores.fleet.ledger.state(report.cluster, f"{report.namespace}/{report.gateway}")
        return first_seen(report, state, self.stores.runs.get(run.order.after) if run.order.after else None)

    def _may_name(self, run: Run) -> Callable[[str], bool]:
        order = run.order
        requester = Requester(order.user, order.channel, order.groups)
        return nameable_gateways(self.clusters.config.access, requester, order.target.cluster)

    def _end(self, run: Run, ended: bool) -> None:
        if not ended:
            return
        self.stores.run_changed(run, ended=True)
        if run.order.card or run.order.after is not None:
            self.stores.thread_changed(run)

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
                self.stores.keep_evidence(run.id, (Path(folder) / "bundle.tar.gz").read_bytes())
        except OSError as full:
            log.warning("the evidence of run %s could not be packed: %s", run.id, full)


def _is_public(run: Run) -> bool:
    """Whether the channel has to know that a question is wrong.

    A repetition and a watch concern what existed, and no one reads a private answer to an alert.
    """
    return bool(run.order.after is not None or run.order.watch or run.order.user == ALERT_USER)


def error_sentence(error: Exception) -> str:
    """The text of an error as a sentence."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"
