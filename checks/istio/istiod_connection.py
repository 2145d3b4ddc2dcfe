"""The connection of a gateway's proxies to port 15012 of istiod, which does not answer.

The facts exclude causes: NetworkPolicies, the security groups of the nodes' subnets, and the ranges outside the tunnel. Tests
from the pod and from its node show the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from checks.azure.flow_ends import FlowEnd
from checks.azure.network import allow_flow, flow_decision, security_group_of, subnet_of
from checks.azure.outbound_destinations import ipv4_address
from checks.azure.security_rules import Flow
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Fact, Unreadable
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.logs import LogText
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.network_policies import NetworkPolicy
from checks.facts.network_resources import Subnet
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.istio.istiod_node_network import between_nodes
from checks.istio.required_connections import ISTIOD_PORT
from checks.kubernetes.node_shell import in_pod_network, on_node
from checks.kubernetes.pod_connections import PodConnection, blocked_connection
from checks.kubernetes.policy_engine import policy_engine
from checks.model.commands import TSG, change, kubectl, restart
from checks.model.findings import Action, Evidence
from checks.static_egress.components import cni_manager
from checks.static_egress.prefixes import containing
from checks.static_egress.procedures import patch_spec
from checks.static_egress.tunnelled_ranges import exception_ranges

CONNECTION_READS: tuple[type[Fact], ...] = (
    ManagedCluster,
    DaemonSet,
    NetworkPolicy,
    Namespace,
    StaticGatewayConfiguration,
    Node,
    AgentPool,
    Subnet,
    NetworkSecurityGroup,
)
"""The kinds that exclude causes; without them the tests have to."""

_DIALED = re.compile(rf"dial tcp (?P<address>[\d.]+):{ISTIOD_PORT}: ")


@dataclass(frozen=True, slots=True)
class IstiodConnection:
    """The pods that do not reach istiod, and istiod's pods.

    `service` is the address that a proxy's log names, "" if none."""

    pods: tuple[Pod, ...]
    istiods: tuple[Pod, ...]
    service: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of istiod: the Service's first."""
        return tuple(each for each in (self.service, *(pod.ip for pod in self.istiods)) if each)


def istiod_connection(facts: Facts, pods: Sequence[Pod], logs: Iterable[LogText]) -> IstiodConnection | None:
    """The connection of these pods to the ready istiods of their revision, None without one."""
    known = facts.readable(Pod, ROOT_NAMESPACE)
    of_revision = (each for each in known if each.labels.get("app") == "istiod" and each.revision == pods[0].revision)
    istiods = tuple(each for each in of_revision if each.ready and each.ip)
    dialed = (_DIALED.search(line.text) for log in logs for line in log.containing("dial tcp"))
    service = next((found["address"] for found in dialed if found is not None), "")
    return IstiodConnection(tuple(pods), istiods, service) if istiods else None


def connection_evidence(facts: Facts, connection: IstiodConnection) -> Iterator[Evidence]:
    """The addresses of both ends, and the causes that the facts exclude."""
    for each in (*connection.pods, *connection.istiods):
        yield Evidence(each.ref, "status.podIP", f"{each.ip or '(none)'} on node {each.node}")
    pairs = [PodConnection(pod, each, ISTIOD_PORT) for pod in connection.pods for each in connection.istiods]
    try:
        engine = policy_engine(facts)
        if not engine or not any(blocked_connection(facts, each, engine) for each in pairs):
            why = "none blocks it" if engine else "no engine enforces them"
            yield Evidence("NetworkPolicies", f"TCP {ISTIOD_PORT} from these pods to istiod", why)
    except Unreadable:
        pass
    for group, flow in _flows(facts, connection):
        if _allows(facts, group, flow):
            yield Evidence(group.ref, f"securityRules for {flow.direction.lower()} TCP {ISTIOD_PORT}", "allow it")
    configuration = _configuration(facts)
    if configuration is not None and (outside := _outside(facts, connection, configuration)):
        yield Evidence(configuration.ref, "spec.excludeCidrs", f"{', '.join(outside)}: outside the tunnel")


def connection_steps(facts: Facts, connection: IstiodConnection) -> list[Action]:
    """The changes that the facts name, otherwise tests and the addresses to allow."""
    denied = [(group, flow) for group, flow in _flows(facts, connection) if not _allows(facts, group, flow)]
    found: list[Action] = []
    for group, flow in denied:
        rule = flow_decision(facts, group, flow).rule
        if rule is not None:
            found.append(allow_flow(group, rule, flow, f"allow-istiod-{flow.direction.lower()}", after=len(found)))
    return found or _exclude(facts, connection) or _tests(facts, connection)


def _tests(facts: Facts, connection: IstiodConnection) -> list[Action]:
    """Connect from the network of a pod, then from its node, and fix what drops packets."""
    pod, addresses = connection.pods[0], " ".join(connection.addresses)
    each = f"for each in {addresses}; do"
    ask = f"{each} nc -w 5 $each {ISTIOD_PORT} </dev/null && echo $each answers || echo $each: no answer; done"
    dial = (
        f'{each} timeout 5 bash -c "</dev/tcp/$each/{ISTIOD_PORT}" && echo $each answers || echo $each: no answer; done'
    )
    on_pod_node = ("pod", "-l", "component=kube-proxy", "--field-selector", f"spec.nodeName={pod.node}")
    proxy = kubectl("delete", *on_pod_node, namespace="kube-system")
    only_service = (
        f" Only {connection.service} does not answer: kube-proxy of the node (`{proxy}`)." if connection.service else ""
    )
    return [
        change(
            f"Request istiod's addresses from the network of {pod.name}; the command leaves a container in the pod",
            in_pod_network(pod, "sh", "-c", ask),
            TSG,
            f"all answer: the proxies connect within a minute.{only_service} None answers: the next step",
        ),
        change(
            f"Request them from node {pod.node}; the command leaves a pod in namespace default",
            on_node(pod.node, "bash", "-c", dial),
            TSG,
            "they answer: the pods' own network is at fault, and new pods get a new one. No answer: the network between the "
            "nodes drops the packets",
        ),
        change(
            f"Delete {' and '.join(one.name for one in connection.pods)}, which get no traffic, if only the node gets answers",
            kubectl("delete", "pod", *(one.name for one in connection.pods), namespace=pod.namespace),
            TSG,
            "the new pods are Ready within a minute",
        ),
        *between_nodes(facts, connection.pods, connection.istiods),
    ]


def _flows(facts: Facts, connection: IstiodConnection) -> Iterator[tuple[NetworkSecurityGroup, Flow]]:
    """The flows between both ends with the groups of their nodes' subnets."""
    ends = (_end(connection.pods), _end(connection.istiods))
    if not all(end.networks for end in ends):
        return
    for direction, pods in (("Outbound", connection.pods), ("Inbound", connection.istiods)):
        flow = Flow(direction, "TCP", range(ISTIOD_PORT, ISTIOD_PORT + 1), *ends)
        for group in _groups(facts, pods):
            yield group, flow


def _end(pods: Sequence[Pod]) -> FlowEnd:
    found = [address for each in pods if (address := ipv4_address(each.ip)) is not None]
    return FlowEnd(", ".join(map(str, found)), networks=tuple(IPv4Network(each) for each in found))


def _groups(facts: Facts, pods: Sequence[Pod]) -> list[NetworkSecurityGroup]:
    nodes = {each.node for each in pods}
    pools = {each.pool.lower() for each in facts.readable(Node) if each.name in nodes}
    subnets = (subnet_of(facts, each) for each in facts.readable(AgentPool) if each.name.lower() in pools)
    groups = (security_group_of(facts, each) for each in subnets)
    return list({each.id.lower(): each for each in groups if isinstance(each, NetworkSecurityGroup)}.values())


def _allows(facts: Facts, group: NetworkSecurityGroup, flow: Flow) -> bool:
    found = flow_decision(facts, group, flow)
    return found.allowed and not found.exceptions and not found.unclear


def _configuration(facts: Facts) -> StaticGatewayConfiguration | None:
    """The gateway's SGC, if its ranges are those outside the tunnel."""
    gateway = facts.gateway
    known = facts.readable(StaticGatewayConfiguration, gateway.namespace)
    found = next((each for each in known if each.name == gateway.configuration), None)
    return found if found is not None and found.default_route != "azureNetworking" else None


def _outside(facts: Facts, connection: IstiodConnection, configuration: StaticGatewayConfiguration) -> list[str]:
    """The ranges that keep all of istiod's addresses out of the tunnel, [] if one is in it."""
    ranges = (*configuration.exclude_cidrs, *(_exceptions(facts) or ()))
    found = [containing(ranges, each) for each in connection.addresses]
    return list(dict.fromkeys(found)) if all(found) else []


def _exceptions(facts: Facts) -> tuple[str, ...] | None:
    """The cni-manager's exceptions, None if they are not known."""
    try:
        return exception_ranges(cni_manager(facts))
    except Unreadable:
        return None


def _exclude(facts: Facts, connection: IstiodConnection) -> list[Action]:
    """Keep istiod's addresses out of the tunnel, unless they are or that is not known."""
    configuration = _configuration(facts)
    if configuration is None or _exceptions(facts) is None or _outside(facts, connection, configuration):
        return []
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    own = (*cluster.pod_cidrs, *cluster.service_cidrs) if cluster is not None else ()
    ranges = [containing(own, each) or f"{each}/32" for each in connection.addresses]
    lacking = [each for each in dict.fromkeys(ranges) if each not in configuration.exclude_cidrs]
    if not lacking:
        return []
    title = f"Patch spec.excludeCidrs to add {', '.join(lacking)}: istiod is then reached outside the tunnel"
    patch = {"excludeCidrs": [*configuration.exclude_cidrs, *lacking]}
    restarts = [restart(name, facts.gateway.namespace) for name in facts.gateway.deployments]
    return [patch_spec(configuration, title, patch, "new pods get the corrected routes"), *restarts]
