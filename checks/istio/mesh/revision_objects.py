"""The objects of a cluster that one revision's istiod reads, and its mesh configuration."""

from collections.abc import Mapping
from typing import TypeVar

from checks.facts.fact import KubernetesObject
from checks.facts.label_selectors import selects
from checks.facts.namespaces import ConfigMap, Namespace
from checks.istio.mesh.configuration import MeshConfiguration, mesh_configuration
from checks.istio.mesh.parts import Parts, part
from checks.model.raw_values import text

_K = TypeVar("_K", bound=KubernetesObject)


class RevisionObjects:
    """The objects that one revision's istiod reads. Reading a kind may raise Unreadable."""

    def __init__(self, revision: str, parts: Parts) -> None:
        self.revision, self.parts = revision, parts

    @part
    def configuration(self) -> MeshConfiguration:
        """The mesh configuration of the revision."""
        return mesh_configuration(self.parts.objects(ConfigMap), self.revision)

    def discovers(self, namespace: str) -> bool:
        """Whether the mesh's discovery selectors include the namespace."""
        return not self.configuration.discovery_selectors or namespace in self._discovered_namespaces

    @part
    def _discovered_namespaces(self) -> frozenset[str]:
        selectors = self.configuration.discovery_selectors
        found = ((each.name, each.all_labels) for each in self.parts.objects(Namespace))
        return frozenset(name for name, labels in found if any(selects(each, labels) for each in selectors))

    def read(self, kind: type[_K]) -> list[_K]:
        """The objects of a kind that the revision's istiod reads."""
        return [each for each in self.discovered(kind) if _revision(each) in ("", self.revision)]

    def discovered(self, kind: type[_K]) -> list[_K]:
        """The objects of a kind in namespaces that the revision's istiod discovers."""
        found = self.parts.objects(kind)
        if not found or not self.configuration.discovery_selectors:
            return found
        return [each for each in found if each.namespace in self._discovered_namespaces]

    def oldest_first(self, kind: type[_K]) -> list[_K]:
        """The objects of a kind that the revision's istiod reads, in its order."""
        return sorted(self.read(kind), key=self.age)

    def age(self, thing: KubernetesObject) -> tuple[str, str, str]:
        """The order in which istiod reads objects."""
        return self.parts.of_object("age", thing, lambda: _age(thing))


def _age(thing: KubernetesObject) -> tuple[str, str, str]:
    return text(thing.raw, "metadata", "creationTimestamp"), thing.name, thing.namespace


def _revision(thing: KubernetesObject) -> str:
    """The revision that an object's label names, "" if it is for all."""
    metadata = thing.raw.get("metadata")
    written = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return text(written, "istio.io/rev") if written else ""
