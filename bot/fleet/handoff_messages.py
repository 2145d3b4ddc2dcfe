"""A handoff as messages: the handoff in the channel, and a reminder in its thread."""

from collections.abc import Iterator, Mapping

from bot.fleet.digest_messages import fixed_line
from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    as_code,
    button,
    context,
    fallback,
    fitting,
    plain,
    raw,
    section,
)
from bot.messages.gateway_lines import (
    cause_of,
    drift_line,
    gateway_on,
    listed,
    mute_line,
    owner_of,
    prefix_line,
    reason_lines,
    unchecked_line,
)
from bot.messages.phrases import DATE_AND_TIME, VERDICT_MARKS, local_time, since_when
from bot.messages.recipe_progress import tried_line
from checks.reports.wording import VERDICTS, plural
from workers.records.digest import GatewayLine, Unchecked
from workers.records.handoff import MOST_UNCHECKED, Fixed, Handoff, Watching, Work

TAKE_HANDOFF = "take_handoff"


def handoff_messages(shift: Handoff, links: Mapping[str, str], canvas: str = "") -> tuple[Message, ...]:
    """Every message that should exist.

    `links` holds the threads of open problems, by `cluster namespace/name`. `canvas` is the address of the canvas that has
    the content; without one, the message has it.
    """
    found = [_parent(shift, links, canvas)]
    if shift.reminded and not shift.taken_by:
        found.append(_reminder(shift))
    return tuple(found)


def handoff_headline(shift: Handoff) -> str:
    """The shift in one line."""
    return f"Handoff: {_state(shift)}"


def _state(shift: Handoff) -> str:
    if shift.quiet and not shift.coverage.sweeps and not shift.coverage.runs:
        return "no gateway was checked this shift"
    if shift.quiet:
        return "no open problems"
    parts = [
        f"{len(shift.open)} open" if shift.open else "nothing open",
        f"{len(shift.starting)} starting" if shift.starting else "",
        f"{len(shift.warned)} with warnings" if shift.warned else "",
        f"{len(shift.fixed)} fixed" if shift.fixed else "",
        f"{len(shift.watching)} watched" if shift.watching else "",
        f"{len(shift.changed) + len(shift.prefix_changes)} changed" if shift.changed or shift.prefix_changes else "",
        f"{len(shift.unchecked)} not checked" if shift.unchecked else "",
    ]
    return ", ".join(part for part in parts if part)


def _parent(shift: Handoff, links: Mapping[str, str], canvas: str) -> Message:
    order = shift.order
    words = handoff_headline(shift)
    to = f" to <@{order.to}>" if order.to else ""
    begun = order.at - order.span
    head = raw(f"*{plain(words)}*\n<@{order.user}>{to} · shift since {local_time(begun, DATE_AND_TIME)}")
    blocks: list[Block] = [section(head)]
    if order.note:
        blocks.append(section(raw(f"📝 {plain(order.note)}")))
    blocks += [section(raw(f"📄 <{canvas}|Read the handoff>"))] if canvas else handoff_blocks(shift, links)
    blocks.append(context(raw(shift_coverage(shift)), raw(_taken(shift))))
    closing = [] if shift.taken_by else [actions([button("Take over", TAKE_HANDOFF, order.id, style="primary")])]
    return Message("parent", fallback(words), fitting(blocks, closing), thread=False, final=True)


def handoff_blocks(shift: Handoff, links: Mapping[str, str]) -> Iterator[Block]:
    """The content of the handoff, most urgent first."""

    def item(line: GatewayLine) -> str:
        work = (shift.work or {}).get(f"{line.cluster} {line.gateway}")
        return "\n   ".join([_open(line, links), *(_work(line, work) if work is not None else ())])

    def unchecked(line: Unchecked) -> str:
        return _unchecked(line, links, shift.work or {}) if line.gateways else unchecked_line(line)

    yield from listed("❌ *Open*", shift.open, item)
    yield from listed("⏳ *Starting*", shift.starting, item)
    yield from listed("⚠️ *Warnings*", shift.warned, item, 6)
    yield from listed("✅ *Fixed this shift*", shift.fixed, _fixed)
    yield from listed("👀 *Active watches*", shift.watching, _watching)
    yield from listed(
        "📣 *New egress IP prefix: update the allow-lists at the destinations*", shift.prefix_changes, prefix_line
    )
    yield from listed("🔧 *Changed, no failures*", shift.changed, drift_line, 6)
    yield from listed("❔ *Not checked*", shift.unchecked, unchecked)
    yield from listed("🔇 *Muted*", shift.muted, mute_line, 6)


def shift_coverage(shift: Handoff) -> str:
    """The number of checks: a shift without checks must not look like a quiet one."""
    done = shift.coverage
    if not done.sweeps and not done.runs:
        return "No gateway was checked this shift."
    by_hand = f"{plural(done.runs, 'gateway')} checked by hand" if done.runs else ""
    if not done.sweeps:
        return f"{by_hand} this shift; no scheduled fleet check ran"
    scope = f"{plural(done.clusters, 'cluster')} with {plural(done.gateways, 'gateway')}"
    failed = f", {done.missed} failed" if done.missed else ""
    last = f", the last {local_time(done.last, DATE_AND_TIME)}" if done.last else ""
    count = f"{plural(done.sweeps, 'cluster check')}{failed}"
    return f"Fleet checks of {scope}: {count}{last}{f'; {by_hand}' if by_hand else ''}"


def _unchecked(line: Unchecked, links: Mapping[str, str], work: Mapping[str, Work]) -> str:
    """Gateways that were not checked for one reason.

    Each has its owner, its thread and its checks; the reason follows.
    """
    since = f" since {local_time(line.last, DATE_AND_TIME)}" if line.last is not None else ""
    found = []
    for gateway in line.gateways[:MOST_UNCHECKED]:
        owner = (line.owners or {}).get(gateway, "")
        owned = f" · owner <@{owner}>" if owner else " · no owner"
        found.append(f"• {gateway_on(line.cluster, gateway)}{since}{owned}{_thread(line.cluster, gateway, links)}")
        done = work.get(f"{line.cluster} {gateway}")
        found += [f"   {each}" for each in _done(done)] if done is not None else ()
    if len(line.gateways) > MOST_UNCHECKED:
        found.append(f"• and {len(line.gateways) - MOST_UNCHECKED} more on {as_code(line.cluster)}")
    return "\n".join([*found, *(f"   {each}" for each in reason_lines(line))])


def _thread(cluster: str, gateway: str, links: Mapping[str, str]) -> str:
    link = links.get(f"{cluster} {gateway}", "")
    return f" · <{link}|thread>" if link.startswith(("https://", "http://")) else ""


def _open(line: GatewayLine, links: Mapping[str, str]) -> str:
    thread = _thread(line.cluster, line.gateway, links)
    unsure = " · last known state, not checked now" if line.uncertain else ""
    seen = since_when(line.beginning)
    return f"• {gateway_on(line.cluster, line.gateway)} {seen}{owner_of(line)}{unsure}{thread}\n   {cause_of(line)}"


def _work(line: GatewayLine, work: Work) -> Iterator[Escaped]:
    """The steps and checks of a gateway with their results, and the next step."""
    yield from _done(work)
    check = as_code(f"/egress-diag {line.cluster} {line.gateway}")
    yield raw(f"👉 Next: {plain(work.next)}") if work.next else raw(f"👉 Next: check it here with {check}")


def _done(work: Work) -> Iterator[Escaped]:
    """The steps and checks of a gateway in the channel, with their results."""
    yield from map(tried_line, work.tried[-_MOST_TRIED:])
    if work.last is not None and work.verdict is not None:
        verdict = f"{VERDICT_MARKS[work.verdict]} {VERDICTS[work.verdict].lower()}"
        last = f"the last {local_time(work.last, DATE_AND_TIME)}: {verdict}"
        yield raw(f"🔄 {plural(work.checks, 'check')} in this channel, {last}")
    elif not work.tried:
        yield raw("Not tried in this channel: no step, no check")


_MOST_TRIED = 2
"""Tried steps of a gateway that a handoff lists, the latest ones: it is read in a minute."""


def _fixed(each: Fixed) -> str:
    recurrence = f" *May recur: fixed {each.week} times within a week.*" if each.may_return else ""
    return fixed_line(each.line) + recurrence


def _watching(watch: Watching) -> str:
    last = f", {watch.verdict} at the last check" if watch.verdict else ""
    until = f"until {local_time(watch.until, DATE_AND_TIME)}"
    return f"• {gateway_on(watch.cluster, watch.gateway)} {until} for <@{watch.user}>{last}"


def _taken(shift: Handoff) -> Escaped:
    if shift.taken_by and shift.taken_at is not None:
        return raw(f"✅ <@{shift.taken_by}> took over {local_time(shift.taken_at, DATE_AND_TIME)}")
    return raw("Not taken over yet.")


def _reminder(shift: Handoff) -> Message:
    whom = shift.order.to or shift.order.user
    words = f"This handoff has not been taken over yet: {_state(shift)}"
    blocks = [section(raw(f"⏰ <@{whom}> {plain(words)}. Press *Take over* above."))]
    return Message("reminder", fallback(words), fitting(blocks), final=True)


__all__ = ["TAKE_HANDOFF", "handoff_blocks", "handoff_headline", "handoff_messages", "shift_coverage"]
