"""Source addresses that a destination sees.

A request through the gateway has its egress IP prefix; one that bypasses it has the address of its pod or node.
"""

from collections.abc import Iterable

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.raw_values import items, mapping, text

_OUTBOUND = {
    "loadbalancer": "the cluster's load balancer",
    "userassignednatgateway": "the subnet's NAT gateway",
    "managednatgateway": "the cluster's NAT gateway",
    "userdefinedrouting": "the next hop of the subnet's route table",
    "block": "none: outbound type block blocks all traffic",
    "none": "none: outbound type none sets up no outbound access",
}
"""The meaning of the cluster's outbound type for a node's source address.

Source: AKS documentation, "Customize cluster egress with outbound types in Azure Kubernetes Service (AKS)".
"""


def client_address(facts: Facts, pods: Iterable[Pod]) -> str:
    """The source address of requests that leave directly from clients' pods.

    It is that of their own static egress gateway, or of their node. Reads ManagedCluster and
    StaticGatewayConfiguration.
    """
    named = {(pod.namespace, pod.static_gateway_configuration) for pod in pods if pod.static_gateway_configuration}
    for namespace, name in sorted(named):
        known = facts.readable(StaticGatewayConfiguration, namespace)
        prefix = next((each.egress_prefix for each in known if each.name == name), "")
        return f"{prefix or 'an unassigned prefix'} of the client's own StaticGatewayConfiguration {namespace}/{name}"
    return node_source(facts)


def node_source(facts: Facts) -> str:
    """The source address of a node. Reads ManagedCluster."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is None or not cluster.outbound_type:
        return "the node's outbound address"
    kind = _OUTBOUND.get(cluster.outbound_type.lower(), f"outbound type {cluster.outbound_type}")
    profile = mapping(cluster.network, "loadbalancerprofile") or mapping(cluster.network, "natgatewayprofile")
    names = [text(each, "id").rpartition("/")[2] for each in items(profile, "effectiveoutboundips")]
    known = f": public IP {', '.join(each for each in names if each)}" if any(names) else ""
    return f"the node's outbound address ({kind}{known})"
