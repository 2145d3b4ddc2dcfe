"""A route for a terminal: the outcome of each kind of request, and its hops, indented."""

from collections.abc import Collection, Iterator

from checks.model.columns import wrapped
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


def route_lines(route: Route, printed: Collection[str] = ()) -> Iterator[str]:
    """The section of a text report, without the summary, which follows the report's headline.

    `printed` are commands that the report has printed above.
    """
    if not route.requests:
        return
    yield ""
    yield f"Route of {route.host}"
    for request in route.requests:
        yield from _request(request, printed)


def _request(request: TracedRequest, printed: Collection[str]) -> Iterator[str]:
    named = ", ".join(request.clients[:5]) + (
        f" and {len(request.clients) - 5} more" if len(request.clients) > 5 else ""
    )
    where = f", for gateway pods of {request.revision}" if request.revision else ""
    yield ""
    yield from wrapped(f"{request.scheme}://, port {request.port}, from {named}{where}", "  ", "    ")
    yield from wrapped(request.summary)
    if not request.meant and request.broken is not None:
        # Requests for which the gateway is not configured are shown only with the hop that shows it.
        yield from _hop(request.broken, 0)
        return
    reached = [hop for hop in request.hops if hop.mark is not Mark.BEYOND]
    beyond = [hop.name.value for hop in request.hops if hop.mark is Mark.BEYOND]
    for depth, hop in enumerate(reached):
        yield from _hop(hop, depth)
    if beyond and request.outcome in (Outcome.FAILS, Outcome.UNKNOWN):
        yield from wrapped(f"not reached: {', '.join(beyond)}", " " * _indent(len(reached) - 1))
    for correction in request.corrections:
        yield from _correction(correction, printed)


def _hop(hop: Hop, depth: int) -> Iterator[str]:
    arrow = "-> " if depth else ""
    inner = " " * _indent(depth)
    yield from wrapped(f"{arrow}{hop.name}: {hop.result}", f"  {_MARKS[hop.mark]:<7}  {inner[14:]}", inner)
    for each in hop.decided:
        why = f"  ({each.why})" if each.why else ""
        yield from wrapped(f"{each.resource}  {each.field}: {each.chosen or '(empty)'}{why}", inner, f"{inner}  ")
    for rival in hop.rivals:
        yield from wrapped(f"not used: {rival.resource}, {rival.why}", inner, f"{inner}  ")
    for doubt in hop.doubts:
        yield from wrapped(f"! {doubt}", inner, f"{inner}  ")
    if hop.finding and hop.mark in (Mark.BREAKS, Mark.LEAVES):
        yield f"{inner}see {hop.finding}"


def _indent(depth: int) -> int:
    """The columns before what a hop decided; deep hops do not leave less than half a line."""
    return 14 + 2 * min(depth, 10)


def _correction(each: Correction, printed: Collection[str]) -> Iterator[str]:
    yield from wrapped(f"> {each.title}: {each.resource}. Effect on other hosts: {each.elsewhere}.", "    ", "      ")
    if each.command in printed:
        yield "      The command is among the steps above."
        return
    yield from text_lines(each.command, "        ")
    yield from labeled_text("undo", each.undo, "      ")
