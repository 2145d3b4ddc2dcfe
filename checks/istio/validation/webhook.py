"""The answer of istiod's validating webhook to an object."""

from collections.abc import Callable, Iterator

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy, PeerAuthentication
from checks.istio.validation.gateways import gateway_flaws, sidecar_flaws
from checks.istio.validation.routes import destination_rule_flaws, virtual_service_flaws
from checks.istio.validation.services import (
    authorization_policy_flaws,
    peer_authentication_flaws,
    service_entry_flaws,
)
from checks.model.raw_values import Raw

_FLAWS: dict[type[KubernetesObject], Callable[[Raw], Iterator[str]]] = {
    Gateway: gateway_flaws,
    Sidecar: sidecar_flaws,
    VirtualService: virtual_service_flaws,
    DestinationRule: destination_rule_flaws,
    ServiceEntry: service_entry_flaws,
    AuthorizationPolicy: authorization_policy_flaws,
    PeerAuthentication: peer_authentication_flaws,
}


def webhook_answer(kind: type[KubernetesObject], raw: Raw) -> str:
    """Why istiod's webhook refuses the object, "" if it accepts it."""
    flaws = list(dict.fromkeys(_FLAWS[kind](raw))) if kind in _FLAWS else []
    return f"istiod's webhook refuses it: {'; '.join(flaws)}" if flaws else ""
