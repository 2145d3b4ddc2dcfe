"""A route in sentences: the outcome of one kind of request, and the answer to "where does it go?"."""

from checks.facts.view import Facts
from checks.istio.route.carried import Configuration
from checks.istio.route.walk import Dial, Walk
from checks.model.route import Mark, Outcome, TracedRequest


def way_words(facts: Facts, walk: Walk, *, meant: bool) -> str:
    """What becomes of the request, in one sentence."""
    gateway, dial = facts.gateway.ref, walk.dial
    broken = next((hop for hop in walk.hops if hop.mark in (Mark.BREAKS, Mark.LEAVES)), None)
    at = f"at the hop {broken.name}" if broken is not None else ""
    match walk.outcome:
        case Outcome.THROUGH:
            return f"{dial} goes through {gateway} and leaves from {walk.address}."
        case Outcome.BYPASSES if not meant:
            return f"{dial} bypasses {gateway}, which is configured for {_other(dial)}: it leaves from {walk.address}."
        case Outcome.BYPASSES:
            return f"{dial} bypasses {gateway} {at} and leaves from {walk.address}."
        case Outcome.ELSEWHERE:
            return f"{dial} is not routed through {gateway}, {at}; it leaves from {walk.address}."
        case Outcome.FAILS if not meant:
            return f"{dial} fails: {gateway} is configured for {_other(dial)}. The application gets {walk.answer}."
        case Outcome.FAILS:
            return f"{dial} fails {at}: the application gets {walk.answer}."
        case _:
            unread = next((hop for hop in walk.hops if hop.mark is Mark.UNKNOWN), None)
            why = f" {unread.name}: {unread.result}." if unread is not None else ""
            return f"The route of {dial} is not certain.{why}"


def _other(dial: Dial) -> str:
    return f"https://{dial.host} only" if dial.scheme == "http" else f"http://{dial.host} only"


def summary(facts: Facts, found: Configuration, host: str, ways: list[TracedRequest], *, known: bool) -> str:
    """The answer to "where does it go?" in a sentence or two."""
    if not known:
        return f"{facts.gateway.ref} does not route {host}. {carries(found)}"
    telling = [way for way in ways if way.meant] or ways
    worst = sorted(telling, key=lambda way: way.outcome is Outcome.THROUGH)
    if not worst:
        return f"No client of {host} was found."
    through = [way for way in ways if way.outcome is Outcome.THROUGH]
    others = len({way.summary for way in worst}) - 1
    more = f" ({others} more route{'s' if others > 1 else ''} below)" if others else ""
    whom = f" From {_clients(worst[0])}:" if len(telling) > len({way.scheme for way in telling}) else ""
    if whom and through:
        return f"The route depends on the client.{whom} {worst[0].summary}{more}"
    return f"{worst[0].summary}{more}"


def _clients(way: TracedRequest) -> str:
    return ", ".join(way.clients[:3]) + (f" and {len(way.clients) - 3} more" if len(way.clients) > 3 else "")


def carries(found: Configuration) -> str:
    """ "This gateway routes 6 hosts: …"."""
    if not found.hosts:
        return "This gateway routes no host yet."
    named = ", ".join(found.hosts[:10]) + (f" and {len(found.hosts) - 10} more" if len(found.hosts) > 10 else "")
    return f"This gateway routes {len(found.hosts)} host{'s' if len(found.hosts) > 1 else ''}: {named}."
