"""The other egress gateways of the cluster, and the hosts that are routed through them."""

from checks.facts.egress_gateway import gateway_entries
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.configured.routing_index import destinations_in, routing_index
from checks.istio.mesh.objects.routing_rules import MESH


def other_gateway_of(facts: Facts, host: str) -> str:
    """The other egress gateway (`namespace/name`) to which sidecars route the host, or ""."""
    names: dict[str, str] = facts.once("gateways by Service", _by_service)
    for routes in routing_index(facts).about(host):
        if MESH in routes.gateways:
            for _, destination in destinations_in(routes):
                found = names.get(destination.lower(), "")
                if found and found != str(facts.gateway):
                    return found
    return ""


def _by_service(facts: Facts) -> dict[str, str]:
    found = gateway_entries(facts.readable(Service))
    return {
        f"{name}.{namespace}.svc.cluster.local": f"{namespace}/{name}"
        for namespace, _, name in (each.partition("/") for each in found)
    }
