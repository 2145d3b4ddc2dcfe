"""Evaluation of every gateway of a cluster.

Its gateways, the logs that are read for them, and the results.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from checks.engine.check import Check
from checks.engine.collection import collection_paused
from checks.engine.diagnosis import TARGET_READS, evaluate
from checks.engine.if_applied import IfApplied, ProposedState, if_applied
from checks.engine.settings_snapshot import snapshot
from checks.engine.unmade_checks import causes_of, steps_of
from checks.facts.api_server import ApiServer
from checks.facts.egress_gateway import EgressGateway, all_from_profile, from_cluster, gateway_entries
from checks.facts.fact import Gap, PodName
from checks.facts.logs import CniManagerLog, ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.findings import Finding, Report, Status, Verdict
from checks.model.question import ClusterIdentity, Question

MOST_LOGS: dict[str, int] = {"istio-proxy": 20, "cnimanager": 40}
"""Maximum number of logs per container that a fleet check of a live cluster reads.

Failing pods come first.
"""

_SAMPLED = (ProxyLog, CniManagerLog)


@dataclass(frozen=True, slots=True)
class ClusterSweep:
    """The result of a fleet check for one cluster.

    `problem` is the reason why the cluster was not checked, "" if it was; `late`: not every read ended in time.
    """

    cluster: str
    at: datetime
    seconds: float = 0.0
    reports: tuple[Report, ...] = ()
    problem: str = ""
    step: str = ""
    """The title of the next step, if a failed read is the problem."""
    namespaces_only: bool = False
    """Whether its gateways are unknown because the identity may read single namespaces only."""
    late: bool = False
    complete: bool = True
    """Whether the reports cover every gateway of the cluster.

    False if Azure was to be read and could not.
    """
    opened: bool = True
    """False if the configured source cannot be opened.

    For example, its bundle or kubeconfig does not exist.
    """
    unread_logs: int = 0
    """Number of logs of ready pods that were not read, to limit the load on the API server."""
    applied: tuple[IfApplied, ...] = ()
    """Each gateway with a proposed change; empty without one."""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its gateways (docs/contract.md#verdict).

        Inconclusive if it was not checked. With a proposed change, that if it were applied.
        """
        verdicts = [each.verdict for each in self.applied or self.reports]
        return worst_verdict(verdicts, missing=bool(self.problem))

    @property
    def breaks(self) -> bool:
        """Whether a proposed change breaks a gateway."""
        return any(each.breaks for each in self.applied)


def of_namespace(swept: ClusterSweep, namespace: str) -> ClusterSweep:
    """The result for the gateways of one namespace."""
    return replace(
        swept,
        reports=tuple(each for each in swept.reports if each.namespace == namespace),
        applied=tuple(each for each in swept.applied if each.now.namespace == namespace),
    )


def worst_verdict(verdicts: Iterable[Verdict], *, missing: bool = False) -> Verdict:
    """The worst of several verdicts: broken, inconclusive, starting, degraded, healthy.

    `missing` counts as inconclusive.
    """
    found = set(verdicts) | ({Verdict.INCONCLUSIVE} if missing else set())
    for each in (Verdict.BROKEN, Verdict.INCONCLUSIVE, Verdict.STARTING, Verdict.DEGRADED):
        if each in found:
            return each
    return Verdict.HEALTHY


def targets_of(store: FactStore) -> tuple[EgressGateway, ...] | None:
    """The enabled gateways of the mesh profile.

    If Azure was not read, they are the gateways found in the cluster. None while the kinds that identify them have not
    arrived.
    """
    if not store.arrived(ManagedCluster):
        return None
    if profile := next(iter(store.known(ManagedCluster)), None):
        return tuple(sorted(dict.fromkeys(all_from_profile(profile)), key=str))
    if not all(store.arrived(kind) for kind in TARGET_READS):
        return None
    services, deployments, pods = store.known(Service), store.known(Deployment), store.known(Pod)
    found = (each.split("/", 1) for each in gateway_entries(services))
    return tuple(from_cluster(name, namespace, services, deployments, pods) for namespace, name in found)


def is_complete(store: FactStore) -> bool:
    """Whether `targets_of` returns every gateway.

    Azure was read, or is excluded and the Services were read.
    """
    if store.known(ManagedCluster):
        return True
    return not store.gaps(ManagedCluster) and not store.gaps(Service)


def unseen_in_cluster(store: FactStore, namespace: str | None = None) -> tuple[Gap, ...]:
    """The failed reads of Services that may hide gateways of a namespace (None: of any)."""
    if store.known(ManagedCluster):
        return ()
    return tuple(gap for gap in store.gaps(Service) if gap.covers(namespace))


def problem_of(store: FactStore, targets: Sequence[EgressGateway], namespace: str | None = None) -> str:
    """The reason why the gateways are unknown, or "" if they are known.

    Those of a namespace, None for all.
    """
    return "; ".join(causes_of(hiding_reads(store, targets, namespace)))


def step_of(store: FactStore, targets: Sequence[EgressGateway]) -> str:
    """The title of the next step if the cluster's gateways are unknown; "" if they are known."""
    return next(steps_of(hiding_reads(store, targets)), "")


def hiding_reads(store: FactStore, targets: Sequence[EgressGateway], namespace: str | None = None) -> tuple[Gap, ...]:
    """The failed reads that hide the gateways of a namespace (None: of any).

    None if they are known.
    """
    if targets or store.known(ManagedCluster):
        return ()
    return (*unseen_in_cluster(store, namespace), *store.gaps(ManagedCluster), *store.gaps(ApiServer))


def logs_to_read(store: FactStore, most: dict[str, int]) -> dict[str, frozenset[PodName]]:
    """By container, the pods whose logs a fleet check reads.

    Failing pods first, then by name, up to the limit.
    """
    chosen: dict[str, frozenset[PodName]] = {}
    for kind in _SAMPLED:
        origin = kind.origin
        pods = sorted(set(origin.pods(store)), key=lambda name: (_is_healthy(store, name), name))
        chosen[origin.container] = frozenset(pods[: most.get(origin.container, len(pods))])
    return chosen


def _is_healthy(store: FactStore, name: PodName) -> bool:
    pod = store.by_key(Pod, name.namespace, name.name)
    return pod is not None and pod.ready and not any(each.restarts for each in pod.containers)


def evaluate_each(
    store: FactStore,
    identity: ClusterIdentity,
    checks: Sequence[Check],
    targets: Sequence[EgressGateway],
    unread: frozenset[PodName] = frozenset(),
    recipes: bool = False,
) -> tuple[Report, ...]:
    """The report of every gateway over one store; `unread` are pods whose logs were not read.

    `recipes` as for `Diagnosis.finish`: a third of the time, for commands that only documents of findings contain.
    """
    with collection_paused():
        return tuple(each_report(store, identity, checks, targets, unread, recipes))


def each_report(
    store: FactStore,
    identity: ClusterIdentity,
    checks: Sequence[Check],
    targets: Sequence[EgressGateway],
    unread: frozenset[PodName] = frozenset(),
    recipes: bool = False,
) -> Iterator[Report]:
    """The reports of `evaluate_each`, one after the other."""
    of_logs = {check.slug for check in checks if any(kind in _SAMPLED for kind in check.reads)}
    not_read = _unread_logs(store, unread)
    for target in targets:
        report = evaluate(store, Question(identity, target.name, target.namespace), checks, target, recipes)
        report = replace(report, settings=snapshot(store, target))
        missing = not_read.of(store, target)
        yield _without_passes(report, of_logs, missing) if missing else report


def without_results(report: Report) -> Report:
    """The report without the findings of checks that passed or do not apply."""
    without = (Status.PASS, Status.SKIPPED)
    return replace(report, findings=tuple([each for each in report.findings if each.status not in without]))


def apply_to_each(
    store: FactStore,
    identity: ClusterIdentity,
    checks: Sequence[Check],
    diagnosed: Iterable[tuple[EgressGateway, Report]],
    proposed: ProposedState,
    unread: frozenset[PodName] = frozenset(),
    recipes: bool = False,
) -> tuple[IfApplied, ...]:
    """The gateways of these reports, with those if the proposal were applied.

    The proposal was laid over the facts once for all of them.
    """
    of_logs = {check.slug for check in checks if any(kind in _SAMPLED for kind in check.reads)}
    not_read = _unread_logs(store, unread)
    done = []
    with collection_paused():
        for target, now in diagnosed:
            question = Question(identity, target.name, target.namespace)
            found = if_applied(now, question, target, checks, store, proposed, recipes)
            missing = not_read.of(store, target)
            done.append(replace(found, then=_without_passes(found.then, of_logs, missing)) if missing else found)
    return tuple(done)


@dataclass(frozen=True, slots=True)
class _UnreadLogs:
    """The pods whose logs were not read; those of cni-managers by their node."""

    pods: frozenset[PodName]
    managers: Mapping[str, frozenset[PodName]]

    def of(self, store: FactStore, target: EgressGateway) -> int:
        """The number of unread logs of the gateway's pods, and of the cni-managers on their nodes."""
        if not self.pods:
            return 0
        pods = store.gateway_pods(target)
        found = {PodName(pod.namespace, pod.name) for pod in pods} & self.pods
        return len(found.union(*(self.managers.get(node, ()) for node in {pod.node for pod in pods})))


def _unread_logs(store: FactStore, unread: frozenset[PodName]) -> _UnreadLogs:
    managers: dict[str, set[PodName]] = {}
    for name in unread:
        pod = store.by_key(Pod, name.namespace, name.name)
        if pod is not None and pod.owner[1].endswith("cni-manager"):
            managers.setdefault(pod.node, set()).add(name)
    return _UnreadLogs(unread, {node: frozenset(names) for node, names in managers.items()})


def _without_passes(report: Report, checks: set[str], missing: int) -> Report:
    """The report in which checks of logs that passed do not apply.

    Some logs were not read.
    """
    reason = f"a fleet check does not read {missing} log{'s' if missing > 1 else ''} of ready pods (diagnose does)"

    def without_pass(finding: Finding) -> Finding:
        if finding.check in checks and finding.status is Status.PASS:
            summary = f"Does not apply: {reason}."
            return replace(finding, status=Status.SKIPPED, summary=summary, evidence=(), reason=reason)
        return finding

    return replace(report, findings=tuple(without_pass(each) for each in report.findings))
