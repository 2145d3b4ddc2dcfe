"""Whether a broken request is a failure, and the scheme that works beside it.

A question without scheme and port is about several schemes. If only some of them get through, the check warns and names
both (docs/rulings.md#ruling-24).
"""

from collections.abc import Sequence

from checks.facts.view import Facts
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.request.outcome import Result
from checks.model.requested_host import USUAL_PORTS, requested_host


def decides(facts: Facts, route: ResolvedRoute, routes: Sequence[ResolvedRoute]) -> bool:
    """Whether a broken request is a failure.

    It is one if its kind is configured or requested, or if no kind of its clients' requests gets through.
    """
    question = facts.question
    if not question.host:
        # A rule by which a part of the requests bypasses the gateway may be intended.
        return (
            any(each.result is Result.FAILS for each in route.outcome.ends) or route.outcome.result is not Result.MIXED
        )
    if not route.meant:
        return False
    if question.client or requested_host(question.host).specific:
        return True
    return not _working(route, routes)


def other_schemes(facts: Facts, every: Sequence[ResolvedRoute]) -> tuple[ResolvedRoute, ...]:
    """The requests for which the gateway is not configured and that do not get through.

    Their outcome is certain, and their clients get through with another scheme. There are none if the question names the
    scheme or the port.
    """
    host = facts.question.host
    if not host or requested_host(host).specific:
        return ()
    unconfigured = (each for each in every if not each.meant and each.certain and each.gap is None)
    return tuple(each for each in unconfigured if not each.through and _working(each, every))


def working_scheme(facts: Facts, route: ResolvedRoute, routes: Sequence[ResolvedRoute]) -> tuple[str, str]:
    """The scheme of a broken request, and the one that works for the same clients.

    Empty if the question names the scheme or the port, or if no scheme works.
    """
    host = facts.question.host
    working = _working(route, routes) if host and not requested_host(host).specific else []
    return (_scheme(route), _scheme(working[0])) if working else ("", "")


def _working(route: ResolvedRoute, routes: Sequence[ResolvedRoute]) -> list[ResolvedRoute]:
    return [each for each in routes if each.through and each.request.clients == route.request.clients]


def _scheme(route: ResolvedRoute) -> str:
    request = route.request
    usual = USUAL_PORTS.get(request.scheme) == request.port
    return request.scheme if usual else f"{request.scheme} on port {request.port}"
