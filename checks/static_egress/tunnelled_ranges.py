"""Which addresses the gateway's pods need outside the tunnel, but reach only through it.

`excludeCidrs` and the cni-manager's `--exception-cidrs` decide together. With defaultRoute azureNetworking the meaning of
`excludeCidrs` is reversed, and the exceptions do not count.

Sources: kube-egress-gateway pkg/cni/routes, issues 1124 and 1356; AKS documentation, "LocalDNS in Azure Kubernetes
Service".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Network, collapse_addresses, ip_address
from typing import NamedTuple

from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Unreadable
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Severity
from checks.model.raw_values import Raw, texts
from checks.static_egress.components import Component, cni_manager
from checks.static_egress.operator_version import operator_version
from checks.static_egress.prefixes import Network, parse_cidr

LOCAL_DNS = "169.254.10.11/32"
"""The address at which pods reach LocalDNS on their node."""

SERVICES_OUTSIDE = (0, 1, 1)
"""The first operator that keeps Services out of the tunnel with azureNetworking.

Source: kube-egress-gateway issue 1124.
"""

KUBERNETES_OUTSIDE = (1, 34)
"""The first Kubernetes version for which AKS has that operator."""

_FLAG = "--exception-cidrs"


@dataclass(frozen=True, slots=True)
class TunnelledRange:
    """Addresses that are reached only through the tunnel.

    `what` follows "sends", `consequence` is a clause. `through` are the entries of excludeCidrs that cause it, with
    defaultRoute azureNetworking. `by_operator`: an old operator adds them to the tunnel.
    """

    what: str
    consequence: str
    ranges: tuple[str, ...]
    severity: Severity
    through: tuple[str, ...] = ()
    by_operator: bool = False
    example: bool = False
    """Whether `ranges` is only an example of the addresses."""


def exception_ranges(component: Component) -> tuple[str, ...] | None:
    """The cni-manager's exceptions; None if its arguments do not show them."""
    return exceptions_of(component.daemon_set.template_containers) if component.daemon_set is not None else None


def exceptions_of(containers: Iterable[Raw]) -> tuple[str, ...] | None:
    """The exceptions in the arguments of a cni-manager's containers, None without them."""
    for container in containers:
        arguments = texts(container, "args")
        for number, each in enumerate(arguments):
            name, separator, value = each.partition("=")
            if name == _FLAG:
                written = value if separator else next(iter(arguments[number + 1 :]), "")
                return tuple(part.strip() for part in written.split(",") if part.strip())
    return None


def tunnelled_ranges(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[TunnelledRange]:
    """The addresses that should be outside the tunnel and are not.

    There are none without the cni-manager's arguments. Raises Unreadable, after those that are certain, if a failed read can
    hide one that blocks.

    Requires DaemonSet, Pod, Node, AgentPool, ManagedCluster and EndpointSlice declared.
    """
    reverse = configuration.default_route == "azureNetworking"
    if reverse and _services_in_tunnel(facts):
        yield TunnelledRange(
            f"Service addresses{_in_brackets(_service_ranges(facts))} through the tunnel, where Cilium does not translate them",
            "the gateway's pods cannot reach istiod and DNS",
            _service_ranges(facts),
            Severity.BLOCKS,
            by_operator=True,
        )
        return
    exceptions = exception_ranges(cni_manager(facts))
    if exceptions is None:
        return
    for each in _needed(facts):
        if reverse and each.severity is Severity.RISKS:
            # Destinations in the virtual network may be listed on purpose.
            continue
        found = _missing(each.ranges, configuration.exclude_cidrs, exceptions, reverse)
        if found is not None:
            missing, through = found
            yield replace(each, ranges=missing, through=through)
    if _missing((LOCAL_DNS,), configuration.exclude_cidrs, exceptions, reverse) is not None:
        _require_local_dns(facts)


def _require_local_dns(facts: Facts) -> None:
    """Raise Unreadable if LocalDNS on the nodes of the gateway's pods is not known."""
    for kind, namespace in ((AgentPool, None), (Node, None), (Pod, facts.gateway.namespace)):
        if (gap := facts.gap(kind, namespace)) is not None:
            raise Unreadable(gap)


def _services_in_tunnel(facts: Facts) -> bool:
    """Whether the operator adds the Service range to the tunnel in a cluster with Cilium."""
    version = operator_version(facts)
    if (version is None or version < SERVICES_OUTSIDE) and facts.configured(ManagedCluster):
        # Only the managed cluster shows whether it has Cilium, and its Kubernetes version.
        facts.all(ManagedCluster)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is None or cluster.network_dataplane != "cilium":
        return False
    return version < SERVICES_OUTSIDE if version is not None else _kubernetes(cluster) < KUBERNETES_OUTSIDE


def _kubernetes(cluster: ManagedCluster) -> tuple[int, ...]:
    """Major and minor version; a later one than any if it is not known."""
    parts = cluster.kubernetes_version.split(".")[:2]
    return tuple(map(int, parts)) if parts and all(part.isdecimal() for part in parts) else (9, 0)


def _needed(facts: Facts) -> Iterator[TunnelledRange]:
    services, local, server, node = facts.once("ranges outside the tunnel", _outside_tunnel)
    if services is not None:
        yield services
    if not local.isdisjoint(_own_nodes(facts)):
        yield _LOCAL_DNS
    if server is not None:
        yield server
    if node is not None:
        yield node


_LOCAL_DNS = TunnelledRange(
    f"lookups at LocalDNS ({LOCAL_DNS.removesuffix('/32')}) through the tunnel",
    "they get no answer, and new pods of the gateway resolve no host",
    (LOCAL_DNS,),
    Severity.BLOCKS,
)


class _OutsideTunnel(NamedTuple):
    """The addresses that pods of every gateway need outside the tunnel.

    Each is None if there are none.
    """

    services: TunnelledRange | None
    local_dns: frozenset[str]
    """The nodes with LocalDNS."""
    api_server: TunnelledRange | None
    node: TunnelledRange | None
    """One node as an example of the virtual network."""


def _outside_tunnel(facts: Facts) -> _OutsideTunnel:
    services, server = _service_ranges(facts), _api_server(facts)
    node = next(_node_addresses(facts), None)
    return _OutsideTunnel(
        TunnelledRange(
            f"Service addresses{_in_brackets(services)} through the tunnel",
            "requests of the gateway's pods to istiod and DNS take the gateway nodes",
            services,
            Severity.DEGRADES,
        )
        if services
        else None,
        _nodes_with_local_dns(facts),
        TunnelledRange(
            f"requests to the API server{_in_brackets(server)} through the tunnel",
            "it gets them from the gateway nodes",
            server,
            Severity.RISKS,
        )
        if server
        else None,
        TunnelledRange(
            f"traffic to the virtual network, for example {node}, through the tunnel",
            "it takes the gateway nodes, from which not every address is reachable",
            (f"{node}/32",),
            Severity.RISKS,
            example=True,
        )
        if node
        else None,
    )


@lru_cache(maxsize=1000)
def _missing(
    wanted: tuple[str, ...], excluded: tuple[str, ...], exceptions: tuple[str, ...], reverse: bool
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The wanted ranges in the tunnel, and the entries of excludeCidrs that send them there."""
    ranges = [(each, found) for each in wanted if (found := _ipv4(each)) is not None]
    if reverse:
        through = tuple(
            each for each in excluded if (net := _ipv4(each)) is not None and any(net.overlaps(r) for _, r in ranges)
        )
        return (tuple(wanted), through) if through else None
    outside = list(collapse_addresses(net for each in (*excluded, *exceptions) if (net := _ipv4(each)) is not None))
    missing = tuple(each for each, net in ranges if not any(net.subnet_of(other) for other in outside))
    return (missing, ()) if missing else None


def _ipv4(written: str) -> IPv4Network | None:
    found: Network | None = parse_cidr(written)
    return found if isinstance(found, IPv4Network) else None


def _service_ranges(facts: Facts) -> tuple[str, ...]:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    return tuple(each for each in cluster.service_cidrs if ":" not in each) if cluster is not None else ()


def _nodes_with_local_dns(facts: Facts) -> frozenset[str]:
    pools = {pool.name.lower() for pool in facts.readable(AgentPool) if pool.has_local_dns}
    return frozenset(node.name for node in facts.readable(Node) if node.pool.lower() in pools)


def _own_nodes(facts: Facts) -> Iterator[str]:
    """The nodes of the gateway's pods."""
    pods = facts.readable(Pod, facts.gateway.namespace)
    return (pod.node for pod in pods if pod.deployment in facts.gateway.deployments)


def _api_server(facts: Facts) -> tuple[str, ...]:
    """The private addresses of the API server."""
    slices = facts.readable(EndpointSlice, "default")
    addresses = (each for one in slices if one.service == "kubernetes" for each in one.ready_addresses)
    return tuple(f"{each}/32" for each in dict.fromkeys(addresses) if _is_private(each))


def _node_addresses(facts: Facts) -> Iterator[str]:
    for node in facts.readable(Node):
        if node.mode != "gateway" and _is_private(node.internal_ip):
            yield node.internal_ip


def _is_private(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return found.version == 4 and found.is_private


def _in_brackets(ranges: Sequence[str]) -> str:
    return f" ({', '.join(each.removesuffix('/32') for each in ranges)})" if ranges else ""
