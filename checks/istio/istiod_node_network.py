"""Read-only steps for the network between the nodes of proxies and istiod.

egress-diag does not read policies of Calico or Cilium themselves, peerings of virtual networks, or firewalls on nodes.
"""

from collections.abc import Iterator, Sequence

from checks.azure.network import show_subnet
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Unreadable
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.required_connections import ISTIOD_PORT
from checks.kubernetes.policy_engine import policy_engine
from checks.model.commands import FW, TSG, inspect, kubectl, quoted
from checks.model.findings import Action

_POLICIES = {
    "calico": "networkpolicies.crd.projectcalico.org,globalnetworkpolicies.crd.projectcalico.org",
    "cilium": "ciliumnetworkpolicies.cilium.io,ciliumclusterwidenetworkpolicies.cilium.io",
}
"""The kinds of an engine's own policies.

Sources: Calico documentation, "Network policy"; Cilium documentation, "Network policy".
"""


def between_nodes(facts: Facts, pods: Sequence[Pod], istiods: Sequence[Pod]) -> Iterator[Action]:
    """Show policies of the engine itself, subnets of the nodes, and peerings.

    Requires ManagedCluster, DaemonSet, Node and AgentPool declared.
    """
    names = f"TCP {ISTIOD_PORT} from {_addresses(pods)} to istiod at {_addresses(istiods)}"
    try:
        engine = next((each for each in _POLICIES if each in policy_engine(facts).lower()), "")
    except Unreadable:
        engine = ""
    if engine:
        yield inspect(
            f"List the policies of {engine.capitalize()}, if neither test gets answers",
            kubectl("get", _POLICIES[engine], "--all-namespaces"),
            TSG,
            f"a policy for these pods or nodes must allow {names}. No policy: the next step",
        )
    nodes = {each.node for each in (*pods, *istiods)}
    pools = {each.pool.lower() for each in facts.readable(Node) if each.name in nodes}
    subnets = sorted(
        {each.subnet_id for each in facts.readable(AgentPool) if each.name.lower() in pools and each.subnet_id}
    )
    for each in subnets:
        shown = show_subnet(each)
        yield inspect(
            f"{shown.title} {each.rpartition('/')[2]}, if neither test gets answers",
            shown.command,
            FW,
            f"the group and each route between these nodes must let {names} pass. They do: a firewall on the nodes drops it, "
            "and new machines start without it",
        )
    networks = sorted({each.rpartition("/subnets/")[0] for each in subnets})
    for each in networks if len(networks) > 1 else ():
        parts = each.split("/")
        where = ("--subscription", parts[2], "--resource-group", parts[4], "--vnet-name", parts[-1])
        yield inspect(
            f"List the peerings of virtual network {parts[-1]}",
            quoted("az", "network", "vnet", "peering", "list", *where, "--output", "table"),
            FW,
            "each peering between these networks is Connected and allows access",
        )


def _addresses(pods: Sequence[Pod]) -> str:
    return " and ".join(each.ip for each in pods[:_NAMED])


_NAMED = 3
