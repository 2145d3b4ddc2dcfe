"""Changes of the mesh configuration that make istiod discover a namespace."""

from collections.abc import Iterable

import yaml

from checks.facts.changes import MergePatch
from checks.facts.namespaces import ConfigMap


def discovered_by(maps: Iterable[ConfigMap], namespace: str) -> MergePatch | None:
    """The first ConfigMap with discovery selectors, extended by one for the namespace.

    None if no ConfigMap has any.
    """
    for each in maps:
        try:
            settings = yaml.safe_load(each.data.get("mesh", ""))
        except yaml.YAMLError:
            continue
        selectors = settings.get("discoverySelectors") if isinstance(settings, dict) else None
        if isinstance(selectors, list) and selectors:
            added = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            changed = {**settings, "discoverySelectors": [*selectors, added]}
            written = yaml.safe_dump(changed, sort_keys=False, default_flow_style=False)
            return MergePatch(each, {"data": {"mesh": written}})
    return None
