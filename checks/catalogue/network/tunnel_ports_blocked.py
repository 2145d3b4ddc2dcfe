"""EG205: an NSG denies tunnel packets or load balancer probes to the gateway nodes."""

from collections.abc import Iterator

from checks.azure.interface_groups import INTERFACE_READS, interface_groups
from checks.azure.network import NotRead, gateway_subnet, show_pool, show_subnet
from checks.azure.tunnel_denials import tunnel_denials
from checks.azure.tunnel_flows import node_subnets, required_flows
from checks.azure.tunnel_routes import tunnel_routes
from checks.azure.used_addresses import running_nodes
from checks.engine.check import check
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.findings import Action, Evidence, Observation, Severity, healthy, skip, unknown
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration


@check(
    code="EG205",
    title="An NSG or route blocks tunnels or load balancer probes to the gateway nodes",
    severity=Severity.BLOCKS,
    article=("NET-1",),
    reads=(StaticGatewayConfiguration, Subnet, RouteTable, Pod, Deployment, *INTERFACE_READS),
    explains={
        "gateway-dataplane-not-ready": "without tunnel packets no pod reaches a gateway node; without answers to its "
        "probes the load balancer sends the node no traffic",
        "traffic-failing": "the packets of the gateway pods do not reach a gateway node",
    },
)
def tunnel_ports_blocked(facts: Facts) -> Iterator[Observation]:
    """What it checks: the NSGs of the gateway node pool's subnet and of the other node pools' subnets. They must allow
    tunnel packets (UDP, the port of the StaticGatewayConfiguration, else 6000 to 6999) from the nodes to the load
    balancer of the gateway nodes, and probes (TCP 8082) from the service tag AzureLoadBalancer. The addresses in use
    decide: the tunnel's, and those of the nodes with pods of the gateway. It fails if a rule denies their packets, with
    the share if it is about some of these nodes, and warns if a rule denies those of other nodes only. If the addresses are not
    known, it fails if a rule denies a flow between whole subnets and warns if a rule denies part of one. The user-defined
    routes between these subnets, in both directions: it fails if one drops tunnel packets, and warns if one sends them
    through an appliance in one direction only. NSGs on the
    network interfaces of the gateway nodes count if they can be read, otherwise the result states that they were not.
    Those of other nodes are not read.

    Why it matters: gateway pods reach the gateway nodes through WireGuard tunnels that start on their own node and end
    behind an internal load balancer. NetworkPolicies do not apply to these packets, NSGs do.

    What usually fixes it: a rule that allows the flow, with a lower priority number than the rule that denies it; a
    direct route (next hop VnetLocal) for the other subnet, or removing the route that drops the packets.

    Source: article NET-1; kube-egress-gateway design (ports, probes); Azure documentation, "Network security
    groups"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    subnet = gateway_subnet(facts, configuration)
    if isinstance(subnet, NotRead):
        yield from _not_checked(facts, configuration, [subnet], subnet)
        return
    required, not_read = required_flows(facts, configuration, subnet)
    nodes = [each for each in node_subnets(facts) if isinstance(each, Subnet)]
    running = running_nodes(facts)
    routes, tables_not_read = tunnel_routes(facts, configuration, nodes, subnet, running)
    found = [*tunnel_denials(facts, configuration, required, running), *(each.observation() for each in routes)]
    yield from found
    unread = [*not_read, *tables_not_read]
    yield from _not_checked(facts, configuration, unread, subnet, bool(found))
    if not found and not unread:
        interfaces = interface_groups(facts, configuration)
        of_others = interfaces.not_read or " NSGs on network interfaces of other nodes are not read."
        which = "NSG of a subnet" if interfaces.not_read else "NSG of a subnet or gateway node"
        yield healthy(
            f"No {which} and no route blocks tunnels or probes to the gateway nodes ({subnet.ref}).{of_others}",
            evidence=[Evidence(each.group.ref, "securityRules", f"allow {each.flow.shown}") for each in required],
        )


def _not_checked(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    not_read: list[NotRead],
    subnet: Subnet | NotRead,
    found: bool = False,
) -> Iterator[Observation]:
    if not not_read:
        return
    actions: list[Action] = [
        show_pool(facts, configuration.pool) if isinstance(subnet, NotRead) else show_subnet(subnet.id)
    ]
    question = "UDP 6000-6999 from the nodes and TCP 8082 from AzureLoadBalancer to the gateway nodes are"
    failed = next((each for each in not_read if each.gap is not None), None)
    if failed is not None:
        summary = f"{question} not checked: {failed.why}."
        yield unknown(summary, subject=configuration.ref, actions=actions, reason=str(failed.gap))
    elif not found:
        yield skip(f"{question} not checked: {not_read[0].why}.", subject=configuration.ref, actions=actions)
