"""The outbound addresses of a cluster beside its static egress gateways.

Source: AKS documentation, "Customize cluster egress with outbound types in Azure Kubernetes Service (AKS)".
"""

from collections.abc import Sequence

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.model.commands import OUTBOUND, inspect, quoted
from checks.model.findings import Action
from checks.model.raw_values import items, mapping, text

_NO_ADDRESS = frozenset({"userdefinedrouting", "none", "block"})
"""The outbound types with which AKS sets up no outbound address."""


def outbound_ip_ids(cluster: ManagedCluster) -> tuple[str, ...]:
    """The ARM ids of the public IPs of the cluster's load balancer or NAT gateway."""
    profile = mapping(cluster.network, "loadbalancerprofile") or mapping(cluster.network, "natgatewayprofile")
    return tuple(filter(None, (text(each, "id") for each in items(profile, "effectiveoutboundips"))))


def meaning_of_other_address(facts: Facts) -> str:
    """A sentence about a source IP address outside the egress IP prefix.

    "" if Azure's profile is not known. Requires ManagedCluster declared.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is None or not cluster.outbound_type:
        return ""
    kind = cluster.outbound_type
    if kind.lower() in _NO_ADDRESS:
        return (
            f" The cluster has no outbound address of its own (outbound type {kind}): a firewall or another appliance "
            "translated the address."
        )
    return (
        f" If it is an outbound address of the cluster (outbound type {kind}), the annotation has no effect and the traffic "
        "bypasses the static egress gateway; otherwise a firewall or NAT gateway translated it."
    )


def compare_with_outbound(facts: Facts, addresses: Sequence[str]) -> tuple[Action, ...]:
    """A read-only action that shows the outbound addresses that Azure's profile names."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    ids = outbound_ip_ids(cluster) if cluster is not None else ()
    if not ids or not addresses:
        return ()
    query = "ipAddress" if len(ids) == 1 else "[].ipAddress"
    command = quoted("az", "network", "public-ip", "show", "--ids", *ids, "--query", query, "-o", "tsv")
    title = f"Show the cluster's outbound IP addresses; compare them with {' and '.join(addresses)}"
    return (inspect(title, command, OUTBOUND),)
