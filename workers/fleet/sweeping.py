"""The execution of one cluster's part of a fleet check, which always records one result."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from redis.exceptions import LockError

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

log = logging.getLogger(__name__)

_LONGEST = 400


class Sweeper:
    """Executes parts of fleet checks with the cluster sources of one worker process.

    `clock` returns the current time.
    """

    def __init__(
        self,
        sweeps: Sweeps,
        ledger: Ledger,
        config: Config,
        source: Callable[[ClusterConfig], Source],
        timeout: float,
        clock: Callable[[], datetime],
    ) -> None:
        self.sweeps = sweeps
        self.ledger = ledger
        self.config = config
        self.source = source
        self.timeout = timeout
        self.clock = clock
        self.limits = Limits()

    def execute(self, sweep_id: str, cluster: str) -> None:
        """Execute a part, unless it is done, too late, or the cluster is being checked.

        If the cluster is being checked, beat sends the part again, and the result of the other check serves it.
        """
        sweep = self.sweeps.get(sweep_id)
        if sweep is None or cluster not in sweep.waiting or sweep.over(self.clock()):
            return
        lease = self.sweeps.lease(cluster, self.timeout + 60)
        if not lease.acquire():
            log.info("fleet check %s: another worker is already checking %s", sweep_id, cluster)
            return
        try:
            self.sweeps.record_part(sweep_id, self._part(sweep, cluster))
        finally:
            try:
                lease.release()
            except LockError:
                log.warning("fleet check %s: the lease of %s had expired", sweep_id, cluster)

    def _part(self, sweep: Sweep, cluster: str) -> SweptCluster:
        if recent := self.ledger.sweeps(cluster, sweep.created, self.clock()):
            # An overlapping fleet check has just finished.
            return recent[-1]
        if self.sweeps.note_attempt(sweep.id, cluster) > MAX_PART_ATTEMPTS:
            return self._failed(sweep, cluster, "checking it took the worker down twice")
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
            swept.complete,
        )
        self.ledger.record_sweep(part, [gateway_check(report, sweep.id, now) for report in swept.reports], now)
        return part

    def _failed(self, sweep: Sweep, cluster: str, problem: str) -> SweptCluster:
        now = self.clock()
        part = SweptCluster(cluster, sweep.id, now, problem=problem[:_LONGEST])
        self.ledger.record_sweep(part, (), now)
        return part
