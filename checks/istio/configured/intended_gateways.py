"""The Istio Gateways that select an egress gateway's pods, or are intended for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.istio_networking import Gateway
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.configured.proxy_labels import (
    Labels,
    created_first,
    gateway_labels,
    gateways_selecting,
    idle_gateways,
    ingress_pod_of,
)
from checks.istio.configured.revision_settings import is_discovered, newest_settings
from checks.istio.configured.routing_index import destinations_in, routing_index
from checks.istio.mesh.objects.hosts import DOMAIN
from checks.istio.mesh.objects.routing_rules import RoutingRules

_MOST_EDITS = 2
"""Edits that turn one label value into another and are still a likely typo."""


@dataclass(frozen=True, slots=True)
class IntendedGateways:
    """The Gateways of one egress gateway.

    `intended` ones do not select its pods: a VirtualService that leads to the gateway's Service names them (`named`), or
    they are in its namespace and select nothing, or their selector has a typo (`near`), or istiod does not discover their
    namespace (`undiscovered`). `broad` ones select ingress gateways too, so their hosts are not all meant for this one.
    The names are `namespace/name`."""

    labels: tuple[Labels, ...]
    """Of its pods or pod templates; empty if it has neither."""
    selected: tuple[Gateway, ...]
    intended: tuple[Gateway, ...]
    undiscovered: frozenset[str]
    named: frozenset[str]
    near: frozenset[str]
    broad: frozenset[str]
    idle: bool
    """Whether the cluster has a Gateway that selects no pod."""

    @property
    def own(self) -> tuple[Gateway, ...]:
        """Those whose hosts are meant for this gateway."""
        return tuple(each for each in (*self.selected, *self.intended) if gateway_full_name(each) not in self.broad)


def gateway_full_name(gateway: Gateway) -> str:
    """The name by which VirtualServices refer to a Gateway."""
    return f"{gateway.namespace}/{gateway.name}"


def intended_gateways(facts: Facts) -> IntendedGateways:
    """The Gateways of this run's gateway, of those that could be read.

    Raises Unreadable without the labels of its pods.
    """
    return facts.once("intended gateways", _intended, str(facts.gateway))


def _intended(facts: Facts) -> IntendedGateways:
    labels, own = gateway_labels(facts), facts.gateway.namespace
    leading = routing_index(facts).leading_to(facts.gateway.service_host.lower())
    choosing = gateways_selecting(facts, labels)
    settings = newest_settings(facts)
    selected = tuple(each for each in choosing if is_discovered(facts, each.namespace, settings))
    undiscovered = tuple(each for each in choosing if each not in selected)
    idle = {gateway_full_name(each): each for each in idle_gateways(facts)}
    named = frozenset(name for routes in leading for name in _gateway_names(routes) if name in idle)
    free = [each for each in idle.values() if not _is_of_another(facts, each)]
    near = frozenset(gateway_full_name(each) for each in free if _has_typo(each, labels))
    beside = [each for each in free if each.namespace == own or gateway_full_name(each) in near]
    others = {
        gateway_full_name(each): each for each in (*(idle[name] for name in sorted(named)), *beside, *undiscovered)
    }
    chosen = [each for each in others.values() if each not in selected]
    bound = {name for routes in leading for name in _gateway_names(routes)}
    return IntendedGateways(
        labels=labels,
        selected=selected,
        intended=tuple(sorted(chosen, key=created_first)) if labels else (),
        undiscovered=frozenset(map(gateway_full_name, undiscovered)),
        named=named,
        near=near,
        idle=bool(idle),
        broad=frozenset(
            gateway_full_name(each)
            for each in selected
            if each.namespace != own and gateway_full_name(each) not in bound and _is_broad(facts, each)
        ),
    )


def _gateway_names(routes: RoutingRules) -> Iterable[str]:
    """The Gateways that a VirtualService names, in `gateways` or in a rule."""
    in_rules = (
        name for rule in (*routes.http, *routes.tls, *routes.tcp) for m in rule.matches() for name in rule.gateways(m)
    )
    return dict.fromkeys((*sorted(routes.gateways), *in_rules))


def _is_of_another(facts: Facts, gateway: Gateway) -> bool:
    """Whether its VirtualServices lead only to other Services of the cluster.

    A Service that does not exist, such as one of a copied example, is none of them.
    """
    bound = routing_index(facts).bound_to(gateway_full_name(gateway))
    hosts = {host.lower() for routes in bound for _, host in destinations_in(routes)}
    return facts.gateway.service_host.lower() not in hosts and any(_is_service(facts, each) for each in hosts)


def _is_service(facts: Facts, host: str) -> bool:
    """Whether a Service has the host; without the Services, whether it has the form of one's."""
    if facts.gap(Service) is not None:
        return host.endswith(f".svc.{DOMAIN}")
    known: frozenset[str] = facts.once("hosts of Services", _service_hosts)
    return host in known


def _service_hosts(facts: Facts) -> frozenset[str]:
    return frozenset(each.host for each in facts.readable(Service))


def _is_broad(facts: Facts, gateway: Gateway) -> bool:
    return not gateway.selector or ingress_pod_of(facts, gateway) is not None


def _has_typo(gateway: Gateway, labels: Iterable[Labels]) -> bool:
    """Whether the selector would select the pods but for a typo in one value."""
    for each in labels:
        wrong = [(key, value) for key, value in gateway.selector.items() if each.get(key) != value]
        if len(wrong) == 1 and wrong[0][0] in each and _edits(wrong[0][1], each[wrong[0][0]]) <= _MOST_EDITS:
            return True
    return False


def _edits(one: str, other: str) -> int:
    """Levenshtein's distance, but never more than one above the most edits of a typo."""
    if abs(len(one) - len(other)) > _MOST_EDITS:
        return _MOST_EDITS + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return min(row[-1], _MOST_EDITS + 1)
