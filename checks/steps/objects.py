"""The objects of a cluster while the steps of one finding are carried out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from checks.facts.changes import ObjectChange
from checks.facts.fact import KubernetesObject, Listed
from checks.facts.kubernetes_kinds import LISTED_KINDS, kind_name
from checks.facts.store import FactStore
from checks.model.raw_values import Raw

_SHORT = {"ns": "namespaces", "deploy": "deployments.apps", "svc": "services", "cm": "configmaps"}
_Key = tuple[type[KubernetesObject], str, str]


class StateUnknown(Exception):
    """The previous state is not known; the text is the sentence about what was not read."""


@dataclass(frozen=True, slots=True)
class StepObjects:
    """The objects that were read, with the changes of the steps before."""

    store: FactStore
    changed: Mapping[_Key, Raw | None] = field(default_factory=dict)

    def get(self, kind: type[KubernetesObject], namespace: str, name: str) -> KubernetesObject | None:
        """The object, or None if it does not exist. Raises StateUnknown."""
        key = (kind, namespace, name)
        if key in self.changed:
            raw = self.changed[key]
            return None if raw is None else kind(raw)
        found = self.store.by_key(kind, namespace, name)
        if found is None and not self._complete(kind, namespace, name):
            raise StateUnknown(f"{kind.kind} {f'{namespace}/' if namespace else ''}{name} was not read")
        return found

    def _complete(self, kind: type[KubernetesObject], namespace: str, name: str) -> bool:
        if self.store.absent(kind):
            return True
        gaps = self.store.gaps(kind)
        return self.store.arrived(kind) and not any(each.covers(namespace or None, name) for each in gaps)

    def after(self, change: ObjectChange) -> "StepObjects":
        """The objects after a change of one of them. Raises ChangeRefused or StateUnknown."""
        kind = change.fact_type
        before = self.get(kind, change.namespace, change.name)
        after = change.applied(before.raw if before is not None else None)
        return StepObjects(self.store, {**self.changed, (kind, change.namespace, change.name): after})


def kind_of(word: str) -> type[KubernetesObject] | None:
    """The kind that kubectl understands by a word of a command.

    None for one that is never read.
    """
    wanted = _SHORT.get(word.lower(), word.lower())
    for resource, (kind, origin) in LISTED_KINDS.items():
        if wanted in (resource, origin.plural, kind_name(resource).lower()):
            return kind
    return None


def is_namespaced(kind: type[KubernetesObject]) -> bool:
    """Whether objects of this kind are in a namespace."""
    return isinstance(kind.origin, Listed) and kind.origin.namespaced
