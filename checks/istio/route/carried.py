"""What is configured for the gateway of a run, and the hosts that it is meant to carry (catalogue: the istio checks judge
every external host of its Gateways' servers and of the VirtualServices that route to its Service)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.fact import Fact
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.label_selectors import selects
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.route.gateways import BoundServer, Labels, ingress_selected, proxy_labels, selecting, servers
from checks.istio.route.hosts import canonical, is_address, is_cluster_local, is_wildcard, narrower_of, resolve
from checks.istio.route.registry import HostIndex, bound_to, gateway_named, routing_to, rules, virtual_services
from checks.istio.route.rules import gateway_refs
from checks.istio.route.visibility import MeshConfig, age, discovered, gateway_mesh
from checks.model.findings import Involved
from checks.model.requested_host import split_host

HOST_READS: tuple[type[Fact], ...] = (Gateway, VirtualService, Pod, Deployment, ConfigMap, Namespace)
"""What tells the hosts: a check that asks for `configuration` declares these."""

NEAR = 2
"""Edits that turn one label value into another and still look like a typing mistake."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is configured for one gateway.

    `labels` are those of its proxies (empty: there is neither a pod nor a Deployment). `selected` Gateways select them.
    `intended` Gateways do not, but were meant to: a VirtualService that routes to the gateway's Service names them
    (`named`), or they lie beside it and select nothing, or their selector is a typing mistake away (`near`), or they
    lie in a namespace that istiod does not look at (`hidden`).
    `broad` Gateways select every gateway of the cluster, so that their hosts are not all meant for this one."""

    service: str
    mesh: MeshConfig
    labels: tuple[Labels, ...]
    selected: tuple[Gateway, ...]
    intended: tuple[Gateway, ...]
    hidden: frozenset[str]
    named: frozenset[str]
    near: frozenset[str]
    broad: frozenset[str]
    servers: tuple[BoundServer, ...]
    intended_servers: tuple[BoundServer, ...]
    routes: tuple[VirtualService, ...]
    routes_by_host: HostIndex[VirtualService]
    hosts: tuple[str, ...]

    @property
    def all_servers(self) -> tuple[BoundServer, ...]:
        """The servers of its Gateways as they are merged, then those of Gateways that only mean to select it."""
        return self.servers + self.intended_servers

    def servers_for(self, host: str) -> tuple[BoundServer, ...]:
        """The servers that have to do with this host, also those that were meant to."""
        return tuple(each for each in self.all_servers if each.concerns(host) and each.name not in self.broad)


def configuration(facts: Facts) -> Configuration:
    """What is configured for the gateway of this run. Reads HOST_READS, of which Gateways and VirtualServices only as far
    as they could be read. Raises Unreadable where the gateway's labels could not be read."""
    gateway = facts.gateway
    return facts.once("route configuration", _configuration, (gateway.namespace, gateway.name))


def judged(facts: Facts) -> tuple[str, ...]:
    """The hosts that this run judges: the one it was asked about, else all that the gateway carries."""
    found = configuration(facts).hosts
    return (asked_host(facts),) if facts.question.host else found


def judged_on(facts: Facts, gateway: Gateway) -> tuple[str, ...]:
    """The judged hosts that this Gateway has a server for."""
    mine = [s for s in configuration(facts).all_servers if s.gateway is gateway]
    return tuple(host for host in judged(facts) if any(server.concerns(host) for server in mine))


def asked_host(facts: Facts) -> str:
    """The host of the question, without its port; "" where none was asked about."""
    return canonical(split_host(facts.question.host)[0]) if facts.question.host else ""


def about(hosts: Iterable[str]) -> list[Involved]:
    """The hosts as what findings are about."""
    return [Involved("host", host) for host in hosts]


def served(hosts: Iterable[str]) -> list[Involved]:
    """The hosts, and the servers that take them: what a Gateway's fault is about. A route that breaks elsewhere shares the
    host with it, but not the server."""
    return [Involved(kind, host) for host in hosts for kind in ("host", "server")]


def nothing_configured(facts: Facts) -> str:
    """The sentence for a gateway that carries nothing yet."""
    return f"No Gateway and no VirtualService routes a host through {facts.gateway.ref} yet."


def _configuration(facts: Facts) -> Configuration:
    mesh = gateway_mesh(facts)
    labels = proxy_labels(facts)
    service = facts.gateway.service_host.lower()
    choosing = selecting(facts, labels)
    selected = tuple(each for each in choosing if discovered(facts, each.namespace, mesh))
    hidden = tuple(each for each in choosing if each not in selected)
    routing = routing_to(facts, service)
    named = _named(facts, routing)
    free = [each for each in _idle(facts) if not _is_anothers(facts, each, service)]
    near = frozenset(_name(each) for each in free if _is_near(each, labels))
    beside = [each for each in free if each.namespace == facts.gateway.namespace or _name(each) in near]
    chosen = {_name(each): each for each in (*_existing(facts, named), *beside, *hidden) if each not in selected}
    intended = tuple(sorted(chosen.values(), key=age)) if labels else ()
    mine = (service, facts.gateway.namespace, routing)
    broad = frozenset(_name(each) for each in selected if _is_broad(facts, each, mine))
    specific = [each for each in (*selected, *intended) if _name(each) not in broad]
    bound = [route for each in specific for route in bound_to(facts, _name(each))]
    routes = tuple({id(each): each for each in (*routing, *bound)}.values())
    live, meant = servers(selected), servers(intended)
    listed = [s for s in (*live, *meant) if s.name not in broad]
    return Configuration(
        service=service,
        mesh=mesh,
        labels=labels,
        selected=selected,
        intended=intended,
        hidden=frozenset(_name(each) for each in hidden),
        named=named,
        near=near,
        broad=broad,
        servers=live,
        intended_servers=meant,
        routes=routes,
        routes_by_host=HostIndex((resolve(host, each.namespace), each) for each in routes for host in each.hosts),
        hosts=tuple(each for each in _hosts(listed, routes) if not _is_contested(facts, each, listed)),
    )


def _is_contested(facts: Facts, host: str, bound: list[BoundServer]) -> bool:
    """Whether only servers that push one another out list the host, and nothing is ever sent to it: then the conflict is
    what there is to tell (gateway-server-unreachable), and not that the host has no route."""
    listing = [each for each in bound if each.concerns(host)]
    winners = [each.lost_to for each in bound if each.lost_to is not None]
    fighting = [
        s
        for s in listing
        if s.lost_to is not None or any(w.gateway is s.gateway and w.index == s.index for w in winners)
    ]
    return bool(listing) and len(fighting) == len(listing) and not virtual_services(facts).covering(host)


def _name(gateway: Gateway) -> str:
    return f"{gateway.namespace}/{gateway.name}"


def _named(facts: Facts, routing: Iterable[VirtualService]) -> frozenset[str]:
    """Gateways that VirtualServices to the gateway's Service name and that select nothing. One that selects other proxies
    does its work for these, and may stand there because requests go on from an ingress gateway to the egress gateway."""
    idle = {_name(each) for each in _idle(facts)}
    return frozenset(ref for route in routing for ref in gateway_refs(route) if ref in idle)


def _existing(facts: Facts, refs: Iterable[str]) -> Iterable[Gateway]:
    return (found for ref in sorted(refs) if (found := gateway_named(facts, ref)) is not None)


def _idle(facts: Facts) -> tuple[Gateway, ...]:
    """Gateways that select no proxy of the cluster. Reads Gateway and Pod, as far as they could be read."""
    return facts.once("idle gateways", _build_idle)


def _build_idle(facts: Facts) -> tuple[Gateway, ...]:
    by_label: dict[tuple[str, str], list[Labels]] = defaultdict(list)
    for labels in _proxies(facts):
        for label in labels.items():
            by_label[label].append(labels)
    idle = []
    for gateway in facts.readable(Gateway):
        selector = gateway.selector
        candidates = by_label.get(min(selector.items()), []) if selector else [{}]
        if not any(selects(selector, each) for each in candidates):
            idle.append(gateway)
    return tuple(idle)


def _proxies(facts: Facts) -> list[Labels]:
    """The labels of all proxies of the cluster, and of those that Deployments would create."""
    pods = {
        tuple(sorted((k, v) for k, v in pod.labels.items() if k != "pod-template-hash")): pod.labels
        for pod in facts.readable(Pod)
        if pod.proxy is not None
    }
    return [*pods.values(), *(each.template_labels for each in facts.readable(Deployment))]


def _is_anothers(facts: Facts, gateway: Gateway, service: str) -> bool:
    """Whether VirtualServices bind it to the way through another Service of the cluster, and none to this one."""
    hosts = {
        d.host for route in bound_to(facts, _name(gateway)) for rule in rules(facts, route) for d in rule.destinations
    }
    return service not in hosts and any(is_cluster_local(host) for host in hosts)


def _is_near(gateway: Gateway, labels: Iterable[Labels]) -> bool:
    """Whether the selector would select the proxies but for a typing mistake in one value."""
    for each in labels:
        wrong = [(key, value) for key, value in gateway.selector.items() if each.get(key) != value]
        if len(wrong) == 1 and wrong[0][0] in each and _distance(wrong[0][1], each[wrong[0][0]]) <= NEAR:
            return True
    return False


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance, but never more than NEAR + 1."""
    if abs(len(one) - len(other)) > NEAR:
        return NEAR + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return min(row[-1], NEAR + 1)


def _is_broad(facts: Facts, gateway: Gateway, mine: tuple[str, str, tuple[VirtualService, ...]]) -> bool:
    """Whether it selects ingress gateways, too, and nothing else says that its hosts are this gateway's."""
    _, namespace, routing = mine
    if gateway.namespace == namespace or any(_name(gateway) in gateway_refs(route) for route in routing):
        return False
    return not gateway.selector or ingress_selected(facts, gateway) is not None


def _misses(route: VirtualService, met: set[str], served: Iterable[str]) -> bool:
    """Whether the VirtualService has a host that no server takes."""
    return any((host := resolve(each, route.namespace)) not in met and host not in served for each in route.hosts)


def _hosts(bound: list[BoundServer], routes: tuple[VirtualService, ...]) -> tuple[str, ...]:
    """What servers and VirtualServices have in common, and what either has alone; without the cluster's own Services."""
    served = dict.fromkeys(each.host for server in bound for each in server.hosts)
    routed = dict.fromkeys(resolve(host, route.namespace) for route in routes for host in route.hosts)
    both = [host for host in served if host in routed]
    loose = [h for h in served if h not in routed], [h for h in routed if h not in served]
    wild_served = [h for h in served if is_wildcard(h)]
    wild_routed = [h for h in routed if is_wildcard(h)]
    pairs = [(s, r) for s in loose[0] for r in (routed if is_wildcard(s) else wild_routed)]
    pairs += [(s, r) for r in loose[1] for s in (served if is_wildcard(r) else wild_served)]
    common = [(s, r, found) for s, r in pairs if (found := narrower_of(s, r)) is not None]
    met = {s for s, _, _ in common} | {r for _, r, _ in common}
    homeless = {ref for route in routes for ref in gateway_refs(route) if _misses(route, met, served)}
    owners = {h: {s.name for s in bound if any(each.host == h for each in s.hosts)} for h in loose[0] if h not in met}
    # A host that only a Gateway lists, whose VirtualService's own host has no server, is the same host mistyped.
    alone = [h for h in loose[0] if h not in met and not owners[h] & homeless] + [h for h in loose[1] if h not in met]
    hosts = dict.fromkeys((*both, *(found for _, _, found in common), *alone))
    return tuple(sorted(h for h in hosts if h not in ("", "*") and not is_cluster_local(h) and not is_address(h)))
