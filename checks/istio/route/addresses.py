"""Source addresses: that of the gateway's static egress, and the one that traffic carries which goes past the gateway."""

from collections.abc import Iterable

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.raw_values import items, mapping, text

WAYS_OUT = {
    "loadbalancer": "the cluster's load balancer",
    "userassignednatgateway": "the subnet's NAT gateway",
    "managednatgateway": "the cluster's NAT gateway",
    "userdefinedrouting": "the next hop of the subnet's route table",
    "block": "none: outbound type block blocks all traffic",
    "none": "none: outbound type none sets up no outbound access",
}
"""What stands behind a node's outbound address, by the cluster's outbound type (AKS documentation)."""


def own_address(facts: Facts, pods: Iterable[Pod]) -> str:
    """The address of requests that leave the client's pod directly: its own static egress's, else its node's. Reads
    ManagedCluster and StaticGatewayConfiguration, as far as they could be read."""
    named = {(pod.namespace, pod.static_gateway_configuration) for pod in pods if pod.static_gateway_configuration}
    for namespace, name in sorted(named):
        known = facts.readable(StaticGatewayConfiguration, namespace)
        prefix = next((each.egress_prefix for each in known if each.name == name), "")
        return f"{prefix or 'an unassigned prefix'} of the client's own StaticGatewayConfiguration {namespace}/{name}"
    return node_address(facts)


def node_address(facts: Facts) -> str:
    """A node's outbound address in words. Reads ManagedCluster, as far as it could be read."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is None or not cluster.outbound_type:
        return "the node's outbound address"
    kind = WAYS_OUT.get(cluster.outbound_type.lower(), f"outbound type {cluster.outbound_type}")
    profile = mapping(cluster.network, "loadbalancerprofile") or mapping(cluster.network, "natgatewayprofile")
    names = [text(each, "id").rpartition("/")[2] for each in items(profile, "effectiveoutboundips")]
    known = f": public IP {', '.join(each for each in names if each)}" if any(names) else ""
    return f"the node's outbound address ({kind}{known})"


def other_gateway(service: Service) -> str:
    """The address of requests that leave through another egress gateway, in words."""
    return f"the egress IP prefix of egress gateway {service.namespace}/{service.name}"
