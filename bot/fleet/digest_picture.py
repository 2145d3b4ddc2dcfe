"""The picture of a digest: one row per gateway, one cell per day.

It is legible on a phone and without colour.
"""

import io
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby

from PIL import Image, ImageDraw

from bot.messages.fonts import Font, font_of_size
from checks.reports.wording import plural
from workers.records.digest import Digest, Row

_WIDTH = 560
"""Pixels. A phone shows half as many; there a font size of 26 is that of its small text."""
_LEFT = 14
_CELL = 38
_ROW = 82
_TITLE = 48
_HEAD = 62
MAX_ROWS_DRAWN = 10

_DAY_WORDS = {"b": "broken", "u": "inconclusive", "s": "starting", "d": "degraded", "h": "healthy", ".": "not checked"}
_FILL = {"b": "#b3261e", "u": "#ffffff", "s": "#c9dcf5", "d": "#f2c744", "h": "#bfe3c9", ".": "#ffffff"}
_INK = {"b": "#ffffff", "u": "#1d1c1d", "s": "#1d1c1d", "d": "#1d1c1d", "h": "#1d6b3a", ".": "#9a9a9a"}
_TEXT = "#1d1c1d"
_GREY = "#616061"
_ORDER = "busd.h"


def drawn_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows to draw, by cluster: gateways with problems take precedence over healthy ones."""
    ranked = sorted(rows, key=lambda row: (min(_ORDER.index(mark) for mark in row.days), -row.days.count("b")))
    return tuple(sorted(ranked[:MAX_ROWS_DRAWN], key=lambda row: (row.cluster, row.gateway)))


def digest_picture(digest: Digest) -> bytes:
    """The picture as PNG; empty without rows."""
    rows = drawn_rows(digest.rows)
    if not rows or digest.first_day is None:
        return b""
    clusters = [(name, list(group)) for name, group in groupby(rows, key=lambda row: row.cluster)]
    height = _HEAD + sum(_TITLE + _ROW * len(group) for _, group in clusters) + 148
    image = Image.new("RGB", (_WIDTH, height), "#ffffff")
    draw = ImageDraw.Draw(image)
    _days(draw, digest.first_day, len(rows[0].days))
    top = _HEAD
    for name, group in clusters:
        draw.text((_LEFT, top + 10), _cut(draw, name, _WIDTH - 2 * _LEFT, font_of_size(28)), _TEXT, font_of_size(28))
        top += _TITLE
        for row in group:
            draw.text(
                (_LEFT, top), _cut(draw, row.gateway, _WIDTH - 2 * _LEFT, font_of_size(26)), _GREY, font_of_size(26)
            )
            for number, mark in enumerate(row.days):
                _cell(draw, _LEFT + number * _CELL, top + 34, mark)
            top += _ROW
    _legend(draw, top + 8, len(digest.rows) - len(rows))
    written = io.BytesIO()
    image.quantize(32).save(written, "PNG", optimize=True)
    return written.getvalue()


def digest_alt_text(digest: Digest) -> str:
    """The alternative text of the picture."""
    if digest.first_day is None or not digest.rows:
        return ""
    days = len(digest.rows[0].days)
    last = digest.first_day + timedelta(days=days - 1)
    sentences = [f"The last {days} days, {_day(digest.first_day)} to {_day(last)}."]
    steady = 0
    for row in drawn_rows(digest.rows):
        parts = []
        for mark in "busd.":
            which = [_day(digest.first_day + timedelta(days=n)) for n, each in enumerate(row.days) if each == mark]
            if which and not (mark == "." and len(which) < days):
                latest = "most recently " if len(which) > 3 else ""
                parts.append(f"{_DAY_WORDS[mark]} on {plural(len(which), 'day')} ({latest}{', '.join(which[-3:])})")
        if parts:
            sentences.append(f"{row.gateway} on {row.cluster}: {'; '.join(parts)}.")
        else:
            steady += 1
    steady += len(digest.rows) - len(drawn_rows(digest.rows))
    if steady:
        sentences.append(f"{plural(steady, 'gateway')} healthy on every day that had a check.")
    return " ".join(sentences)


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _days(draw: ImageDraw.ImageDraw, first: date, count: int) -> None:
    for number in range(count):
        day = first + timedelta(days=number)
        weekend = day.weekday() >= 5
        middle = _LEFT + number * _CELL + _CELL // 2 - 2
        draw.text((middle, 44), str(day.day), _GREY if weekend else _TEXT, font_of_size(22), anchor="mm")
        if number == 0 or day.day == 1:
            draw.text((middle, 18), f"{day:%b}", _GREY, font_of_size(22), anchor="mm")


def _cell(draw: ImageDraw.ImageDraw, left: int, top: int, mark: str) -> None:
    """A mark whose shape, not only its colour, shows the state."""
    box = (left, top, left + _CELL - 5, top + _CELL - 3)
    outline = "#9a9a9a" if mark in "u." else _FILL[mark]
    draw.rounded_rectangle(box, 6, fill=_FILL[mark], outline=outline, width=2)
    middle = ((box[0] + box[2]) // 2, (box[1] + box[3]) // 2)
    ink = _INK[mark]
    match mark:
        case "b":
            for sign in (1, -1):
                draw.line((middle[0] - 8, middle[1] - 8 * sign, middle[0] + 8, middle[1] + 8 * sign), fill=ink, width=4)
        case "h":
            draw.line((middle[0] - 8, middle[1], middle[0] - 2, middle[1] + 6), fill=ink, width=4)
            draw.line((middle[0] - 2, middle[1] + 6, middle[0] + 8, middle[1] - 6), fill=ink, width=4)
        case "s":
            for sign in (1, -1):  # an hourglass
                edge = middle[1] - 9 * sign
                draw.polygon(((middle[0] - 7, edge), (middle[0] + 7, edge), middle), outline=ink, width=2)
        case "u" | "d":
            draw.text(middle, "?" if mark == "u" else "!", ink, font_of_size(26), anchor="mm")
        case _:
            draw.line((middle[0] - 5, middle[1], middle[0] + 5, middle[1]), fill=ink, width=3)


def _legend(draw: ImageDraw.ImageDraw, top: int, more: int) -> None:
    left, line = _LEFT, top
    for mark in "hdsbu.":
        wide = _CELL + 20 + int(draw.textlength(_DAY_WORDS[mark], font_of_size(24)))
        if left + wide > _WIDTH:
            left, line = _LEFT, line + 44
        _cell(draw, left, line, mark)
        draw.text((left + _CELL + 2, line + 4), _DAY_WORDS[mark], _GREY, font_of_size(24))
        left += wide
    if more > 0:
        draw.text(
            (_LEFT, line + 48), f"and {plural(more, 'gateway')} more with fewer problems", _GREY, font_of_size(24)
        )


def _cut(draw: ImageDraw.ImageDraw, text: str, room: int, font: Font) -> str:
    if draw.textlength(text, font) <= room:
        return text
    # Gateways of one namespace differ at the end of their names, so the middle is cut.
    kept = len(text)
    while kept > 4 and draw.textlength(_middle(text, kept), font) > room:
        kept -= 1
    return _middle(text, kept)


def _middle(text: str, kept: int) -> str:
    return f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"
