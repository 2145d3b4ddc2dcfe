"""A route in sentences: the outcome of one kind of request, and the answer for the host."""

from collections.abc import Iterable

from checks.facts.view import Facts
from checks.istio.request.client_request import ClientRequest
from checks.model.route import Hop, Mark, Outcome, TracedRequest


def request_summary(
    facts: Facts,
    request: ClientRequest,
    outcome: Outcome,
    hops: Iterable[Hop],
    answer: str,
    address: str,
    *,
    meant: bool,
) -> str:
    """The outcome of one kind of request in a sentence."""
    gateway, url, kept = facts.gateway.ref, request.url_with_path, tuple(hops)
    broken = next((hop for hop in kept if hop.mark in (Mark.BREAKS, Mark.LEAVES)), None)
    at = f" at the hop {broken.name}" if broken is not None else ""
    match outcome:
        case Outcome.THROUGH:
            return f"{url} goes through {gateway} and leaves from {address or 'an address that is not readable'}."
        case Outcome.BYPASSES if not meant:
            return f"{url} bypasses {gateway}, which is not configured for it: it leaves from {address}."
        case Outcome.BYPASSES:
            return f"{url} bypasses {gateway}{at} and leaves from {address}."
        case Outcome.FAILS if not meant:
            return f"{url} fails: {gateway} is not configured for it. The application gets {answer}."
        case Outcome.FAILS:
            return f"{url} fails{at}: the application gets {answer}."
        case Outcome.MIXED:
            return f"Only a part of the requests to {url} goes through {gateway}{at}: the others get {answer}."
        case _:
            unread = next((hop for hop in kept if hop.mark is Mark.UNKNOWN), None)
            why = f" {unread.name}: {unread.result}." if unread is not None else ""
            return f"The route of {url} is not certain.{why}"


def inside_summary(facts: Facts, request: ClientRequest, outcome: Outcome, answer: str, meaning: str) -> str:
    """The outcome of a request to a host inside the cluster.

    `meaning`: the sentence about this host.
    """
    url = request.url_with_path
    if outcome is Outcome.FAILS:
        return f"{url} fails: the application gets {answer}. {meaning}."
    if outcome is Outcome.UNKNOWN:
        return f"The route of {url} is not certain. {meaning}."
    return f"{url} does not go through {facts.gateway.ref}. {meaning}."


def route_summary(
    facts: Facts, host: str, requests: tuple[TracedRequest, ...], hosts: tuple[str, ...], *, known: bool
) -> str:
    """The answer for the host in a sentence or two."""
    if not known:
        return f"{facts.gateway.ref} does not route {host}. {routed_hosts(hosts)}"
    chosen = [each for each in requests if each.meant] or list(requests)
    if not chosen:
        return f"No client of {host} was found."
    worst = sorted(chosen, key=lambda each: each.outcome is Outcome.THROUGH)
    others = len({each.summary for each in worst}) - 1
    more = f" ({others} more route{'s' if others > 1 else ''} below)" if others else ""
    several = len(chosen) > len({(each.scheme, each.port) for each in chosen})
    if several and any(each.outcome is Outcome.THROUGH for each in requests):
        return f"The route depends on the client. From {_clients(worst[0])}: {worst[0].summary}{more}"
    return f"{worst[0].summary}{more}"


def _clients(request: TracedRequest) -> str:
    names = request.clients
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def routed_hosts(hosts: tuple[str, ...]) -> str:
    """ "This gateway routes 6 hosts: …"."""
    if not hosts:
        return "This gateway routes no host yet."
    named = ", ".join(hosts[:10]) + (f" and {len(hosts) - 10} more" if len(hosts) > 10 else "")
    return f"This gateway routes {len(hosts)} host{'s' if len(hosts) > 1 else ''}: {named}."
