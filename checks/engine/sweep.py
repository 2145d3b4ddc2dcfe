"""A cluster judged whole: which gateways it has, which logs are worth reading for all of them, and what was found. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from checks.engine.check import Check
from checks.engine.diagnosis import TARGET_READS, evaluate
from checks.engine.settings_snapshot import snapshot
from checks.facts.egress_gateway import EgressGateway, all_from_profile, from_cluster, gateway_entries
from checks.facts.fact import PodName
from checks.facts.logs import CniManagerLog, ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.findings import Finding, Report, Status, Verdict
from checks.model.question import ClusterIdentity, Question

MOST_LOGS: dict[str, int] = {"istio-proxy": 20, "cnimanager": 40}
"""Logs of each container that a sweep of a live cluster reads, whatever the number of gateways: those of pods that are
not ready or have restarted come first."""

_SPARED = (ProxyLog, CniManagerLog)


@dataclass(frozen=True, slots=True)
class ClusterSweep:
    """What one sweep found of one cluster. `problem` says why it was not looked at, "" where it was; `late` that its time
    was up before everything had answered."""

    cluster: str
    at: datetime
    seconds: float = 0.0
    reports: tuple[Report, ...] = ()
    problem: str = ""
    late: bool = False
    complete: bool = True
    """Whether the reports are of every gateway that the cluster has: False where Azure should have told and did not."""
    opened: bool = True
    """False where the configuration names something that cannot be opened: a bundle or kubeconfig that is not there."""
    unread_logs: int = 0
    """Logs of ready pods that were left out to spare the API server."""

    @property
    def verdict(self) -> Verdict:
        """The worst of its gateways by the rule of contract.md; a cluster that was not looked at is inconclusive."""
        return worst((r.verdict for r in self.reports), missing=bool(self.problem))


def worst(verdicts: Iterable[Verdict], *, missing: bool = False) -> Verdict:
    """One verdict for many: broken, else inconclusive, else degraded, else healthy."""
    found = set(verdicts) | ({Verdict.INCONCLUSIVE} if missing else set())
    for each in (Verdict.BROKEN, Verdict.INCONCLUSIVE, Verdict.DEGRADED):
        if each in found:
            return each
    return Verdict.HEALTHY


def targets_of(store: FactStore) -> tuple[EgressGateway, ...] | None:
    """The gateways of the cluster: those that Azure's profile enables, or where Azure is not read those that the cluster
    itself shows. None while what has been read does not tell yet."""
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
    """Whether `targets_of` names every gateway: Azure has told, or is not asked and the cluster's Services were read."""
    if store.known(ManagedCluster):
        return True
    return not store.gaps(ManagedCluster) and not store.gaps(Service)


def problem_of(store: FactStore, targets: Sequence[EgressGateway]) -> str:
    """Why nothing can be said of the cluster's gateways: nobody told which there are. "" where somebody did."""
    if targets or store.known(ManagedCluster):
        return ""
    missing = [*store.gaps(Service), *store.gaps(ManagedCluster)]
    return "; ".join(dict.fromkeys(str(gap) for gap in missing))


def logs_worth_reading(store: FactStore, most: dict[str, int]) -> dict[str, frozenset[PodName]]:
    """By container, the pods whose logs a sweep reads: first those with trouble, then the rest by name up to the limit."""
    chosen: dict[str, frozenset[PodName]] = {}
    for kind in _SPARED:
        origin = kind.origin
        pods = sorted(set(origin.pods(store)), key=lambda name: (_is_well(store, name), name))
        chosen[origin.container] = frozenset(pods[: most.get(origin.container, len(pods))])
    return chosen


def _is_well(store: FactStore, name: PodName) -> bool:
    pod = store.by_key(Pod, name.namespace, name.name)
    return pod is not None and pod.ready and not any(each.restarts for each in pod.containers)


def evaluate_each(
    store: FactStore,
    identity: ClusterIdentity,
    checks: Sequence[Check],
    targets: Sequence[EgressGateway],
    unread: frozenset[PodName] = frozenset(),
) -> tuple[Report, ...]:
    """Every gateway's report over one gathered store."""
    spared = {check.slug for check in checks if any(kind in _SPARED for kind in check.reads)}
    reports = []
    for target in targets:
        report = evaluate(store, Question(identity, target.name, target.namespace), checks, target)
        report = replace(report, settings=snapshot(store, target))
        missing = _unread_of(store, target, unread)
        reports.append(_without_passes(report, spared, missing) if missing else report)
    return tuple(reports)


def _unread_of(store: FactStore, target: EgressGateway, unread: frozenset[PodName]) -> int:
    if not unread:
        return 0
    pods = store.gateway_pods(target)
    nodes = {pod.node for pod in pods}
    own = {PodName(pod.namespace, pod.name) for pod in pods}
    return len(own & unread) + sum(1 for name in unread - own if _manages(store, name, nodes))


def _manages(store: FactStore, name: PodName, nodes: set[str]) -> bool:
    """Whether the pod is the cni-manager of one of these nodes."""
    pod = store.by_key(Pod, name.namespace, name.name)
    return pod is not None and pod.node in nodes and pod.owner[1].endswith("cni-manager")


def _without_passes(report: Report, checks: set[str], missing: int) -> Report:
    """What was found in logs stands; that nothing was found in logs that were not read does not."""
    said = f"Not looked at in a sweep: {missing} log{'s' if missing > 1 else ''} of ready pods (diagnose reads them)."

    def honest(finding: Finding) -> Finding:
        if finding.check in checks and finding.status is Status.PASS:
            return replace(finding, status=Status.SKIPPED, summary=said, evidence=())
        return finding

    return replace(report, findings=tuple(honest(each) for each in report.findings))
