"""The picture of a route: its hops from top to bottom, legible on a phone, without colour."""

import io

from PIL import Image, ImageDraw

from bot.messages.fonts import Font, font_of_size
from checks.model.route import Hop, HopName, Mark, Route, TracedRequest
from checks.reports.route_diagram import SIGNS
from checks.reports.route_diagram import alternative as alternative_words

_WIDTH = 640
"""Pixels; a phone shows about half as many."""
_LEFT = 16
_HEAD = 92
_ROW = 62
_CELL = 42
_MAX_ROUTES = 3

_FILL = {
    Mark.PASSES: "#bfe3c9",
    Mark.DOUBTS: "#f2c744",
    Mark.BREAKS: "#b3261e",
    Mark.LEAVES: "#f2c744",
    Mark.UNKNOWN: "#ffffff",
    Mark.BEYOND: "#ffffff",
}
_TEXT, _GREY, _PALE = "#1d1c1d", "#616061", "#9a9a9a"


def route_picture(route: Route) -> bytes:
    """The picture as PNG; empty without a route to draw."""
    requests = _drawn(route)
    if not requests:
        return b""
    height = sum(_HEAD + _ROW * len(HopName) for _ in requests) + 16
    image = Image.new("RGB", (_WIDTH, height), "#ffffff")
    draw = ImageDraw.Draw(image)
    top = 8
    for request in requests:
        _request(draw, request, top)
        top += _HEAD + _ROW * len(HopName)
    written = io.BytesIO()
    image.quantize(32).save(written, "PNG", optimize=True)
    return written.getvalue()


def route_alt_text(route: Route) -> str:
    """The alternative text of the picture."""
    return alternative_words(route)


def _drawn(route: Route) -> tuple[TracedRequest, ...]:
    """The requests to draw: those that the gateway is configured for, failing ones first."""
    meant = [request for request in route.requests if request.meant] or list(route.requests)
    return tuple(sorted(meant, key=lambda request: request.broken is None)[:_MAX_ROUTES])


def _request(draw: ImageDraw.ImageDraw, request: TracedRequest, top: int) -> None:
    title = f"{request.scheme}:// port {request.port}: {request.outcome}"
    draw.text((_LEFT, top), _cut(draw, title, _WIDTH - 2 * _LEFT, font_of_size(30)), _TEXT, font_of_size(30))
    draw.text(
        (_LEFT, top + 42),
        _cut(draw, f"from {', '.join(request.clients)}", _WIDTH - 2 * _LEFT, font_of_size(24)),
        _GREY,
        font_of_size(24),
    )
    at = top + _HEAD
    for number, hop in enumerate(request.hops):
        if number:
            middle = _LEFT + _CELL // 2
            draw.line((middle, at + number * _ROW - (_ROW - _CELL), middle, at + number * _ROW), fill=_PALE, width=3)
        _hop(draw, hop, at + number * _ROW)


def _hop(draw: ImageDraw.ImageDraw, hop: Hop, top: int) -> None:
    """A hop: a sign whose shape shows its state, its name, and its description."""
    box = (_LEFT, top, _LEFT + _CELL, top + _CELL)
    stops = hop.mark in (Mark.BREAKS, Mark.LEAVES)
    draw.rounded_rectangle(box, 8, fill=_FILL[hop.mark], outline=_TEXT if stops else _PALE, width=4 if stops else 2)
    _sign(draw, hop.mark, (_LEFT + _CELL // 2, top + _CELL // 2))
    left, room = _LEFT + _CELL + 14, _WIDTH - 2 * _LEFT - _CELL - 14
    ink = _PALE if hop.mark is Mark.BEYOND else _TEXT
    name = f"{hop.name}{f' ({hop.finding})' if hop.finding else ''}"
    draw.text((left, top - 5), _cut(draw, name, room, font_of_size(26)), ink, font_of_size(26))
    result = "not reached" if hop.mark is Mark.BEYOND else hop.result
    draw.text(
        (left, top + 25),
        _cut(draw, result, room, font_of_size(20)),
        _PALE if hop.mark is Mark.BEYOND else _GREY,
        font_of_size(20),
    )


def _sign(draw: ImageDraw.ImageDraw, mark: Mark, middle: tuple[int, int]) -> None:
    x, y = middle
    match mark:
        case Mark.PASSES:
            draw.line((x - 10, y, x - 3, y + 8), fill="#1d6b3a", width=5)
            draw.line((x - 3, y + 8, x + 11, y - 9), fill="#1d6b3a", width=5)
        case Mark.BREAKS:
            for sign in (1, -1):
                draw.line((x - 10, y - 10 * sign, x + 10, y + 10 * sign), fill="#ffffff", width=5)
        case Mark.LEAVES:
            draw.line((x - 9, y + 9, x + 9, y - 9), fill=_TEXT, width=5)
            draw.line((x - 3, y - 9, x + 9, y - 9), fill=_TEXT, width=5)
            draw.line((x + 9, y - 9, x + 9, y + 3), fill=_TEXT, width=5)
        case Mark.DOUBTS | Mark.UNKNOWN:
            draw.text(middle, SIGNS[mark], _TEXT, font_of_size(28), anchor="mm")
        case _:
            draw.line((x - 5, y, x + 5, y), fill=_PALE, width=3)


def _cut(draw: ImageDraw.ImageDraw, text: str, room: int, font: Font) -> str:
    """The text, cut to the width."""
    flat = " ".join(text[:400].split())[:160]
    if draw.textlength(flat, font) <= room:
        return flat
    kept = len(flat)
    while kept > 4 and draw.textlength(f"{flat[:kept]}…", font) > room:
        kept -= max(1, (kept - 4) // 20)
    return f"{flat[:kept]}…"
