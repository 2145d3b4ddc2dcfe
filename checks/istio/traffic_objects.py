"""The objects that decide about failed requests, by the failure."""

from collections.abc import Iterator

from checks.facts.fact import Fact, Unreadable
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.configured.gateway_policies import policies_at_gateway
from checks.istio.configured.host_objects import objects_for_host
from checks.istio.configured.proxy_labels import gateway_labels
from checks.knowledge.response_flags import DENIAL
from checks.model.findings import Evidence

TRAFFIC_OBJECT_READS: tuple[type[Fact], ...] = (
    *(Gateway, VirtualService, ServiceEntry, DestinationRule, AuthorizationPolicy),
)
"""The kinds of these objects."""
_MOST = 3
_OF_DESTINATION = ("UH", "NC", "UO", "DF")
"""Failures that the ServiceEntry or DestinationRule of the host decides."""


def objects_of_failure(facts: Facts, host: str, flag: str, meaning: str) -> tuple[Evidence, ...]:
    """The readable objects that decide about requests with this failure.

    Requires TRAFFIC_OBJECT_READS, Pod and Deployment declared.
    """
    try:
        return tuple(_objects(facts, host, flag, meaning))[:_MOST]
    except Unreadable:
        return ()  # they only add detail to a failure


def _objects(facts: Facts, host: str, flag: str, meaning: str) -> Iterator[Evidence]:
    if meaning == DENIAL:
        for policy in policies_at_gateway(facts):
            yield Evidence(policy.ref, "spec.action", policy.action, "a rule that allows the request")
    elif flag == "NR":
        for route in _routes_at_gateway(facts):
            yield Evidence(route.ref, "spec.hosts", ", ".join(route.hosts), host or "the requested host")
    elif flag in _OF_DESTINATION and host:
        for each in objects_for_host(facts, host):
            if isinstance(each, ServiceEntry):
                yield Evidence(each.ref, "spec.resolution", each.resolution, "an address for the host")
            elif isinstance(each, DestinationRule):
                yield Evidence(each.ref, "spec.host", each.host)


def _routes_at_gateway(facts: Facts) -> Iterator[VirtualService]:
    """The VirtualServices that name a Gateway of these proxies."""
    labels = gateway_labels(facts)
    names = {
        f"{each.namespace}/{each.name}"
        for each in facts.readable(Gateway)
        if any(selects(each.selector, of_pod) for of_pod in labels)
    }
    for route in facts.readable(VirtualService):
        if any((each if "/" in each else f"{route.namespace}/{each}") in names for each in route.gateways):
            yield route
