"""Scheduled probes: the beat begins rounds, a worker of the queue `actions` makes them.

Each probe is an action like those that people request: it is planned, its preconditions are read again just before the
change, and what it creates is deleted, also if its worker is killed.

Source: docs/contract.md#scheduled-probes.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from checks.actions.plan import ActionKind
from checks.actions.results import ActionOutcome
from checks.config.access_rules import Requester, is_permitted
from checks.config.configuration import ClusterConfig
from checks.config.probe_configuration import CANARY_USER
from checks.sources.action_facts import gateways_to_probe
from checks.sources.active_steps import Pace
from checks.sources.live import LiveSource, SourceError, open_source
from workers.client import ConnectedClient
from workers.client.stores import Stores
from workers.queue.celery_app import ACTIONS_QUEUE
from workers.queue.sending import send
from workers.records.action import ActionOrder, ActionRecord
from workers.records.canary import CanaryRound, ScheduledProbe
from workers.records.run import Target
from workers.tasks.actor import Actor
from workers.tasks.canary_results import note_result

log = logging.getLogger(__name__)

CANARY_TASK = "workers.scheduled_probe"

RESEND_SECONDS = 15
"""Seconds after which the task of an unfinished round is sent again."""

_NOT_PERMITTED = f"No access rule permits probe to the user {CANARY_USER} for this gateway."
_NO_GATEWAY = "No egress gateway is in the namespaces of probe.namespaces."
_NO_WORKER = "No worker of the queue actions took up the scheduled probes."


class CanaryRunner:
    """Makes the scheduled probes of a cluster, one at a time."""

    def __init__(self, mine: ConnectedClient, pace: Pace | None = None) -> None:
        self._stores = mine.stores
        self._actor = Actor(mine, pace)

    def advance(self, cluster: str) -> bool:
        """Make the next probe of a cluster's round. True if another one waits."""
        canaries = self._stores.canaries
        lease = canaries.lease(cluster, self._stores.settings.lease)
        if not canaries.interval or not lease.acquire():
            return False
        with lease.kept():
            if not self._ended_interrupted(cluster):
                return False
            found = canaries.round(cluster)
            if found is not None and found.waiting is None:
                found = self._listed(cluster, found)
            if found is None or not found.waiting or not self._probed(cluster, found.waiting[0], found.due):
                return False
            rest = found.waiting[1:]
            canaries.change_round(cluster, lambda now: _without(now, found, rest))
            return bool(rest)

    def _ended_interrupted(self, cluster: str) -> bool:
        """End a probe whose worker was killed. False while one is still under way."""
        return all(self._carried(each).state.ended for each in open_probes(self._stores, cluster))

    def _listed(self, cluster: str, found: CanaryRound) -> CanaryRound | None:
        """The round with the gateways of the cluster, the one with the oldest result first."""
        canaries = self._stores.canaries
        before = canaries.last_results(cluster)
        names: tuple[str, ...] = ()
        try:
            names = self._gateways(self._stores.config.cluster(cluster))
            problem = "" if names else _NO_GATEWAY
        except SourceError as wrong:
            problem = str(wrong)
        if problem:
            for name in before or ("",):
                self._note_not_run(cluster, name, found.due, ActionOutcome.NOT_COMPLETED, problem)
        if names:
            canaries.keep_only(cluster, names)
        ordered = tuple(sorted(names, key=lambda name: (before.get(name, 0.0), name)))
        return canaries.change_round(cluster, lambda now: CanaryRound(found.due, ordered) if now == found else None)

    def _gateways(self, entry: ClusterConfig) -> tuple[str, ...]:
        """The gateways in the namespaces of the active steps. Raises SourceError."""
        probe = self._stores.config.probe
        source = open_source(entry)
        if not isinstance(source, LiveSource) or probe is None:
            return ()
        found = gateways_to_probe(source, self._stores.settings.run_timeout)
        return tuple(str(each) for each in found if each.namespace in probe.namespaces)

    def _probed(self, cluster: str, gateway: str, due: datetime) -> bool:
        """Probe a gateway. False if the probe has not ended: it is continued later."""
        if not is_permitted(self._stores.config.access, Requester(CANARY_USER, ""), "probe", cluster, gateway):
            self._note_not_run(cluster, gateway, due, ActionOutcome.REFUSED, _NOT_PERMITTED)
            return True
        namespace, _, name = gateway.partition("/")
        order = ActionOrder(
            target=Target(cluster, name, namespace),
            kind=ActionKind.PROBE_POD,
            user=CANARY_USER,
            channel="",
            key=f"canary/{cluster}/{gateway}/{due.isoformat()}",
            scheduled=due,
        )
        action, _ = self._stores.actions.accept(order, needed=0)
        return self._carried(action).state.ended

    def _carried(self, action: ActionRecord) -> ActionRecord:
        self._actor.plan(action.id)
        self._actor.execute(action.id)
        return self._stores.actions.get(action.id) or action

    def _note_not_run(self, cluster: str, gateway: str, due: datetime, outcome: ActionOutcome, why: str) -> None:
        log.warning("the scheduled probe of %s %s did not run: %s", cluster, gateway, why)
        seconds = self._stores.canaries.interval.total_seconds()
        note_result(self._stores, cluster, gateway, ScheduledProbe(due, seconds, outcome, problem=why))


def open_probes(stores: Stores, cluster: str) -> Iterable[ActionRecord]:
    """The scheduled probes of a cluster that have not ended."""
    return (
        each
        for each in stores.actions.active()
        if each.order.scheduled is not None and each.order.target.cluster == cluster and not each.state.ended
    )


def drive_canaries(stores: Stores, now: datetime) -> None:
    """Begin the rounds that are due, and send the tasks of unfinished ones.

    Idempotent, and harmless if two beats do it at once. Intervals in which nothing was begun are not made up for.
    """
    canaries = stores.canaries
    if not canaries.interval:
        canaries.forget_passed()
        return
    canaries.note_interval()
    due = interval_start(now, canaries.interval)
    waiting = stores.waiting.tasks(ACTIONS_QUEUE)
    for entry in stores.config.clusters:
        if entry.bundle is not None:
            continue
        found = _begun(stores, entry.name, due)
        if found is None or found.complete or canaries.is_leased(entry.name) or (CANARY_TASK, entry.name) in waiting:
            continue
        if canaries.may_send(entry.name, RESEND_SECONDS):
            send(stores.publisher, CANARY_TASK, entry.name, ACTIONS_QUEUE)


def interval_start(now: datetime, interval: timedelta) -> datetime:
    """The start of the interval that contains this time."""
    seconds = interval.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


def _begun(stores: Stores, cluster: str, due: datetime) -> CanaryRound | None:
    """The round of the interval, begun by this call if there was none.

    Gateways that the round before has not reached have no result for its interval.
    """
    before = stores.canaries.round(cluster)
    if before is not None and before.due >= due:
        return before
    begun = stores.canaries.change_round(
        cluster, lambda found: CanaryRound(due) if found is None or found.due < due else None
    )
    if begun is not None and before is not None and before.waiting is None:
        seconds = stores.canaries.interval.total_seconds()
        missed = ScheduledProbe(before.due, seconds, ActionOutcome.NOT_COMPLETED, problem=_NO_WORKER)
        for gateway in stores.canaries.last_results(cluster) or ("",):
            note_result(stores, cluster, gateway, missed)
    return begun or stores.canaries.round(cluster)


def _without(now: CanaryRound | None, found: CanaryRound, rest: tuple[str, ...]) -> CanaryRound | None:
    """The round without the gateway that was probed, unless the next round has begun."""
    return CanaryRound(found.due, rest) if now == found else None
