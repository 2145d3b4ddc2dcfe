"""A route for a terminal: the outcome of each kind of request, and its hops, indented."""

import textwrap
from collections.abc import Iterator

from checks.model.route import Correction, Hop, Mark, Outcome, Route, TracedRequest
from checks.reports.pasted import labeled_text, text_lines

_MARKS = {
    Mark.PASSES: "pass",
    Mark.DOUBTS: "warning",
    Mark.BREAKS: "fail",
    Mark.LEAVES: "bypass",
    Mark.UNKNOWN: "unknown",
    Mark.BEYOND: "",
}
_WIDTH = 118


def route_lines(route: Route) -> Iterator[str]:
    """The section of a text report, without the summary, which follows the report's headline."""
    if not route.requests:
        return
    yield ""
    yield f"Route of {route.host}"
    for request in route.requests:
        yield from _request(request)


def _request(request: TracedRequest) -> Iterator[str]:
    named = ", ".join(request.clients[:5]) + (
        f" and {len(request.clients) - 5} more" if len(request.clients) > 5 else ""
    )
    where = f", for gateway pods of {request.revision}" if request.revision else ""
    yield ""
    yield f"  {request.scheme}://, port {request.port}, from {named}{where}"
    yield from _wrapped(request.summary, 4)
    if not request.meant and request.broken is not None:
        # Requests for which the gateway is not configured are shown only with the hop that shows it.
        yield from _hop(request.broken, 0)
        return
    reached = [hop for hop in request.hops if hop.mark is not Mark.BEYOND]
    beyond = [hop.name.value for hop in request.hops if hop.mark is Mark.BEYOND]
    for depth, hop in enumerate(reached):
        yield from _hop(hop, depth)
    if beyond and request.outcome in (Outcome.FAILS, Outcome.UNKNOWN):
        yield from _wrapped(f"not reached: {', '.join(beyond)}", 12 + 2 * len(reached))
    for correction in request.corrections:
        yield from _correction(correction)


def _hop(hop: Hop, depth: int) -> Iterator[str]:
    pad = "  " * depth
    arrow = "-> " if depth else ""
    head = f"  {_MARKS[hop.mark]:<7}  {pad}{arrow}{hop.name}: "
    yield from textwrap.wrap(
        hop.result, _WIDTH, initial_indent=head, subsequent_indent=" " * (14 + 2 * depth), break_long_words=False
    ) or [head]
    inner = " " * (14 + 2 * depth)
    for each in hop.decided:
        why = f"  ({each.why})" if each.why else ""
        yield f"{inner}{each.resource}  {each.field}: {each.chosen or '(empty)'}{why}"
    for rival in hop.rivals:
        yield f"{inner}not used: {rival.resource}, {rival.why}"
    for doubt in hop.doubts:
        yield f"{inner}! {doubt}"
    if hop.finding and hop.mark in (Mark.BREAKS, Mark.LEAVES):
        yield f"{inner}see {hop.finding}"


def _correction(each: Correction) -> Iterator[str]:
    yield f"    > {each.title}: {each.resource}. Effect on other hosts: {each.elsewhere}."
    yield from text_lines(each.command, "        ")
    yield from labeled_text("undo", each.undo, "      ")


def _wrapped(sentence: str, indent: int) -> list[str]:
    pad = " " * indent
    return textwrap.wrap(
        sentence, _WIDTH, initial_indent=pad, subsequent_indent=pad, break_long_words=False, break_on_hyphens=False
    )
