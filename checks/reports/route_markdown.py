"""A route in Markdown: summary, diagram, hops and corrected objects.

Each hop has the objects that decided it.
"""

import base64
from collections.abc import Collection, Iterator

from checks.model.route import Correction, Hop, Mark, Route, TracedRequest
from checks.reports.markdown_text import code_cell, escaped
from checks.reports.pasted import labeled_markdown, markdown_block
from checks.reports.route_diagram import alternative, diagram

_EMOJI = {
    Mark.PASSES: "✅",
    Mark.DOUBTS: "⚠️",
    Mark.BREAKS: "❌",
    Mark.LEAVES: "↗️",
    Mark.UNKNOWN: "❔",
    Mark.BEYOND: "▫️",
}


def route_section(route: Route, printed: Collection[str] = ()) -> Iterator[str]:
    """The section of a Markdown report; `printed` are commands that it has printed above."""
    yield ""
    yield f"## Route of {escaped(route.host)}"
    drawn = diagram(route)
    if drawn:
        # Viewers that do not show images show the alternative text.
        picture = base64.b64encode(drawn.encode()).decode()
        yield ""
        yield f"![{escaped(alternative(route))}](data:image/svg+xml;base64,{picture})"
    for request in route.requests:
        yield from _request(request, printed)


def _request(request: TracedRequest, printed: Collection[str]) -> Iterator[str]:
    where = f", for gateway pods of {request.revision}" if request.revision else ""
    yield ""
    yield f"### {request.scheme}\\://, port {request.port}, from {escaped(', '.join(request.clients))}{escaped(where)}"
    yield ""
    yield escaped(request.summary)
    yield ""
    yield "| | hop | result | decided by | not used |"
    yield "| --- | --- | --- | --- | --- |"
    shown = request.hops
    if request.broken is not None and not request.meant:
        shown = shown[: shown.index(request.broken) + 1]
    for hop in shown:
        yield f"| {_EMOJI[hop.mark]} | {hop.name} | {_result(hop)} | {_decided(hop)} | {_rivals(hop)} |"
    for correction in request.corrections:
        yield from _correction(correction, printed)


def _result(hop: Hop) -> str:
    if hop.mark is Mark.BEYOND:
        return "not reached"
    doubts = "".join(f"<br>⚠️ {escaped(each)}" for each in hop.doubts)
    code = f" ({hop.finding})" if hop.finding else ""
    return f"{escaped(hop.result)}{code}{doubts}"


def _decided(hop: Hop) -> str:
    cells = []
    for each in hop.decided:
        why = f" ({escaped(each.why)})" if each.why else ""
        cells.append(f"{escaped(each.resource)} {code_cell(each.field)}: {code_cell(each.chosen)}{why}")
    return "<br>".join(cells)


def _rivals(hop: Hop) -> str:
    return "<br>".join(f"{escaped(each.resource)}: {escaped(each.why)}" for each in hop.rivals)


def _correction(each: Correction, printed: Collection[str]) -> Iterator[str]:
    yield ""
    yield f"**{escaped(each.title)}** ({escaped(each.resource)}). Effect on other hosts: {escaped(each.elsewhere)}."
    if each.command in printed:
        yield ""
        yield "The command is among the steps above."
    else:
        yield from markdown_block(each.command)
    if each.manifest.strip() not in each.command:
        yield ""
        yield "The object after this change:"
        yield from markdown_block(each.manifest.rstrip(), "yaml")
    if each.command not in printed:
        yield from labeled_markdown("Undo", each.undo)
