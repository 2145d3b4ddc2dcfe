"""Every Kubernetes kind that has a fact type, by its resource name `PLURAL.GROUP`."""

from checks.facts import (
    admission_webhooks,
    events,
    gateway_api,
    istio_networking,
    istio_policies,
    namespaces,
    nodes,
    pods,
    services,
    static_egress,
    workloads,
)
from checks.facts.fact import KubernetesObject, Listed

_MODULES = (
    admission_webhooks,
    events,
    gateway_api,
    istio_networking,
    istio_policies,
    namespaces,
    nodes,
    pods,
    services,
    static_egress,
    workloads,
)


def _listed() -> dict[str, tuple[type[KubernetesObject], Listed]]:
    found: dict[str, tuple[type[KubernetesObject], Listed]] = {}
    for module in _MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, KubernetesObject):
                origin = vars(value).get("origin")
                if isinstance(origin, Listed):
                    found[origin.resource] = (value, origin)
    return found


LISTED_KINDS = _listed()
"""(fact type, origin) by resource name."""


def kind_name(resource: str) -> str:
    """The `kind` of a resource name; "" for a resource without a fact type."""
    found = LISTED_KINDS.get(resource)
    return found[0].kind if found else ""
