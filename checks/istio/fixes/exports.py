"""Changes that make an object visible to more namespaces."""

from collections.abc import Iterable

from checks.facts.changes import MergePatch
from checks.facts.istio_networking import Exported
from checks.istio.mesh.configuration import NOWHERE, PRIVATE, PUBLIC

_MOST_NAMES = 5
"""From more namespaces on, the object is exported to all namespaces."""


def exported_to(thing: Exported, namespaces: Iterable[str]) -> MergePatch:
    """The object exported to these namespaces in addition."""
    kept = [each for each in thing.export_to if each != NOWHERE] or [PRIVATE]
    added = [PRIVATE if each == thing.namespace else each for each in namespaces]
    wanted = [PUBLIC] if len(added) > _MOST_NAMES else list(dict.fromkeys((*kept, *added)))
    return MergePatch(thing, {"spec": {"exportTo": wanted}})


def private(thing: Exported) -> MergePatch:
    """The object visible only in its own namespace."""
    return MergePatch(thing, {"spec": {"exportTo": [PRIVATE]}})
