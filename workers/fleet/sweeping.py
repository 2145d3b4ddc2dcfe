"""The execution of one cluster's part of a fleet check, which always records one result."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig, Config, UnknownCluster
from checks.engine.sweep import ClusterSweep
from checks.sources.bundle import BundleError
from checks.sources.source import Source, SourceError
from checks.sources.sweep_reads import Limits, sweep_cluster
from workers.fleet.ledger import Ledger
from workers.fleet.sweeps import MAX_PART_ATTEMPTS, Sweep, Sweeps
from workers.fleet.transitions import gateway_check
from workers.records.gateway_state import SweptCluster
from workers.telemetry.error_tokens import logged_error_token, unexpected_error

log = logging.getLogger(__name__)

_LONGEST = 400


class Sweeper:
    """Executes parts of fleet checks with the cluster sources of one worker process.

    A check takes `timeout` seconds at most; its lease is renewed, and free `lease` seconds after a worker was killed.
    `clock` returns the current time.
    """

    def __init__(
        self,
        sweeps: Sweeps,
        ledger: Ledger,
        config: Config,
        source: Callable[[ClusterConfig], Source],
        timeout: float,
        lease: float,
        clock: Callable[[], datetime],
    ) -> None:
        self.sweeps = sweeps
        self.ledger = ledger
        self.config = config
        self.source = source
        self.timeout = timeout
        self.lease = lease
        self.clock = clock
        self.limits = Limits()

    def execute(self, sweep_id: str, cluster: str) -> None:
        """Execute a part, unless it is done, too late, or the cluster is being checked.

        If the cluster is being checked, beat sends the part again, and the result of the other check serves it.
        """
        sweep = self.sweeps.part(sweep_id, cluster)
        if sweep is None or sweep.over(self.clock()):
            return
        lease = self.sweeps.lease(cluster, self.lease)
        if not lease.acquire():
            log.info("fleet check %s: another worker is already checking %s", sweep_id, cluster)
            return
        with lease.kept():
            part = self._part(sweep, cluster)
            if part is not None:
                self.sweeps.record_part(sweep_id, part)

    def _part(self, sweep: Sweep, cluster: str) -> SweptCluster | None:
        """The result of a cluster; None after a failed attempt, if another one is left."""
        if recent := self.ledger.sweeps(cluster, sweep.created, self.clock()):
            # An overlapping fleet check has just finished.
            return recent[-1]
        attempt = self.sweeps.note_attempt(sweep.id, cluster)
        if attempt > MAX_PART_ATTEMPTS:
            text = f"{cluster} has no result after {MAX_PART_ATTEMPTS} attempts, each of which ended without one"
            token = logged_error_token(log, f"fleet check {sweep.id}: {text}")
            return self._failed(sweep, cluster, f"checking it was interrupted twice (error {token})")
        text = f"fleet check {sweep.id}: attempt {attempt} at {cluster} failed"
        result = None
        with unexpected_error(lambda error: logged_error_token(log, text, error)) as caught:
            result = self._checked(sweep, cluster)
        if caught.error is None:
            return result
        if attempt < MAX_PART_ATTEMPTS:
            return None
        return self._failed(sweep, cluster, f"internal error {caught.kind} (error {caught.token})")

    def _checked(self, sweep: Sweep, cluster: str) -> SweptCluster:
        try:
            entry = self.config.cluster(cluster)
            source = self.source(entry)
        except UnknownCluster:
            return self._failed(sweep, cluster, "no longer in the configuration")
        except (SourceError, BundleError) as wrong:
            return self._failed(sweep, cluster, str(wrong))
        left = (sweep.until - self.clock()) / timedelta(seconds=1)
        run_check = partial(sweep_cluster, source, entry.identity, catalogue(), limits=self.limits)
        return self._remember(sweep, run_check(timeout=max(1.0, min(self.timeout, left))))

    def _remember(self, sweep: Sweep, swept: ClusterSweep) -> SweptCluster:
        now = self.clock()
        part = SweptCluster(
            swept.cluster,
            sweep.id,
            now,
            len(swept.reports),
            swept.seconds,
            swept.problem[:_LONGEST],
            swept.step[:_LONGEST],
            swept.complete,
        )
        self.ledger.record_sweep(part, [gateway_check(report, sweep.id, now) for report in swept.reports], now)
        return part

    def _failed(self, sweep: Sweep, cluster: str, problem: str) -> SweptCluster:
        now = self.clock()
        part = SweptCluster(cluster, sweep.id, now, problem=problem[:_LONGEST])
        self.ledger.record_sweep(part, (), now)
        return part
