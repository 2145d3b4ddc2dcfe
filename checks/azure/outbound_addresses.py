"""The outbound addresses of a cluster beside its static egress gateways.

Source: AKS documentation, "Customize cluster egress with outbound types in Azure Kubernetes Service (AKS)".
"""

from collections.abc import Sequence

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.public_addresses import PublicIPAddress
from checks.facts.view import Facts
from checks.model.commands import OUTBOUND, inspect, quoted
from checks.model.findings import Action, Evidence

_NO_ADDRESS = frozenset({"userdefinedrouting", "none", "block"})
"""The outbound types with which AKS sets up no outbound address."""


def meaning_of_other_address(facts: Facts, addresses: Sequence[str]) -> str:
    """A sentence about source IP addresses outside the egress IP prefix.

    "" if Azure's profile is not known. Requires ManagedCluster and PublicIPAddress declared.
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
    if own := _own(facts, addresses):
        return (
            f" {own[0].address} is an outbound address of the cluster (outbound type {kind}): the annotation has no effect and "
            "the traffic bypasses the static egress gateway."
        )
    if known := _all_outbound(facts, cluster):
        return (
            f" The outbound addresses of the cluster are others (outbound type {kind}: {', '.join(known)}), so a firewall or "
            "NAT gateway translated it."
        )
    return (
        f" If it is an outbound address of the cluster (outbound type {kind}), the annotation has no effect and the traffic "
        "bypasses the static egress gateway; otherwise a firewall or NAT gateway translated it."
    )


def outbound_evidence(facts: Facts, addresses: Sequence[str]) -> tuple[Evidence, ...]:
    """The public IPs of the cluster by which traffic left."""
    return tuple(
        Evidence(each.ref, "ipAddress", each.address, "not the source IP address") for each in _own(facts, addresses)
    )


def compare_with_outbound(facts: Facts, addresses: Sequence[str]) -> tuple[Action, ...]:
    """A read-only action that shows the outbound addresses, unless they have been read."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    ids = cluster.outbound_ip_ids if cluster is not None else ()
    if cluster is None or not ids or not addresses or _own(facts, addresses) or _all_outbound(facts, cluster):
        return ()
    query = "ipAddress" if len(ids) == 1 else "[].ipAddress"
    command = quoted("az", "network", "public-ip", "show", "--ids", *ids, "--query", query, "-o", "tsv")
    title = f"Show the cluster's outbound IP addresses; compare them with {' and '.join(addresses)}"
    return (inspect(title, command, OUTBOUND),)


def _own(facts: Facts, addresses: Sequence[str]) -> tuple[PublicIPAddress, ...]:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    ids = {each.lower() for each in cluster.outbound_ip_ids} if cluster is not None else set()
    known = (each for each in facts.readable(PublicIPAddress) if each.id.lower() in ids)
    return tuple(each for each in known if each.address in addresses)


def _all_outbound(facts: Facts, cluster: ManagedCluster) -> tuple[str, ...]:
    """The addresses of all outbound IPs; () if one is not known."""
    known = {each.id.lower(): each.address for each in facts.readable(PublicIPAddress) if each.address}
    ids = [each.lower() for each in cluster.outbound_ip_ids]
    return tuple(known[each] for each in ids) if all(each in known for each in ids) else ()
