"""Namespaces and the plain objects in them.

The objects are ConfigMaps, Secrets (metadata only) and resource quotas.
"""

from collections.abc import Mapping

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, items, labels, text


class Namespace(KubernetesObject):
    __slots__ = ()
    kind = "Namespace"
    origin = Listed("", "namespaces", namespaced=False)

    @derived
    def phase(self) -> str:
        return text(self.raw, "status", "phase")

    @derived
    def all_labels(self) -> dict[str, str]:
        """Its labels including the automatic `kubernetes.io/metadata.name`, for matching selectors."""
        return {"kubernetes.io/metadata.name": self.name, **self.labels}

    @derived
    def conditions(self) -> tuple[Raw, ...]:
        return items(self.raw, "status", "conditions")


class ConfigMap(KubernetesObject):
    __slots__ = ()
    kind = "ConfigMap"
    origin = Listed("", "configmaps")

    @derived
    def data(self) -> dict[str, str]:
        return labels(self.raw, "data")


class Secret(KubernetesObject):
    """A Secret's metadata.

    Its data is never read from a live cluster; a bundle may have keys with REDACTED values.
    """

    __slots__ = ()
    kind = "Secret"
    origin = Listed("", "secrets", metadata_only=True)

    @derived
    def type(self) -> str:
        return text(self.raw, "type")

    @derived
    def keys(self) -> tuple[str, ...] | None:
        """Names of its keys, or None if only metadata was read."""
        found = self.raw.get("data")
        return tuple(str(each) for each in found) if isinstance(found, Mapping) else None


class ResourceQuota(KubernetesObject):
    __slots__ = ()
    kind = "ResourceQuota"
    origin = Listed("", "resourcequotas")

    @derived
    def hard(self) -> dict[str, str]:
        return labels(self.raw, "status", "hard") or labels(self.raw, "spec", "hard")

    @derived
    def used(self) -> dict[str, str]:
        return labels(self.raw, "status", "used")
