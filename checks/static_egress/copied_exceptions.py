"""The exception ranges that a gateway pod copied, against those of today.

The CNI plugin writes `excludeCidrs` and the cni-manager's `--exception-cidrs` into the pod as one set of routes. A
pod that is newer than the cni-manager on its node has the ranges of today. For others the revisions of its DaemonSet show
the earlier ones.

Source: kube-egress-gateway pkg/cni/routes and controllers/cnimanager; docs/rulings.md#ruling-41.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, collapse_addresses

from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import ControllerRevision, DaemonSet
from checks.model.findings import Evidence
from checks.static_egress.components import CNI_MANAGER_SET, NAMESPACE, cni_manager
from checks.static_egress.prefixes import parse_cidr
from checks.static_egress.tunnelled_ranges import exception_ranges, exceptions_of


@dataclass(frozen=True, slots=True)
class CopiedExceptions:
    """The pods that copied other exceptions than those of today.

    The exceptions that the pods in `not_recorded` copied are not known.
    """

    older: tuple[Pod, ...]
    not_recorded: tuple[Pod, ...]
    evidence: tuple[Evidence, ...] = ()


def copied_exceptions(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    pods: Sequence[Pod],
    network_time: Callable[[Pod], datetime | None],
) -> CopiedExceptions:
    """Compare the exceptions of running pods with those of today.

    Exceptions do not count with defaultRoute azureNetworking. `network_time` is asked only for pods that are older than the
    cni-manager on their node. Requires DaemonSet, Pod and ControllerRevision declared; what cannot be read is not recorded.
    """
    if configuration.default_route == "azureNetworking":
        return CopiedExceptions((), ())
    if (
        facts.gap(DaemonSet, NAMESPACE)
        or facts.gap(Pod, NAMESPACE)
        or (not _has_manager(facts) and facts.gap(DaemonSet))
    ):
        return CopiedExceptions((), tuple(pods))
    component = cni_manager(facts)
    current = exception_ranges(component)
    if current is None:
        return CopiedExceptions((), ())
    today = _routes(configuration, current)
    older, unknown, evidence = [], [], []
    for pod in pods:
        manager = component.pods.get(pod.node)
        first = manager.created if manager is not None else None
        if first is not None and pod.created is not None and first <= pod.created:
            continue  # it copied what the cni-manager on its node still has
        at = network_time(pod)
        if first is not None and at is not None and first <= at:
            continue
        copied = _recorded(facts, at)
        if copied is None:
            unknown.append(pod)
        elif (then := _routes(configuration, copied)) != today:
            older.append(pod)
            evidence.append(Evidence(pod.ref, "exception ranges", _named(then), _named(today)))
    return CopiedExceptions(tuple(older), tuple(unknown), tuple(evidence))


def _has_manager(facts: Facts) -> bool:
    """Whether the cni-manager is where AKS runs it.

    DaemonSets of other namespaces then do not matter.
    """
    return any(each.name.endswith(CNI_MANAGER_SET) for each in facts.in_namespace(DaemonSet, NAMESPACE))


def require_exceptions(facts: Facts) -> None:
    """Raise Unreadable if an unreadable object may show that pods copied other exceptions."""
    facts.require_for_risk(DaemonSet, NAMESPACE)
    if not _has_manager(facts):
        facts.require_for_risk(DaemonSet)
    facts.require_for_risk(Pod, NAMESPACE)
    facts.require_for_risk(ControllerRevision, NAMESPACE)


def _recorded(facts: Facts, at: datetime | None) -> Sequence[str] | None:
    """The exceptions of the newest revision before this time, None if they are not recorded."""
    if at is None or facts.gap(ControllerRevision, NAMESPACE) is not None:
        return None
    earlier = [
        (each.created, each)
        for each in facts.in_namespace(ControllerRevision, NAMESPACE)
        if each.name.startswith(CNI_MANAGER_SET) and each.created is not None and each.created <= at
    ]
    newest = max(earlier, key=lambda pair: pair[0], default=None)
    return exceptions_of(newest[1].template_containers) if newest is not None else None


def _routes(configuration: StaticGatewayConfiguration, exceptions: Iterable[str]) -> tuple[IPv4Network, ...]:
    """The ranges outside the tunnel: those of the configuration and of the operator together."""
    parsed = (parse_cidr(each) for each in (*configuration.exclude_cidrs, *exceptions))
    return tuple(collapse_addresses(each for each in parsed if isinstance(each, IPv4Network)))


def _named(ranges: Iterable[IPv4Network]) -> str:
    return ", ".join(map(str, ranges)) or "(none)"
