"""Objects that decide for other hosts and clients too, which no fix for one host changes."""

from collections.abc import Iterable

from checks.facts.changes import Apply, ObjectChange
from checks.facts.istio_networking import DestinationRule, EnvoyFilter, ServiceEntry, Sidecar
from checks.facts.view import Facts
from checks.istio.faults.definition.fault import Fix
from checks.istio.mesh.objects.hosts import is_wildcard, qualified


def shared_objects(facts: Facts, changes: Iterable[ObjectChange], root: str) -> tuple[str, ...]:
    """The changed objects that apply to the whole mesh, or to a wildcard of services.

    Objects of the root namespace apply to the whole mesh.
    A wildcard that is the host of a ServiceEntry is one service. Raises Unreadable.
    """
    return tuple(dict.fromkeys(str(each.ref) for each in changes if _is_shared(facts, each, root)))


def _is_shared(facts: Facts, change: ObjectChange, root: str) -> bool:
    if isinstance(change, Apply):
        return False
    thing = change.thing
    if isinstance(thing, DestinationRule):
        if thing.namespace == root:
            return True
        host = qualified(thing.host, thing.namespace)
        return is_wildcard(host) and all(host not in map(str.lower, each.hosts) for each in facts.all(ServiceEntry))
    if isinstance(thing, Sidecar | EnvoyFilter):
        return thing.namespace == root and not thing.workload_selector
    return False


def advice_instead(fix: Fix, shared: tuple[str, ...]) -> Fix:
    """The advice for a fix that would change shared objects."""
    names = ", ".join(shared)
    return Fix(f"{fix.title}, without a change of {names}, which other hosts and clients use too", (), fix.url)
