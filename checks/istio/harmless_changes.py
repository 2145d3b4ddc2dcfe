"""Changes that findings offer although every route works: they must keep these routes."""

from checks.facts.changes import ChangeRefused, ObjectChange
from checks.facts.fact import Unreadable
from checks.facts.view import Facts
from checks.istio.faults.resolved_routes import resolved_routes
from checks.istio.fixes.affected import resolved
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing


def command_if_harmless(facts: Facts, change: ObjectChange) -> str:
    """The command of a change; "" if a route would no longer go through the gateway.

    A finding without a command is advice. Without the routes of the run nothing is known to break.
    """
    try:
        routes = resolved_routes(facts)
        after = Routing(facts.with_changes((change,)))
    except Unreadable:
        return ""
    except ChangeRefused:
        return ""
    kept = (resolved(after, each.request).result is Result.THROUGH for each in routes if each.through)
    return change.command if all(kept) else ""
