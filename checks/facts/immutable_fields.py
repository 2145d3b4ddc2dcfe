"""Fields that the API server does not change: an apply that changes one of them is refused."""

from collections.abc import Iterator

from checks.facts.fact import KubernetesObject
from checks.facts.namespaces import ConfigMap, Secret
from checks.facts.services import Service
from checks.facts.workloads import DaemonSet, Deployment, ReplicaSet
from checks.model.raw_values import Raw, at, flag, mapping, text

_FIELDS: dict[type[KubernetesObject], tuple[tuple[str, ...], ...]] = {
    Deployment: (("spec", "selector"),),
    ReplicaSet: (("spec", "selector"),),
    DaemonSet: (("spec", "selector"),),
    Secret: (("type",),),
}
"""The immutable fields by kind.

Source: Kubernetes, `ValidateDeploymentUpdate` and its neighbours in `pkg/apis/apps/validation`, `ValidateSecretUpdate` in core.
"""

_DATA = ("data", "binaryData", "stringData")


def immutable_changes(kind: type[KubernetesObject], before: Raw, after: Raw) -> Iterator[str]:
    """The immutable fields that differ after a write, for example `spec.selector`."""
    for path in _FIELDS.get(kind, ()):
        # A Secret that was read as metadata has no type.
        if at(before, *path) is not None and at(before, *path) != at(after, *path):
            yield ".".join(path)
    if kind is Service:
        yield from _of_service(before, after)
    elif kind in (ConfigMap, Secret) and flag(before, "immutable") is True:
        yield from (part for part in _DATA if mapping(after, part) and mapping(before, part) != mapping(after, part))


def _of_service(before: Raw, after: Raw) -> Iterator[str]:
    """The address of a Service, unless it becomes or was an ExternalName, which has none."""
    if "ExternalName" in (text(before, "spec", "type"), text(after, "spec", "type")):
        return
    old, new = text(before, "spec", "clusterIP"), text(after, "spec", "clusterIP")
    if old and old != new:
        yield "spec.clusterIP"
