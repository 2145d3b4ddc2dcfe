"""The steps that let nodes reach a host, with their subnet and next hop.

A rule of a security group that denies the connections is changed; what else blocks them is outside the facts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from checks.azure.flow_ends import INTERNET
from checks.azure.network import (
    NotRead,
    allow_flow,
    flow_decision,
    flow_end,
    route_table_of,
    security_group_of,
    subnet_of,
)
from checks.azure.security_rules import Flow
from checks.azure.user_routes import UserRoute, default_route
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Fact
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.nodes import Node
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.view import Facts
from checks.knowledge.network_requirements import NODES_PORT
from checks.kubernetes.node_fixes import request_from_machine
from checks.model.findings import Action

NODE_PATH_READS: tuple[type[Fact], ...] = (Node, AgentPool, ManagedCluster, Subnet, NetworkSecurityGroup, RouteTable)
"""The kinds that show how nodes reach the Internet."""

_TITLE = "Allow the nodes to reach "


def with_node_path(facts: Facts, actions: Sequence[Action], names: Sequence[str]) -> list[Action]:
    """The actions, with the addresses and the next hop of nodes that do not reach a host.

    Requires NODE_PATH_READS declared; what was not read is left out.
    """
    return [one for each in actions for one in _with_path(facts, each, names)]


def _with_path(facts: Facts, action: Action, names: Sequence[str]) -> list[Action]:
    if action.command or not action.title.startswith(_TITLE):
        return [action]
    nodes = [each for each in facts.readable(Node) if each.name in names]
    subnets = _subnets(facts, nodes)
    if denied := [found for subnet in subnets for found in _allowing(facts, subnet)]:
        return [replace(each, expect=f"{each.expect}. {_capital(action.expect)}") for each in denied]
    where = " and ".join(f"{', '.join(each.prefixes)} ({each.ref})" for each in subnets)
    hosts = action.title.removeprefix(_TITLE)
    host = hosts.partition(" ")[0]
    hops = " and ".join(dict.fromkeys(each.hop for each in _routes(facts, subnets)))
    next_hop = f"; their next hop is {hops}" if hops else ""
    title = f"Allow the nodes in {where} to reach {hosts}{next_hop}" if where else action.title
    known = ". ".join(filter(None, (action.expect, *_path(facts, subnets))))
    test = request_from_machine(nodes[0], f"https://{host}/", _ANSWERS) if nodes else []
    return [*test, replace(action, title=title, expect=known)]


_ANSWERS = (
    "any HTTP status: the host is reachable now. Could not resolve host: DNS. Timed out, refused or reset: firewall or "
    "proxy. A certificate error: TLS inspection"
)


def _subnets(facts: Facts, nodes: Sequence[Node]) -> list[Subnet]:
    pools = {each.pool.lower() for each in nodes}
    known = (subnet_of(facts, pool) for pool in facts.readable(AgentPool) if pool.name.lower() in pools)
    return list({each.id.lower(): each for each in known if isinstance(each, Subnet)}.values())


def _allowing(facts: Facts, subnet: Subnet) -> Iterator[Action]:
    """Allow the connections of a subnet's nodes, if a rule denies them."""
    group = security_group_of(facts, subnet)
    if not isinstance(group, NetworkSecurityGroup):
        return
    flow = Flow("Outbound", "TCP", range(NODES_PORT, NODES_PORT + 1), flow_end(facts, subnet), INTERNET)
    found = flow_decision(facts, group, flow)
    if not found.allowed and found.rule is not None:
        yield allow_flow(group, found.rule, flow, "allow-aks-nodes")


def _routes(facts: Facts, subnets: Sequence[Subnet]) -> Iterator[UserRoute]:
    """The default routes of the subnets that do not lead to the Internet."""
    for subnet in subnets:
        table = route_table_of(facts, subnet)
        if isinstance(table, RouteTable) and (route := default_route(table)) is not None:
            yield route


def _path(facts: Facts, subnets: Sequence[Subnet]) -> Iterator[str]:
    """The rules and routes that apply to connections out of the subnets, in sentences."""
    for subnet in subnets:
        table, group = route_table_of(facts, subnet), security_group_of(facts, subnet)
        routes = list(_routes(facts, [subnet]))
        if routes:
            yield f"Route {routes[0].name} of {routes[0].table.ref} sends them to {routes[0].hop}: allow them there"
        elif not isinstance(table, NotRead):
            yield f"No route of {subnet.ref} redirects them"
        if isinstance(group, NetworkSecurityGroup):
            yield f"{_capital(group.ref)} allows them"
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if subnets and cluster is not None and cluster.outbound_type:
        yield f"The cluster's outbound type is {cluster.outbound_type}"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
