"""The objects with the listeners of an egress gateway.

They are Gateways of the Gateway API and their ListenerSets.
"""

from collections.abc import Iterator

from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import KubernetesGateway, ListenerSet
from checks.istio.fixes.gateway_api import egress_gateways, listener_for
from checks.istio.fixes.rules import UnroutedRequest
from checks.model.raw_values import Raw, mapping, text


def listener_owners(broken: UnroutedRequest) -> tuple[KubernetesObject, ...]:
    """The Gateways that name the gateway's Service as their address, and their ListenerSets."""
    gateways = egress_gateways(broken)
    sets = (each for each in broken.facts.all(ListenerSet) if gateways and gateway_of_set(each, gateways) is not None)
    return (*gateways, *sets)


def gateway_of_set(listener_set: ListenerSet, gateways: tuple[KubernetesGateway, ...]) -> KubernetesGateway | None:
    """The Gateway that a ListenerSet names as its parent; None if it is none of these."""
    parent = mapping(listener_set.raw, "spec", "parentRef")
    key = (text(parent, "namespace") or listener_set.namespace, text(parent, "name"))
    return next((each for each in gateways if each.key == key), None)


def owned_listeners(broken: UnroutedRequest) -> Iterator[tuple[KubernetesObject, Raw]]:
    """(owner, listener) of each listener for the request, those that name its host first."""
    found = [
        (each, listener) for each in listener_owners(broken) if (listener := listener_for(each, broken)) is not None
    ]
    yield from sorted(found, key=lambda each: not text(each[1], "hostname"))
