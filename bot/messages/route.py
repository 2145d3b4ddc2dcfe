"""The route of a host in the thread of its run.

Each request is a list of hops; a picture shows them all.
"""

from collections.abc import Iterator

from bot.messages.blocks import (
    SECTION_TEXT,
    Block,
    Escaped,
    Message,
    as_code,
    code_block,
    cut,
    fallback,
    fitting,
    plain,
    raw,
    section,
)
from bot.messages.route_picture import route_alt_text
from checks.model.commands import is_command
from checks.model.route import Correction, Hop, Mark, Route, TracedRequest
from workers.records.run import Run

SLOT = "route"
_ALT_TEXT_LIMIT = 1900
"""Limit of an alternative text, below Slack's 2,000 characters."""

_HOP_MARKS = {
    Mark.PASSES: "✅",
    Mark.DOUBTS: "⚠️",
    Mark.BREAKS: "❌",
    Mark.LEAVES: "↗️",
    Mark.UNKNOWN: "❔",
    Mark.BEYOND: "▫️",
}


def route_of(run: Run) -> Route | None:
    """The route in a run's report; None without a host."""
    return run.report.route if run.report is not None else None


def route_messages(run: Run, picture: str = "") -> tuple[Message, ...]:
    """The list of hops, and the picture if it was uploaded (`picture` is its id)."""
    route = route_of(run)
    if route is None:
        return ()
    # The summary of a single request is not repeated.
    repeated = any(request.summary == route.summary for request in route.requests)
    blocks: list[Block] = [
        section(raw(f"*Route of* {as_code(route.host)}" + ("" if repeated else f"\n{plain(route.summary)}")))
    ]
    for request in route.requests:
        blocks += _request(request)
    found = [Message(SLOT, fallback(f"Route of {route.host}: {route.summary}"), fitting(blocks), final=True)]
    if picture:
        words = fallback(route_alt_text(route)).strip() or "The route, hop by hop"
        image: Block = {"type": "image", "slack_file": {"id": picture}, "alt_text": cut(words, _ALT_TEXT_LIMIT)}
        found.append(Message(f"{SLOT}/picture", words, (image,)))
    return tuple(found)


def _request(request: TracedRequest) -> Iterator[Block]:
    clients = ", ".join(request.clients[:5]) + (
        f" and {len(request.clients) - 5} more" if len(request.clients) > 5 else ""
    )
    where = f", gateway pods of {as_code(request.revision)}" if request.revision else ""
    head = f"*{request.scheme}:\u2060// port {request.port}* from {as_code(clients)}{where}\n{plain(request.summary)}"
    if not request.meant:
        yield section(raw(head))
        return
    yield section(raw("\n".join([head, *(_hop(number, hop) for number, hop in enumerate(request.hops, start=1))])))
    for correction in request.corrections:
        yield section(_correction(correction))


def _hop(number: int, hop: Hop) -> str:
    if hop.mark is Mark.BEYOND:
        return f"{_HOP_MARKS[hop.mark]} {number}. {hop.name}: not reached"
    by = f" · {as_code(hop.decided[0].resource)} {as_code(hop.decided[0].field)}" if hop.decided else ""
    code = f" ({hop.finding})" if hop.finding else ""
    doubts = "".join(f"\n      ⚠️ {plain(each)}" for each in hop.doubts)
    bold = "*" if hop.mark in (Mark.BREAKS, Mark.LEAVES) else ""
    return f"{_HOP_MARKS[hop.mark]} {number}. {bold}{hop.name}{bold}: {plain(hop.result)}{code}{by}{doubts}"


def _correction(each: Correction) -> Escaped:
    body = f"\n{code_block(each.command)}" if each.command else ""
    whole = f"{plain(each.title)} _(changes the cluster; effect on other hosts: {plain(each.elsewhere)})_{body}"
    undo = f"\n_Undo:_\n{code_block(each.undo)}" if is_command(each.undo) else ""
    return raw(whole + undo if len(whole) + len(undo) <= SECTION_TEXT else whole)
