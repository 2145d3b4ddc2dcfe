"""The result of a scheduled probe, recorded when its action has ended."""

from checks.actions.results import ActionOutcome
from checks.facts.probes import ProbeResult
from workers.client.stores import Stores
from workers.records.action import ActionRecord, ActionState
from workers.records.canary import ScheduledProbe
from workers.telemetry.metrics import CANARY_PROBES, CANARY_SECONDS


def note_scheduled_probe(stores: Stores, action: ActionRecord) -> None:
    """Record the result of an ended scheduled probe, once.

    Does nothing for a step that a person requested.
    """
    due, target = action.order.scheduled, action.order.target
    if due is None or not action.state.ended:
        return
    result = action.result
    outcome = ActionOutcome.REFUSED if action.state is ActionState.REFUSED else ActionOutcome.NOT_COMPLETED
    probe = ProbeResult(result.probe or {}) if result is not None else ProbeResult({})
    if result is not None:
        outcome = result.outcome
    passed = outcome is ActionOutcome.AS_EXPECTED
    problem = "" if passed else (result.summary if result is not None else action.problem)
    found = ScheduledProbe(
        due, stores.canaries.interval.total_seconds(), outcome, probe.addresses, probe.seconds, problem
    )
    note_result(stores, target.cluster, f"{target.namespace}/{target.gateway}", found)


def note_result(stores: Stores, cluster: str, gateway: str, probe: ScheduledProbe) -> None:
    """Record a result and count it in the metrics, unless its interval has one."""
    if stores.canaries.record(cluster, gateway, probe):
        CANARY_PROBES.labels(cluster, gateway, probe.outcome.value, " ".join(probe.addresses)).inc()
        if probe.seconds:
            CANARY_SECONDS.labels(cluster, gateway).observe(probe.seconds)
