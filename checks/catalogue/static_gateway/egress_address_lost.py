"""EG415: the network interface of a gateway node has lost its egress address."""

from collections.abc import Iterator, Mapping, Sequence

from checks.azure.cluster_upgrades import newer_components
from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Fact, Unreadable
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_interfaces import MachineInterface, NetworkInterface
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.knowledge.known_issues import IP_CONFIGURATIONS_REMOVED
from checks.model.commands import SEGDOC, alternatives, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.egress_addresses import (
    RESTORING,
    RESTORING_KUBERNETES,
    interfaces_by_machine,
    newer_images,
    old_operator,
    private_addresses,
    restores_addresses,
)
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration, pool_of
from checks.static_egress.gateway_nodes import configure_again, pool_nodes
from checks.static_egress.operator_version import written_version
from checks.static_egress.prefixes import capacity


@check(
    code="EG415",
    title="A gateway node has lost its egress address",
    severity=Severity.BLOCKS,
    article=("SEG-8",),
    reads=(
        StaticGatewayConfiguration,
        AgentPool,
        Node,
        GatewayVMConfiguration,
        NetworkInterface,
        MachineInterface,
        ManagedCluster,
        DaemonSet,
        Pod,
    ),
    explains={
        "gateway-dataplane-not-ready": Because(
            "a node without its address of the prefix forwards no traffic", share="pool"
        ),
        "source-address-wrong": "a node without its address of the prefix forwards no traffic",
        "traffic-failing": "the gateway node sends packets without the address of the prefix, so that no answer comes back",
    },
)
def egress_address_lost(facts: Facts) -> Iterator[Observation]:
    """What it checks: the network interface of each gateway node, in a scale set or a VirtualMachines pool, against the
    address that the GatewayVMConfiguration lists for it. It fails if one lacks its address, and states the share. Without
    the right to read network interfaces it warns if a node of a scale set has a newer image than the last configuration
    of its address and the operator is older than v0.1.8; otherwise it does not apply. If they cannot be read for another
    reason, it is not checked.

    Why it matters: an upgrade of the node image, or a change of the scale set's model, can remove the address. There is
    no event and no error: the node counts as serving, and the traffic that it gets is lost.

    What usually fixes it: scaling the node pool by one node and back, so that the controller configures its nodes again.
    An operator since v0.1.8 restores the address within five minutes.

    Source: article SEG-8; kube-egress-gateway pull request 1381."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    pool = pool_of(facts, configuration)
    if isinstance(pool, NotApplicable):
        yield skip(pool.reason)
        return
    machines = facts.get(GatewayVMConfiguration, configuration.name, configuration.namespace)
    if pool is not None and pool.has_single_machines and machines is not None:
        yield _single_machines(facts, configuration, pool, machines)
        return
    nodes = {node.name: node for node in pool_nodes(facts, configuration.pool) if node.scale_set_machine}
    listed = [(nodes[name], address) for name, address in machines.addresses if name in nodes] if machines else []
    if machines is None or not listed:
        _require_pool(facts)
        yield skip(f"No gateway node in a scale set has an address of {configuration.ref} (gateway-pool-unhealthy).")
        return
    size = pool.prefix_size if pool else None
    again = configure_again(
        facts, configuration.pool, len(nodes), capacity(size) if size is not None else None, configuration
    )
    interfaces = interfaces_by_machine(facts)
    seen = [(node, address) for node, address in listed if node.scale_set_machine.lower() in interfaces]
    if not seen:
        _require_pool(facts)
        yield _by_image(facts, machines, [node for node, _ in listed], again)
        _require_answer(facts, NetworkInterface)
        return
    lost = [(n, a) for n, a in seen if a not in private_addresses(interfaces[n.scale_set_machine.lower()])]
    if lost:
        yield _lost(facts, configuration, lost, interfaces, len(seen), again)
    else:
        yield healthy(
            f"{len(seen)} of {len(listed)} gateway nodes have their address of {configuration.egress_prefix}."
        )


def _require_pool(facts: Facts) -> None:
    """Raise Unreadable if a failed read hides which machines the pool has.

    Their network interfaces are read by the names of the machines.
    """
    for kind in (AgentPool, ManagedCluster):
        if facts.configured(kind):
            facts.all(kind)


def _require_answer(facts: Facts, kind: type[Fact]) -> None:
    """Raise Unreadable if the read of the network interfaces failed.

    The right is optional: without it (403) the check does not apply. Any other failed read may hide a lost address.
    """
    gap = facts.gap(kind)
    if gap is not None and gap.status != 403:
        raise Unreadable(gap)


def _single_machines(
    facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool, machines: GatewayVMConfiguration
) -> Observation:
    """The observation for a VirtualMachines pool, whose network interfaces are listed by name."""
    read = {each.name.lower(): each for each in facts.readable(MachineInterface)}
    seen = [(read[name.lower()], address) for name, address in machines.addresses if name.lower() in read]
    if not seen:
        _require_pool(facts)
        _require_answer(facts, MachineInterface)
        gap = facts.gap(MachineInterface)
        return skip(f"The network interfaces of the gateway nodes are not read{f' ({gap})' if gap else ''}.")
    lost = [(each, address) for each, address in seen if address not in private_addresses([each])]
    if not lost:
        return healthy(
            f"{len(seen)} of {len(machines.addresses)} gateway nodes have their address of {configuration.egress_prefix}."
        )
    most = capacity(pool.prefix_size) if pool.prefix_size is not None else None
    path, expected = "ipConfigurations[*].privateIPAddress", "an address of the subnet"
    return fail(
        f"{len(lost)} of {len(seen)} nodes of gateway node pool {configuration.pool} have lost their address of the egress IP "
        "prefix: the traffic that they get is lost.",
        subject=configuration.ref,
        evidence=[
            *(Evidence(e.ref, path, ", ".join(private_addresses([e])) or "(none)", a or expected) for e, a in lost),
            *old_operator(facts),
        ],
        actions=[
            _show(configuration.name, configuration.namespace),
            *alternatives(
                configure_again(facts, configuration.pool, len(machines.addresses), most, configuration),
                *_newer_operator(facts),
            ),
        ],
        about=[Involved("pool", configuration.pool)],
    )


def _lost(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    lost: Sequence[tuple[Node, str]],
    interfaces: Mapping[str, Sequence[NetworkInterface]],
    seen: int,
    again: Action,
) -> Observation:
    evidence = []
    for node, address in lost:
        own = interfaces[node.scale_set_machine.lower()]
        found = ", ".join(private_addresses(own)) or "(none)"
        evidence.append(Evidence(own[0].ref, "ipConfigurations[*].privateIPAddress", found, address))
    return fail(
        f"{len(lost)} of {seen} nodes of gateway node pool {configuration.pool} have lost their address of the egress IP "
        "prefix: the traffic that they get is lost.",
        subject=configuration.ref,
        evidence=[*evidence, *old_operator(facts)],
        actions=[
            _show(configuration.name, configuration.namespace),
            *alternatives(again, *_newer_operator(facts)),
            IP_CONFIGURATIONS_REMOVED.compare,
        ],
        about=[Involved("pool", configuration.pool), *(Involved("node", node.name) for node, _ in lost)],
    )


def _by_image(facts: Facts, machines: GatewayVMConfiguration, nodes: Sequence[Node], again: Action) -> Observation:
    """A finding without network interfaces, by the age of the node images."""
    newer = newer_images(machines, nodes)
    if restores_addresses(facts) is not False or not newer:
        _require_answer(facts, NetworkInterface)
        gap = facts.gap(NetworkInterface)
        return skip(f"The network interfaces of the gateway nodes are not read{f' ({gap})' if gap else ''}.")
    label = "metadata.labels[kubernetes.azure.com/node-image-version]"
    changed = f"{machines.status_changed:%Y-%m-%dT%H:%M:%SZ}"
    return warn(
        f"{len(newer)} of {len(nodes)} gateway nodes have a newer node image than the last configuration of their address, "
        "which the upgrade may have removed.",
        subject=machines.ref,
        evidence=[
            *(Evidence(node.ref, label, node.image_version) for node in newer),
            Evidence(machines.ref, "metadata.managedFields[f:status].time", changed),
            *old_operator(facts),
        ],
        actions=[
            _show(machines.name, machines.namespace),
            *alternatives(again, *_newer_operator(facts)),
            IP_CONFIGURATIONS_REMOVED.compare,
        ],
        severity=Severity.RISKS,
    )


def _show(name: str, namespace: str) -> Action:
    return inspect(
        "Show the addresses that the nodes should have",
        kubectl("get", "gatewayvmconfiguration", name, "-o", "yaml", namespace=namespace),
        SEGDOC,
    )


def _newer_operator(facts: Facts) -> list[Action]:
    """The step to an operator that restores addresses, if this one does not."""
    if restores_addresses(facts):
        return []
    step = newer_components(
        facts,
        RESTORING_KUBERNETES,
        "so that the loss does not return: operator v0.1.8 and newer restore the address",
        f"the image tags of the DaemonSets are {written_version(RESTORING)} or newer; a lost address returns in five minutes",
    )
    return [step]
