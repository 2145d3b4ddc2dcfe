"""EG206: the cluster, node pool or routes do not meet the requirements of private-IP mode."""

import re
from collections.abc import Iterator

from checks.azure.network import NotRead, gateway_pool, gateway_subnet, route_table_of, show_pool
from checks.azure.private_ip_mode_actions import PRIVATE_POOL, new_pool_actions, route_actions, upgrade_actions
from checks.azure.unread import azure_not_read
from checks.azure.user_routes import default_route
from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.logs import ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.traffic.recent_access import no_request_succeeds
from checks.knowledge.known_issues import PRIVATE_IP_MODE_PREVIEW
from checks.knowledge.network_requirements import PRIVATE_MODE_KUBERNETES, PRIVATE_MODE_POOL, USER_ROUTES
from checks.model.commands import alternatives, az_aks, inspect
from checks.model.findings import Action, Evidence, Observation, Severity, Status, fail, healthy, skip, unknown, warn
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration
from checks.static_egress.new_pools import delete_unused_pool
from checks.static_egress.old_configurations import ALLOW_LISTS
from checks.static_egress.procedures import new_configuration, patch_spec

_NEEDED = ".".join(str(part) for part in PRIVATE_MODE_KUBERNETES)


@check(
    code="EG206",
    title="The requirements of private-IP mode are not met",
    severity=Severity.BLOCKS,
    hop="node pool",
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, ManagedCluster, AgentPool, Subnet, RouteTable, Deployment, Pod, ProxyLog),
    explains={
        "egress-prefix-unassigned": "AKS assigns no addresses if the cluster or node pool does not support private-IP mode",
        "traffic-failing": "the gateway nodes have no route for the requests",
    },
)
def private_ip_mode_unmet(facts: Facts) -> Iterator[Observation]:
    """What it checks: StaticGatewayConfigurations with `provisionPublicIps: false`. It fails if the cluster runs
    Kubernetes before 1.34, or if the gateway node pool is not of type VirtualMachines. Without a route to an
    appliance or gateway, which this mode does not create, it fails if no recent request succeeds, and else warns. A
    publicIpPrefixId in this mode is reported by gateway-configuration-invalid.

    Why it matters: if the requirements are not met, private-IP mode assigns no address. It is in preview (AKS docs of
    August 2026).

    What usually fixes it: a cluster upgrade; a gateway node pool of type VirtualMachines with a new
    StaticGatewayConfiguration; a route to the firewall.

    Source: article SEG-1; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"
    (private IPs, preview)."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    if configuration.provisions_public_ips:
        yield skip(f"{configuration.ref} uses public IP addresses, not private-IP mode.")
        return
    found = [*_version(facts, configuration), *_pool(facts, configuration), *_route(facts, configuration)]
    serious = [each for each in found if each.status is not Status.SKIPPED]
    # One requirement that does not apply is reported, and only if no requirement fails.
    yield from serious or found[:1]
    if not found:
        yield healthy(
            f"The cluster, node pool and routes meet the requirements of private-IP mode (preview) for {configuration.ref}.",
            evidence=[_private(configuration)],
        )


def _version(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    gap = facts.gap(ManagedCluster)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    version = cluster.kubernetes_version if cluster else ""
    show = inspect("Show the Kubernetes version", az_aks(facts.cluster, "show", "--query", "currentKubernetesVersion"))
    parsed = re.match(r"(\d+)\.(\d+)", version)
    if cluster is None or parsed is None:
        question = f"Kubernetes {_NEEDED} or later, which private-IP mode needs, is"
        if not facts.configured(ManagedCluster):
            yield azure_not_read(question, [show])
        else:
            summary = f"{question} not checked: {gap or 'Azure returns no version'}."
            yield unknown(summary, subject=configuration.ref, actions=[show], reason=str(gap or ""))
        return
    if (int(parsed[1]), int(parsed[2])) >= PRIVATE_MODE_KUBERNETES:
        return
    yield fail(
        f"Kubernetes {version} does not support private-IP mode, which needs {_NEEDED} ({cluster.ref}, {configuration.ref}).",
        subject=configuration.ref,
        evidence=[
            _private(configuration),
            Evidence(cluster.ref, "currentKubernetesVersion", version, f"{_NEEDED} or later"),
        ],
        actions=_upgrade(facts, configuration),
    )


def _pool(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    pool = gateway_pool(facts, configuration)
    if isinstance(pool, NotRead):
        summary = f"The type of node pool {configuration.pool} is not checked: {pool.why}."
        if pool.gap is not None:
            yield unknown(summary, subject=configuration.ref, reason=str(pool.gap))
        else:
            yield skip(summary, subject=configuration.ref)
        return
    if pool.kind.lower() == PRIVATE_MODE_POOL:
        return
    if not pool.kind:
        yield unknown(f"Azure returns no type for {pool.ref}.", subject=configuration.ref)
        return
    yield fail(
        f"The gateway node pool is of type {pool.kind}; private-IP mode needs VirtualMachines ({pool.ref}, "
        f"{configuration.ref}).",
        subject=configuration.ref,
        evidence=[_private(configuration), Evidence(pool.ref, "type", pool.kind, "VirtualMachines")],
        actions=_other_pool(facts, configuration, pool),
    )


def _upgrade(facts: Facts, configuration: StaticGatewayConfiguration) -> list[Action]:
    show, upgrade, compare = upgrade_actions(facts, _NEEDED)
    return [show, *alternatives(upgrade, *_public_addresses(configuration)), compare]


def _other_pool(facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool) -> list[Action]:
    *shown, create = new_pool_actions(facts, pool, configuration.namespace)
    moved = [
        create,
        *new_configuration(facts, configuration, PRIVATE_POOL),
        *delete_unused_pool(facts, pool.name, configuration),
    ]
    return [*shown, *alternatives(moved, *_public_addresses(configuration)), PRIVATE_IP_MODE_PREVIEW.compare]


def _public_addresses(configuration: StaticGatewayConfiguration) -> Iterator[Action]:
    """Use public addresses instead, if no private ones were assigned."""
    if not configuration.egress_prefix:
        yield patch_spec(
            configuration,
            "Patch spec.provisionPublicIps to true instead, if the destinations may get public addresses: it needs none of "
            "these requirements",
            {"provisionPublicIps": True},
            f"the controller assigns a public egress IP prefix within minutes, and the waiting pods start; allow it in "
            f"{ALLOW_LISTS}",
        )


def _route(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    """Whether private-IP mode has the route to an appliance or gateway that it needs.

    The route comes from the route table or the outbound type.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is not None and cluster.outbound_type.lower() == USER_ROUTES:
        return
    subnet = gateway_subnet(facts, configuration)
    table = route_table_of(facts, subnet)
    not_read = next((each for each in (subnet, table) if isinstance(each, NotRead)), None)
    question = f"The outbound route for the private addresses of {configuration.ref} is"
    if not_read is not None and not_read.gap is not None:
        summary = f"{question} not checked: {not_read.why}."
        yield unknown(summary, subject=configuration.ref, reason=str(not_read.gap))
    elif not_read is not None or not isinstance(subnet, Subnet):
        why = not_read.why if not_read else ""
        actions = [show_pool(facts, configuration.pool)]
        yield skip(f"{question} not checked: {why}.", subject=configuration.ref, actions=actions)
    elif isinstance(table, RouteTable) and (route := default_route(table)) and not route.drops:
        return
    else:
        yield _no_route(facts, configuration, subnet)


def _no_route(facts: Facts, configuration: StaticGatewayConfiguration, subnet: Subnet) -> Observation:
    """A failure if no recent request succeeds.

    Without requests, or with a route that another network announces, the missing route is only a risk.
    """
    failing = no_request_succeeds(facts)
    return (fail if failing else warn)(
        f"No outbound route exists for the private addresses of {configuration.ref} ({subnet.ref}): private-IP mode creates "
        f"none{', and no recent request succeeds' if failing else ''}.",
        subject=configuration.ref,
        evidence=[
            _private(configuration),
            Evidence(
                subnet.ref, "routeTable.id", subnet.route_table_id or "(none)", "a route for 0.0.0.0/0 to a firewall"
            ),
        ],
        actions=route_actions(facts, subnet),
    )


def _private(configuration: StaticGatewayConfiguration) -> Evidence:
    return Evidence(configuration.ref, "spec.provisionPublicIps", "false")
