"""The mesh settings of a gateway's revisions, and which namespaces their istiods discover."""

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.label_selectors import selects
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.view import Facts
from checks.istio.mesh.configuration import MeshSettings, mesh_settings
from checks.model.raw_values import Raw, items


def settings_of(facts: Facts, revision: str) -> MeshSettings:
    """The settings of a revision, from the ConfigMaps that could be read.

    Call `require_settings` before a result that Istio's defaults decide.
    """

    def build(window: Facts) -> MeshSettings:
        return mesh_settings(window.readable(ConfigMap, ROOT_NAMESPACE), revision)

    return facts.once("mesh settings", build, revision)


def newest_settings(facts: Facts) -> MeshSettings:
    """The settings of the gateway's newest revision."""
    return settings_of(facts, max(facts.gateway.revisions, default=""))


def require_settings(facts: Facts) -> None:
    """Raises Unreadable if the ConfigMaps of the mesh could not be read."""
    facts.in_namespace(ConfigMap, ROOT_NAMESPACE)


def discovery_selectors(settings: MeshSettings) -> tuple[Raw, ...]:
    """The selectors of the namespaces that istiod discovers; empty: all."""
    return items(settings.raw, "discoverySelectors")


def is_discovered(facts: Facts, namespace: str, settings: MeshSettings) -> bool:
    """Whether istiod discovers a namespace.

    It always discovers its own. A namespace that could not be read counts as discovered.
    """
    selectors = discovery_selectors(settings)
    if not selectors or namespace == ROOT_NAMESPACE or facts.gap(Namespace) is not None:
        return True
    found = facts.get(Namespace, namespace)
    return found is None or any(selects(each, found.all_labels) for each in selectors)
