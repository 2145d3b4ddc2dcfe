"""A route in Markdown: summary, diagram, every hop with the objects that decided it, and corrected objects."""

import base64
from collections.abc import Iterator

from checks.model.route import Correction, Hop, Mark, Route, TracedRequest
from checks.reports.markdown_text import code_cell, escaped, fence_of
from checks.reports.route_diagram import alternative, diagram

_EMOJI = {
    Mark.PASSES: "✅",
    Mark.DOUBTS: "⚠️",
    Mark.BREAKS: "❌",
    Mark.LEAVES: "↗️",
    Mark.UNKNOWN: "❔",
    Mark.BEYOND: "▫️",
}


def route_section(route: Route) -> Iterator[str]:
    """The section of a Markdown report."""
    yield ""
    yield f"## Route of {escaped(route.host)}"
    drawn = diagram(route)
    if drawn:
        # Viewers that do not show images show the alternative text.
        picture = base64.b64encode(drawn.encode()).decode()
        yield ""
        yield f"![{escaped(alternative(route))}](data:image/svg+xml;base64,{picture})"
    for way in route.ways:
        yield from _way(way)


def _way(way: TracedRequest) -> Iterator[str]:
    where = f", for gateway pods of {way.revision}" if way.revision else ""
    yield ""
    yield f"### {way.scheme}\\://, port {way.port}, from {escaped(', '.join(way.clients))}{escaped(where)}"
    yield ""
    yield escaped(way.summary)
    yield ""
    yield "| | hop | result | decided by | not used |"
    yield "| --- | --- | --- | --- | --- |"
    for hop in way.hops if way.meant else way.hops[: way.hops.index(way.broken) + 1] if way.broken else way.hops:
        yield f"| {_EMOJI[hop.mark]} | {hop.name} | {_says(hop)} | {_decided(hop)} | {_rivals(hop)} |"
    for correction in way.corrections:
        yield from _correction(correction)


def _says(hop: Hop) -> str:
    if hop.mark is Mark.BEYOND:
        return "not reached"
    doubts = "".join(f"<br>⚠️ {escaped(each)}" for each in hop.doubts)
    see = f" ({hop.finding})" if hop.finding else ""
    return f"{escaped(hop.says)}{see}{doubts}"


def _decided(hop: Hop) -> str:
    cells = []
    for each in hop.decided:
        why = f" ({escaped(each.why)})" if each.why else ""
        cells.append(f"{escaped(each.resource)} {code_cell(each.field)}: {code_cell(each.chosen)}{why}")
    return "<br>".join(cells)


def _rivals(hop: Hop) -> str:
    return "<br>".join(f"{escaped(each.resource)}: {escaped(each.why)}" for each in hop.rivals)


def _correction(each: Correction) -> Iterator[str]:
    yield ""
    yield f"**{escaped(each.title)}** ({escaped(each.resource)}). Effect on other hosts: {escaped(each.elsewhere)}."
    yield ""
    fence = fence_of(each.manifest)
    yield f"{fence}yaml"
    yield from each.manifest.rstrip().splitlines()
    yield fence
