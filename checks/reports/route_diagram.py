"""A route as an SVG: one row of hops per kind of request.

The broken hop is marked by shape and colour.
"""

import textwrap
from typing import Any

from checks.model.route import Hop, HopName, Mark, Outcome, Route, TracedRequest

_BOX, _GAP, _ROW, _LEFT, _TOP = 118, 14, 132, 12, 44
_MAX_ROWS = 6
_COLUMNS = 22  # characters below a box
_NAMES = {
    HopName.CLIENT: ("client",),
    HopName.SIDECAR: ("sidecar",),
    HopName.MESH_ROUTE: ("route at", "the sidecar"),
    HopName.SERVICE: ("gateway", "Service"),
    HopName.SERVER: ("Gateway", "server"),
    HopName.GATEWAY_ROUTE: ("route at", "the gateway"),
    HopName.ENTRY: ("destination", "in the mesh"),
    HopName.STATIC_EGRESS: ("static", "egress"),
    HopName.DESTINATION: ("destination",),
}
SIGNS = {
    Mark.PASSES: "✓",
    Mark.DOUBTS: "!",
    Mark.BREAKS: "✗",
    Mark.LEAVES: "↗",
    Mark.UNKNOWN: "?",
    Mark.BEYOND: "",
}
_FILL = {
    Mark.PASSES: "#e3f1e7",
    Mark.DOUBTS: "#fbf0cd",
    Mark.BREAKS: "#b3261e",
    Mark.LEAVES: "#f2c744",
    Mark.UNKNOWN: "#ffffff",
    Mark.BEYOND: "#f4f4f4",
}
_INK = {Mark.BREAKS: "#ffffff", Mark.BEYOND: "#8a8a8a"}
_TEXT, _GREY = "#1d1c1d", "#616061"


def diagram(route: Route) -> str:
    """The SVG document, or "" if nothing was traced."""
    requests = _drawn(route)
    if not requests:
        return ""
    import drawsvg

    width = 2 * _LEFT + len(HopName) * (_BOX + _GAP) - _GAP
    drawing: Any = drawsvg.Drawing(width, _TOP - 20 + _ROW * len(requests), font_family="sans-serif")
    drawing.append(drawsvg.Rectangle(0, 0, width, _TOP - 20 + _ROW * len(requests), fill="#ffffff"))
    for number, request in enumerate(requests):
        _row(drawing, request, _TOP + _ROW * number)
    written: str = drawing.as_svg()
    return written


def alternative(route: Route) -> str:
    """The alternative text of the diagram."""
    return " ".join(request.summary for request in _drawn(route)) or route.summary


def _drawn(route: Route) -> tuple[TracedRequest, ...]:
    """The requests for which the gateway is configured, or all if there are none."""
    return tuple([request for request in route.requests if request.meant] or route.requests)[:_MAX_ROWS]


def _row(drawing: Any, request: TracedRequest, top: int) -> None:
    import drawsvg

    clients = ", ".join(request.clients[:3]) + (
        f" and {len(request.clients) - 3} more" if len(request.clients) > 3 else ""
    )
    ends = request.answer if request.outcome is Outcome.FAILS else request.address
    title = _cut(
        f"{request.scheme}:// port {request.port} from {clients}: {request.outcome}{f', {ends}' if ends else ''}", 150
    )
    drawing.append(drawsvg.Text(title, 14, _LEFT, top - 12, fill=_TEXT, font_weight="bold"))
    for number, hop in enumerate(request.hops):
        left = _LEFT + number * (_BOX + _GAP)
        if number:
            colour = _GREY if hop.mark is Mark.BEYOND else _TEXT
            dash = {"stroke_dasharray": "3,3"} if hop.mark is Mark.BEYOND else {}
            middle = top + 26
            drawing.append(drawsvg.Line(left - _GAP, middle, left, middle, stroke=colour, stroke_width=2, **dash))
        _box(drawing, hop, left, top)


def _box(drawing: Any, hop: Hop, left: int, top: int) -> None:
    import drawsvg

    ink = _INK.get(hop.mark, _TEXT)
    stops = hop.mark in (Mark.BREAKS, Mark.LEAVES)
    drawing.append(
        drawsvg.Rectangle(
            left,
            top,
            _BOX,
            52,
            rx=6,
            fill=_FILL[hop.mark],
            stroke=_TEXT if stops else _GREY,
            stroke_width=3 if stops else 1,
            **({"stroke_dasharray": "4,3"} if hop.mark in (Mark.BEYOND, Mark.UNKNOWN) else {}),
        )
    )
    lines = _NAMES[hop.name]
    for line, text in enumerate(lines):
        at = top + 31 + 16 * line - 8 * (len(lines) - 1)
        drawing.append(drawsvg.Text(text, 13, left + 10, at, fill=ink, font_weight="bold" if stops else "normal"))
    drawing.append(drawsvg.Text(SIGNS[hop.mark], 20, left + _BOX - 22, top + 33, fill=ink))
    for line, text in enumerate(_below(hop)):
        drawing.append(drawsvg.Text(text, 10, left, top + 66 + 12 * line, fill=_GREY))


def _below(hop: Hop) -> list[str]:
    """The object that decided the hop, shown below its box."""
    if not hop.decided or hop.mark is Mark.BEYOND:
        return []
    lines = textwrap.wrap(
        hop.decided[0].resource,
        _COLUMNS,
        max_lines=2,
        placeholder="…",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [_cut(each, _COLUMNS) for each in lines]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
