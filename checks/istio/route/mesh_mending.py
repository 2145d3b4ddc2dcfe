"""Corrections of the mesh's own settings: the namespaces that istiod looks at."""

import yaml

from checks.facts.changes import MergePatch, ObjectWrite
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.namespaces import ConfigMap
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration

NAME = "kubernetes.io/metadata.name"


def discovered_too(facts: Facts, found: Configuration, namespace: str) -> tuple[ObjectWrite, ...]:
    """The mesh's settings with a selector for this namespace: in the ConfigMap that has selectors, the operator's first."""
    shared, own = f"istio-shared-configmap-{found.mesh.revision}", f"istio-{found.mesh.revision}"
    maps = {each.name: each for each in facts.readable(ConfigMap, ROOT_NAMESPACE)}
    for name in (own, shared):
        chosen = maps.get(name)
        try:
            settings = yaml.safe_load(chosen.data.get("mesh", "")) if chosen is not None else None
        except yaml.YAMLError:
            continue
        if chosen is None or not isinstance(settings, dict) or not isinstance(settings.get("discoverySelectors"), list):
            continue
        added = [*settings["discoverySelectors"], {"matchLabels": {NAME: namespace}}]
        written = yaml.safe_dump({**settings, "discoverySelectors": added}, sort_keys=False, default_flow_style=False)
        return (MergePatch(chosen, {"data": {"mesh": written}}),)
    return ()
