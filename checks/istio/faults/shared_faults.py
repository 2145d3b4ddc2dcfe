"""The faults of the routes of a run.

Several requests share a fault if its proved fix brings them all through.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from checks.facts.changes import ChangeRefused
from checks.facts.fact import Unreadable
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.readers import READERS
from checks.istio.faults.request_route import AlikeRoutes, ResolvedRoute, with_faults
from checks.istio.fixes.affected import resolved
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing

_MOST_EXAMINED = 20
"""The most requests of a run without a host whose faults are searched.

The others are reported without a fault.
"""


def with_shared_faults(over: Routing, groups: Iterable[AlikeRoutes]) -> Iterator[ResolvedRoute]:
    """The routes with their faults.

    Several requests share a fault if its proved fix brings them all through.
    """
    found: list[tuple[tuple[Proved, ...], Routing | None]] = []
    waiting = deque(groups)
    while waiting:
        group = waiting.popleft()
        route = group.route
        if route.through or not route.certain:
            yield route
            continue
        shared = next(((faults, fixed) for faults, fixed in found if _is_explained(over, route, faults, fixed)), None)
        if shared is None and len(found) >= _MOST_EXAMINED:
            yield replace(route, examined=False)
            continue
        if shared is None:
            explained = with_faults(over, route)
            if explained.gap is not None:
                yield explained
                continue
            shared = (explained.faults, _fixed(over, explained.faults))
            found.append(shared)
        faults, fixed = shared
        left = tuple(each for each in group.members[1:] if not _is_fixed(fixed, each))
        kept = AlikeRoutes(tuple(each for each in group.members if each not in left)).route
        yield replace(kept, faults=faults)
        if left:
            waiting.appendleft(AlikeRoutes(left))


def _is_fixed(fixed: Routing | None, route: ResolvedRoute) -> bool:
    """Whether the fixes bring a request through.

    Without fixes, clients that are alike have the same fault.
    """
    return fixed is None or resolved(fixed, route.request).result is Result.THROUGH


def _fixed(over: Routing, faults: tuple[Proved, ...]) -> Routing | None:
    """The routing after the fixes of these faults, if they bring the request through."""
    after = faults[-1].after if faults else None
    if after is None or after.result is not Result.THROUGH:
        return None
    try:
        return Routing(over.facts.with_changes(c for each in faults if each.fix is not None for c in each.fix.changes))
    except ChangeRefused:
        return None


def _is_explained(over: Routing, route: ResolvedRoute, faults: tuple[Proved, ...], fixed: Routing | None) -> bool:
    """Whether faults of another request are also this one's.

    They are if their fix brings it through, or if it shows the same fault without a fix.
    """
    if fixed is not None:
        return resolved(fixed, route.request).result is Result.THROUGH
    if not faults or not faults[0].fault.certain or faults[0].outcome.ends[:1] == ():
        return False
    broken = BrokenRequest(over, route.request, route.outcome)
    try:
        own = next((each for reader in READERS for each in reader(broken) if each.certain), None)
    except Unreadable:
        return False  # it is examined on its own
    first = faults[0].fault
    return own is not None and (own.name, own.evidence()) == (first.name, first.evidence())
