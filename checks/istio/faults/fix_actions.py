"""The steps of a proved fault: what to show, and its fix."""

from checks.facts.changes import Apply, ObjectChange
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.fixes.show_commands import list_kind, show_object
from checks.istio.request.client_request import as_written
from checks.kubernetes.ownership import with_owner
from checks.model.commands import HOWTO, alternatives, change
from checks.model.findings import Action


def fix_actions(facts: Facts, host: str, proved: Proved) -> list[Action]:
    """Show the objects of a fault, then its fix; `host` is the one that a new diagnosis names.

    A title says which program undoes the change.
    """
    shown = [show_object(each) for each in proved.fault.shown()] or [list_kind(VirtualService)]
    fix = proved.fix
    if fix is None:
        return shown
    expect = f"the route of requests to {host} leads through the gateway{f'; {fix.rest}' if fix.rest else ''}"
    url, title = fix.url or HOWTO, as_written(fix.title)
    if fix.steps and not fix.changes:
        return [*shown, *fix.steps]
    if not fix.changes:
        return [*shown, change(title, "", url)]
    several = len(fix.changes) > 1
    # Without its position: a step keeps its name when those before it are carried out.
    titles = [f"{title}: {each.ref}" if several else title for each in fix.changes]
    steps = [change(each, one.command, url, expect) for each, one in zip(titles, fix.changes, strict=True)]
    owned = [with_owner(each, _changed_object(facts, one)) for each, one in zip(steps, fix.changes, strict=True)]
    others = (
        with_owner(change(as_written(each.title), one.command, url, expect), _changed_object(facts, one))
        for each in proved.others
        for one in each.changes
    )
    return [*shown, *alternatives(owned, *others, *fix.instead), *fix.steps]


def _changed_object(facts: Facts, changed: ObjectChange) -> KubernetesObject | None:
    """The object that a change is about; None for a new one."""
    if not isinstance(changed, Apply):
        return changed.thing
    return facts.get(changed.fact_type, changed.name, changed.namespace)
