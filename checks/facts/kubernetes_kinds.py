"""Every Kubernetes kind that has a fact type, by its resource name `PLURAL.GROUP`."""

from checks.facts import (
    admission_webhooks,
    events,
    gateway_api,
    istio_networking,
    istio_policies,
    namespaces,
    network_policies,
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
    network_policies,
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


_BY_API_VERSION = {
    (f"{origin.group}/{version}" if origin.group else version, kind.kind): kind
    for kind, origin in LISTED_KINDS.values()
    for version in origin.versions
}


def listed_kind(api_version: str, kind: str) -> type[KubernetesObject] | None:
    """The fact type of a manifest's apiVersion and kind.

    None for a kind or version that is never read.
    """
    return _BY_API_VERSION.get((api_version, kind))


def kind_of_group(api_version: str, kind: str) -> type[KubernetesObject] | None:
    """The fact type of a manifest's API group and kind, in any version.

    None for a kind that is never read.
    """
    group = api_version.partition("/")[0] if "/" in api_version else ""
    found = (each for each, origin in LISTED_KINDS.values() if origin.group == group and each.kind == kind)
    return next(found, None)


def resource_name(kind: type[KubernetesObject]) -> str:
    """`gateways.networking.istio.io`: the full name of a kind.

    The Gateway API has a kind with the same short name.
    """
    return kind.origin.resource if isinstance(kind.origin, Listed) else kind.kind.lower()


_BUILT_IN = frozenset(
    {
        "",
        "apps",
        "autoscaling",
        "policy",
        "discovery.k8s.io",
        "networking.k8s.io",
        "admissionregistration.k8s.io",
    }
)


def is_custom_resource(kind: type[KubernetesObject]) -> bool:
    """Whether a CustomResourceDefinition defines this kind."""
    return isinstance(kind.origin, Listed) and kind.origin.group not in _BUILT_IN
