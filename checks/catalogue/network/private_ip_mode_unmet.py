"""EG206: a configuration without public addresses, on a cluster or pool that cannot serve it."""

import re
from collections.abc import Iterator

from checks.azure.default_route import way_out
from checks.azure.network import Unseen, arm, configuration_of, gateway_pool, show_pool, show_subnet, subnet_of
from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.network import PRIVATE_MODE_KUBERNETES, PRIVATE_MODE_POOL
from checks.model.commands import SEGDOC, az_aks, change, kubectl, look
from checks.model.findings import Evidence, Observation, Severity, Status, fail, healthy, skip, unknown, warn

NEEDED = ".".join(str(part) for part in PRIVATE_MODE_KUBERNETES)


@check(
    code="EG206",
    title="Private-IP mode lacks what it needs",
    severity=Severity.BLOCKS,
    hop="node pool",
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, ManagedCluster, AgentPool, Subnet, RouteTable),
    explains={
        "egress-prefix-unassigned": "addresses are not assigned where the cluster or the pool cannot do private-IP mode"
    },
)
def private_ip_mode_unmet(facts: Facts) -> Iterator[Observation]:
    """What it checks: only configurations with `provisionPublicIps: false`. The cluster must run Kubernetes 1.34 or later,
    the gateway pool must be of type VirtualMachines, and because the mode makes no way out, a route to an appliance or
    gateway must be there: none warns. A publicIpPrefixId in this mode is gateway-configuration-invalid's.

    Why it matters: without its preconditions the mode, a preview as of the documentation of August 2026, assigns no address.

    What usually fixes it: an upgrade, a gateway pool of type VirtualMachines with a new configuration, a route to the firewall.

    Source: article SEG-1; AKS docs, configure static egress gateway, private IPs (preview)
    """
    configuration = configuration_of(facts)
    if configuration is None:
        yield skip(
            "There is no gateway configuration that could ask for private addresses (gateway-configuration-missing)."
        )
        return
    if configuration.provisions_public_ips:
        yield skip(f"{configuration.ref} uses public addresses, for which this does not matter.")
        return
    found = [*_version(facts, configuration), *_pool(facts, configuration), *_route(facts, configuration)]
    serious = [each for each in found if each.status is not Status.SKIPPED]
    # What could not be looked at by choice is said once, and only where nothing is wrong.
    yield from serious or found[:1]
    if not found:
        yield healthy(
            f"Cluster, node pool and route are as private-IP mode of {configuration.ref} needs them (a preview).",
            evidence=[_private(configuration)],
        )


def _version(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    lost = facts.gap(ManagedCluster)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    version = cluster.kubernetes_version if cluster else ""
    show = look("See the Kubernetes version", az_aks(facts.cluster, "show", "--query", "currentKubernetesVersion"))
    parsed = re.match(r"(\d+)\.(\d+)", version)
    if cluster is None or parsed is None:
        why = f": {lost}" if lost is not None else ""
        summary = (
            f"Whether the cluster runs Kubernetes {NEEDED} or later, which private-IP mode needs, is not known{why}."
        )
        # Azure that is not looked at by configuration leaves the question to people; anything else is a lack of knowledge.
        by_choice = not facts.configured(ManagedCluster)
        yield (
            skip(summary, actions=[show]) if by_choice else unknown(summary, subject=configuration.ref, actions=[show])
        )
        return
    if (int(parsed[1]), int(parsed[2])) >= PRIVATE_MODE_KUBERNETES:
        return
    yield fail(
        f"{configuration.ref} asks for private addresses, which need Kubernetes {NEEDED}; {cluster.ref} runs {version}.",
        subject=configuration.ref,
        evidence=[
            _private(configuration),
            Evidence(cluster.ref, "currentKubernetesVersion", version, f"{NEEDED} or later"),
        ],
        actions=[
            look("See which versions the cluster can be upgraded to", az_aks(facts.cluster, "get-upgrades"), SEGDOC),
            change(
                "Upgrade the cluster",
                az_aks(facts.cluster, "upgrade", "--kubernetes-version", NEEDED),
                SEGDOC,
                "status.egressIpPrefix of the configuration gets the private addresses",
            ),
        ],
    )


def _pool(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    pool = gateway_pool(facts, configuration)
    if isinstance(pool, Unseen):
        if pool.gap is not None:
            question = f"Whether node pool {configuration.pool} is of type VirtualMachines could not be seen"
            yield unknown(f"{question}: {pool.why}.", subject=configuration.ref)
        else:
            yield skip(f"The type of the gateway pool is not looked at: {pool.why}.", subject=configuration.ref)
        return
    if pool.kind.lower() == PRIVATE_MODE_POOL:
        return
    if not pool.kind:
        yield unknown(f"Azure gives no type of {pool.ref}.", subject=configuration.ref)
        return
    words = ("--vm-set-type", "VirtualMachines", "--node-count", "2")
    yield fail(
        f"{configuration.ref} asks for private addresses, which need a node pool of type VirtualMachines; {pool.ref} is "
        f"{pool.kind}.",
        subject=configuration.ref,
        evidence=[_private(configuration), Evidence(pool.ref, "type", pool.kind, "VirtualMachines")],
        actions=[
            look("See the pool", az_aks(facts.cluster, "nodepool", "show", "-n", pool.name), SEGDOC),
            look(
                "See which pods use the configuration before it is replaced",
                kubectl("get", "pods", "-o", "wide", namespace=configuration.namespace),
            ),
            change(
                "Add a gateway pool of type VirtualMachines, then a new configuration that names it, for the gateway to use",
                az_aks(facts.cluster, "nodepool", "add", "--name", "gwprivate", "--mode", "gateway", *words),
                SEGDOC,
                "the new configuration gets its addresses",
            ),
        ],
    )


def _route(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    """A private range leaves only through a route to an appliance or a gateway, which must be somewhere."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is not None and cluster.outbound_type.lower() == "userdefinedrouting":
        return
    pool = gateway_pool(facts, configuration)
    subnet = pool if isinstance(pool, Unseen) else subnet_of(facts, pool)
    table: RouteTable | Unseen | None = None
    if isinstance(subnet, Subnet) and subnet.route_table_id:
        table = arm(facts, RouteTable, subnet.route_table_id)
    unseen = next((each for each in (subnet, table) if isinstance(each, Unseen)), None)
    question = f"Whether a route takes the private range of {configuration.ref} to an appliance"
    if unseen is not None and unseen.gap is not None:
        yield unknown(f"{question} could not be seen: {unseen.why}.", subject=configuration.ref)
    elif unseen is not None or not isinstance(subnet, Subnet):
        why = unseen.why if unseen else ""
        actions = [show_pool(facts, configuration.pool)]
        yield skip(f"{question} is to be checked by hand: {why}.", subject=configuration.ref, actions=actions)
    elif isinstance(table, RouteTable) and (way := way_out(table)) and not way.drops:
        return
    else:
        yield _no_way(configuration, subnet)


def _no_way(configuration: StaticGatewayConfiguration, subnet: Subnet) -> Observation:
    return warn(
        f"No route of {subnet.ref} takes the private range of {configuration.ref} out, and private-IP mode makes none.",
        subject=configuration.ref,
        evidence=[
            _private(configuration),
            Evidence(subnet.ref, "routeTable.id", subnet.route_table_id or "(none)", "0.0.0.0/0 to a firewall"),
        ],
        actions=[
            show_subnet(subnet.id),
            change(
                "Give the subnet a route table that sends 0.0.0.0/0 to your firewall, and allow the range there",
                url=SEGDOC,
            ),
        ],
    )


def _private(configuration: StaticGatewayConfiguration) -> Evidence:
    return Evidence(configuration.ref, "spec.provisionPublicIps", "false")
