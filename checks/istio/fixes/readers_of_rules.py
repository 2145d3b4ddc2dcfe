"""Which proxies read a new DestinationRule.

TLS that the gateway originates must apply at the gateway alone: at a sidecar the same rule wraps the TLS of applications that
call `https://` themselves. Source: docs/domain/istio.md#tls-origination.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.configured.proxy_labels import gateway_labels, selection_label
from checks.istio.mesh.configuration import PRIVATE
from checks.istio.request.clients import has_sidecar

EVERYONE: Mapping[str, Any] = MappingProxyType({})
"""No field: the rule is exported as the mesh exports rules."""


def only_the_gateway(facts: Facts) -> Mapping[str, Any]:
    """The fields of a DestinationRule in the gateway's namespace that sidecars do not read.

    It is not exported. If the namespace has sidecars too, it selects the gateway's pods. Requires Pod declared.
    """
    private: dict[str, Any] = {"exportTo": [PRIVATE]}
    if not _has_sidecars(facts):
        return private
    label = selection_label(gateway_labels(facts))
    return {**private, "workloadSelector": {"matchLabels": label}} if label else private


def _has_sidecars(facts: Facts) -> bool:
    """Whether a pod of the gateway's namespace has a sidecar."""
    return any(has_sidecar(each) for each in facts.readable(Pod, facts.gateway.namespace))
