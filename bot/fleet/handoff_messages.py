"""A shift's handoff as messages: the one in the channel, and one reminder in its thread if nobody takes it."""

from collections.abc import Iterator, Mapping

from bot.fleet.digest_messages import fixed_line
from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    button,
    context,
    fallback,
    fitting,
    plain,
    raw,
    section,
)
from bot.messages.gateway_lines import (
    DAY,
    cause_of,
    drift_line,
    gateway_on,
    listed,
    mute_line,
    owner_of,
    prefix_line,
    unchecked_line,
)
from bot.messages.phrases import local_time
from checks.reports.wording import plural
from workers.fleet.digest import GatewayLine
from workers.fleet.handoff import Fixed, Handoff, Watching

TAKE_HANDOFF = "take_handoff"


def handoff_messages(shift: Handoff, links: Mapping[str, str]) -> tuple[Message, ...]:
    """The messages that should exist. `links` are the threads of open problems, by `cluster namespace/name`."""
    found = [_parent(shift, links)]
    if shift.reminded and not shift.taken_by:
        found.append(_reminder(shift))
    return tuple(found)


def handoff_headline(shift: Handoff) -> str:
    """The shift in one line."""
    if shift.quiet and not shift.looked.sweeps and not shift.looked.runs:
        return "Handoff: nobody looked at any gateway on this shift"
    if shift.quiet:
        return "Handoff: a quiet shift, nothing is open"
    parts = [
        f"{len(shift.open)} open" if shift.open else "nothing open",
        f"{len(shift.fixed)} fixed" if shift.fixed else "",
        f"{len(shift.watching)} watched" if shift.watching else "",
        f"{len(shift.changed) + len(shift.moved)} changed" if shift.changed or shift.moved else "",
        f"{len(shift.unseen)} not looked at" if shift.unseen else "",
    ]
    return f"Handoff: {', '.join(part for part in parts if part)}"


def _parent(shift: Handoff, links: Mapping[str, str]) -> Message:
    order = shift.order
    words = handoff_headline(shift)
    to = f" to <@{order.to}>" if order.to else ""
    begun = order.at - order.span
    head = raw(f"*{plain(words)}*\n<@{order.user}>{to} · the shift since {local_time(begun, DAY)}")
    blocks: list[Block] = [section(head)]
    if order.note:
        blocks.append(section(raw(f"📝 {plain(order.note)}")))
    blocks += handoff_blocks(shift, links)
    blocks.append(context(raw(shift_coverage(shift)), raw(_taken(shift))))
    closing = [] if shift.taken_by else [actions([button("I have it", TAKE_HANDOFF, order.id, style="primary")])]
    return Message("parent", fallback(words), fitting(blocks, closing), thread=False, final=True)


def handoff_blocks(shift: Handoff, links: Mapping[str, str]) -> Iterator[Block]:
    """What there is to hand over, most urgent first."""
    yield from listed("❌ *Open*", shift.open, lambda line: _open(line, links))
    yield from listed("✅ *Fixed on this shift*", shift.fixed, _fixed)
    yield from listed("👀 *Being watched*", shift.watching, _watching)
    yield from listed("📣 *Another egress range: partners must be told*", shift.moved, prefix_line)
    yield from listed("🔧 *Changed, and not failing*", shift.changed, drift_line, 6)
    yield from listed("❔ *Not looked at*", shift.unseen, unchecked_line)
    yield from listed("🔇 *Muted*", shift.muted, mute_line, 6)


def shift_coverage(shift: Handoff) -> str:
    """What was looked at and how often: an empty shift is not one on which nobody looked."""
    seen = shift.looked
    if not seen.sweeps and not seen.runs:
        return "Nobody looked at any gateway on this shift."
    often = (
        f"{plural(seen.sweeps, 'look')} at {plural(seen.clusters, 'cluster')} with {plural(seen.gateways, 'gateway')}"
    )
    missed = f", {seen.missed} of them in vain" if seen.missed else ""
    runs = f", {plural(seen.runs, 'gateway')} checked by hand" if seen.runs else ""
    last = f", the last {local_time(seen.last)}" if seen.last else ""
    return f"{often}{missed}{last}{runs}"


def _open(line: GatewayLine, links: Mapping[str, str]) -> str:
    link = links.get(f"{line.cluster} {line.gateway}", "")
    thread = f" · <{link}|thread>" if link.startswith(("https://", "http://")) else ""
    unsure = " · last known, not seen now" if line.uncertain else ""
    since = f"since {local_time(line.since, DAY)}"
    return f"• {gateway_on(line.cluster, line.gateway)} {since}{owner_of(line)}{unsure}{thread}\n   {cause_of(line)}"


def _fixed(each: Fixed) -> str:
    again = f" *It may return: fixed {each.week} times within a week.*" if each.may_return else ""
    return fixed_line(each.line) + again


def _watching(watch: Watching) -> str:
    now = f", {watch.verdict} at the last look" if watch.verdict else ""
    return f"• {gateway_on(watch.cluster, watch.gateway)} until {local_time(watch.until, DAY)} for <@{watch.user}>{now}"


def _taken(shift: Handoff) -> Escaped:
    if shift.taken_by and shift.taken_at is not None:
        return raw(f"✅ <@{shift.taken_by}> has it since {local_time(shift.taken_at)}")
    return raw("Nobody has it yet.")


def _reminder(shift: Handoff) -> Message:
    whom = shift.order.to or shift.order.user
    words = f"Nobody has taken this handoff yet: {handoff_headline(shift).removeprefix('Handoff: ')}"
    blocks = [section(raw(f"⏰ <@{whom}> {plain(words)}. Press *I have it* above."))]
    return Message("reminder", fallback(words), fitting(blocks), final=True)


__all__ = ["TAKE_HANDOFF", "handoff_blocks", "handoff_headline", "handoff_messages", "shift_coverage"]
