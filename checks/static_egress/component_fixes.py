"""The steps that end the faults of a static egress component, by kind.

AKS manages both DaemonSets: it undoes a change of them, so a step changes the cluster in Azure, a machine, or a pod.
"""

from collections.abc import Sequence

from checks.azure.cluster_upgrades import missing_versions, newer_components
from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.component_logs import FixKind
from checks.model.commands import (
    KEGTS,
    SEGDOC,
    alternatives,
    change,
    disrupt,
    kubectl,
    restart,
    update_without_value,
)
from checks.model.findings import Action
from checks.static_egress.component_programs import excluded_programs
from checks.static_egress.component_state import ENOUGH_MEMORY, NodeFault
from checks.static_egress.components import NAMESPACE, Component
from checks.static_egress.egress_addresses import RESTORING_KUBERNETES
from checks.static_egress.gateway_nodes import configure_again
from checks.static_egress.machine_fixes import new_machines
from checks.static_egress.metadata_service import IMDS, is_denied, metadata_steps
from checks.static_egress.pool_fixes import node_image_fixes
from checks.static_egress.prefixes import capacity

_READY = "its pods are Ready"


def component_fixes(facts: Facts, component: Component, faults: Sequence[NodeFault]) -> list[Action]:
    """The steps for the faults of a component, each once.

    Requires Node, Pod, Deployment, AgentPool, ManagedCluster and StaticGatewayConfiguration declared; if no pod is ready, also
    Subnet and NetworkSecurityGroup.
    """
    if component.namespace != NAMESPACE:
        return _sentences(component, [each for each in faults if each.fix])  # the open-source operator
    known = [each for each in faults if each.fix_kind is not None or each.fix]
    # A pod that exits without a known reason exits for the reason that the log of another one shows.
    by_kind: dict[FixKind | None, list[NodeFault]] = {}
    for each in faults:
        same = known[0] if known and each.exits else each
        by_kind.setdefault(_fix_kind(component, same), []).append(each)
    steps = (_steps(facts, component, some, fix_kind) for fix_kind, some in by_kind.items())
    return list(dict.fromkeys(step for some in steps for step in some))


def _fix_kind(component: Component, fault: NodeFault) -> FixKind | None:
    """The kind of step for a fault; None if its fix is a sentence, or a new pod ends it."""
    if fault.fix_kind is not None or fault.fix:
        return fault.fix_kind
    if fault.pod is None:
        return FixKind.RECONCILE
    if fault.exits:
        # The container starts again by itself: a new pod on the machine exits too. If others run, the machine differs.
        others = any(pod.ready for node, pod in component.pods.items() if node != fault.node)
        return FixKind.NEW_MACHINE if others else FixKind.RECONCILE
    return None


def _steps(  # noqa: PLR0911 - one return for each kind
    facts: Facts, component: Component, faults: Sequence[NodeFault], fix_kind: FixKind | None
) -> list[Action]:
    match fix_kind:
        case FixKind.RECONCILE:
            return reconcile_components(facts, component, faults)
        case FixKind.NEW_MACHINE:
            nodes = [each.node for each in faults]
            first = metadata_steps(facts, nodes) if _is_shared(component, faults) else []
            return first if first and is_denied(facts, nodes) else [*first, *new_machines(facts, nodes)]
        case FixKind.NEWER_OPERATOR:
            why = "whose operator supports a gateway node pool in another subnet"
            return [newer_components(facts, RESTORING_KUBERNETES, why, _READY)]
        case FixKind.CONFIGURE_NODES:
            return _configure(facts)
        case FixKind.NEW_KEY:
            return _new_key(facts)
        case FixKind.RESTART_GATEWAY:
            gateway = facts.gateway
            return [restart(name, gateway.namespace) for name in gateway.deployments]
        case FixKind.NODE_IMAGE:
            return node_image_fixes(facts, _pool_of(facts, faults[0].node) or "gwpool")[1:]
        case FixKind.EXCLUDE_NODES:
            return excluded_programs(facts, faults[0].fix, [each.node for each in faults])
        case None:
            return _sentences(component, faults)


def _is_shared(component: Component, faults: Sequence[NodeFault]) -> bool:
    """Whether no node reaches the metadata service, so that all of them may share the cause."""
    return not any(pod.ready for pod in component.pods.values()) and any(IMDS in each.fix for each in faults)


def reconcile_components(facts: Facts, component: Component, faults: Sequence[NodeFault]) -> list[Action]:
    """Let AKS write its DaemonSets again; upgrade if its release still has the fault."""
    limit = next((each.memory_limit for each in faults if each.memory_limit), "")
    what = (
        f"AKS has set a memory limit of {ENOUGH_MEMORY} instead of {limit} since 2025-06-17"
        if limit
        else "AKS writes its DaemonSets again and creates the missing pods"
        if any(each.pod is None for each in faults)
        else "AKS writes its DaemonSets again; if their pods still exit, open a support request with the log"
    )
    fixed = next((each.fix for each in faults if each.fix), "")
    title = f"Reconcile the cluster: {what}" if limit or not fixed else fixed
    first = update_without_value(facts.cluster, title, KEGTS, _READY)
    if not limit:
        return [first]
    later = newer_components(
        facts,
        _next_version(facts),
        f"if {component.name} still has a limit of {limit}",
        f"its container has a limit of {ENOUGH_MEMORY}, and {_READY}",
    )
    return alternatives(first, later)


def _next_version(facts: Facts) -> tuple[int, int]:
    """The Kubernetes version after the cluster's, the first with newer components."""
    return next(
        (number for number in ((1, minor) for minor in range(30, 60)) if missing_versions(facts, number)), (1, 34)
    )


def _configure(facts: Facts) -> list[Action]:
    gateway = facts.gateway
    configuration = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if configuration is None or facts.gap(Node):
        return []
    size = next(
        (p.prefix_size for p in facts.readable(AgentPool) if p.name.lower() == configuration.pool.lower()), None
    )
    nodes = sum(1 for each in facts.all(Node) if each.pool.lower() == configuration.pool.lower())
    most = capacity(size) if size is not None else None
    return [configure_again(facts, configuration.pool, nodes, most, configuration)]


def _new_key(facts: Facts) -> list[Action]:
    """A change after which the controller writes the key Secret, then new pods."""
    gateway = facts.gateway
    named = ("annotate", "staticgatewayconfiguration", gateway.configuration, "--overwrite")
    command = f'{kubectl(*named, namespace=gateway.namespace)} "egress-diag/retry=$(date +%s)"'
    return [
        change(
            f"Change an annotation of StaticGatewayConfiguration {gateway.namespace}/{gateway.configuration}, so that its "
            "controller creates the key Secret again",
            command,
            SEGDOC,
            "its Secret exists, and the daemons no longer report the error",
        ),
        *(restart(name, gateway.namespace) for name in gateway.deployments),
    ]


def _pool_of(facts: Facts, name: str) -> str:
    if facts.gap(Node):
        return ""
    return next((each.pool for each in facts.all(Node) if each.name == name), "")


def _sentences(component: Component, faults: Sequence[NodeFault]) -> list[Action]:
    """The fixes that are sentences; otherwise new pods."""
    sentences = dict.fromkeys(each.fix for each in faults if each.fix)
    if sentences:
        return [change(each, "", KEGTS, _READY) for each in sentences]
    pods = [each.pod for each in faults if each.pod is not None]
    return [_new_pods(component, faults, pods)] if pods else []


def _new_pods(component: Component, faults: Sequence[NodeFault], pods: Sequence[Pod]) -> Action:
    """Delete pods that run and do not work: the DaemonSet creates new ones."""
    delete = kubectl("delete", "pod", *(each.name for each in pods), namespace=component.namespace)
    names = " and ".join(each.name for each in pods)
    expect = f"the DaemonSet creates new pods, and {_READY} within a minute; otherwise their log shows the reason"
    if component.short == "cni-manager":
        return change(f"Delete {names}; running pods keep their network", delete, KEGTS, expect)
    if all(each.down or (each.reported is not None and each.reported.of_node) for each in faults):
        return change(
            f"Delete {names}, whose node{'s forward' if len(pods) > 1 else ' forwards'} nothing", delete, KEGTS, expect
        )
    which = "these gateway nodes" if len(pods) > 1 else "this gateway node"
    return disrupt(f"Delete {names}; open connections through {which} are closed", delete, KEGTS, expect)
