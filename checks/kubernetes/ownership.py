"""The note in an action about the programs that undo its change."""

from dataclasses import replace

from checks.facts.fact import KubernetesObject
from checks.knowledge.object_managers import object_manager
from checks.model.findings import Action


def with_owner(action: Action, *changed: KubernetesObject | None) -> Action:
    """The action, whose title says which programs undo the change of these objects."""
    managers = [found for each in changed if each is not None and (found := object_manager(each)) is not None]
    if not managers:
        return action
    return replace(action, title=f"{action.title} ({'; '.join(dict.fromkeys(each.note for each in managers))})")
