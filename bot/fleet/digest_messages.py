"""A digest as messages: the digest in the channel, and its picture in the thread."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.messages.blocks import Block, Message, context, fallback, fitting, plain, raw, section
from bot.messages.canary_lines import canary_line
from bot.messages.gateway_lines import (
    cause_of,
    cause_words,
    drift_line,
    gateway_on,
    limit_line,
    listed,
    mute_line,
    owner_of,
    prefix_line,
    unchecked_line,
)
from bot.messages.phrases import DATE_AND_TIME, local_time, long_duration, since_when
from bot.messages.tables import data_table, person_cell, text_cell, time_cell
from checks.reports.wording import plural
from workers.records.digest import Counts, Digest, GatewayLine

_ALT_TEXT_LIMIT = 1900
"""Limit of an alternative text, below Slack's 2,000 characters."""


def digest_messages(digest: Digest, picture: str = "", alt: str = "") -> tuple[Message, ...]:
    """Every message that should exist.

    `picture` is the id of the uploaded picture, empty without one.
    """
    found = [_parent(digest)]
    if picture and alt:
        image: Block = {"type": "image", "slack_file": {"id": picture}, "alt_text": alt[:_ALT_TEXT_LIMIT]}
        found.append(Message("picture", fallback(alt), (image,)))
    return tuple(found)


def _parent(digest: Digest) -> Message:
    words = digest_headline(digest)
    classic = fitting([*_head(digest, words), *_parts(digest), context(raw(_foot(digest)))])
    found = _as_table(digest)
    newest = [*_head(digest, words), *_beside_table(digest), context(raw(_foot(digest))), found] if found else []
    return Message("parent", fallback(words), classic, thread=False, final=True, newest=fitting(newest))


def _head(digest: Digest, words: str) -> Iterator[Block]:
    yield section(raw(f"*{plain(words)}*"))
    if digest.order.late:
        delay = long_duration((digest.at - digest.order.due).total_seconds())
        due = local_time(digest.order.due, DATE_AND_TIME)
        yield context(raw(f"⏰ This digest was due {due} and is {delay} late."))


def _as_table(digest: Digest) -> Block | None:
    """The gateways of the digest as a table; None if it has no row, or exceeds a limit."""
    states = (
        ("❌ newly broken", digest.broke),
        ("⏳ starting", digest.starting),
        ("✅ fixed", digest.fixed),
        ("❌ still broken", digest.still),
        ("⚠️ warnings", digest.warned),
    )
    rows = [_row(state, line) for state, lines in states for line in lines]
    return data_table(("State", "Gateway", "Cause", "Since", "Owner"), rows, wrapped=(1, 2)) if rows else None


def _row(state: str, line: GatewayLine) -> Sequence[Block]:
    begun = line.beginning
    if state == "✅ fixed":
        since = text_cell(f"broken for {long_duration(line.outage_seconds)}")
    elif begun.since is not None:
        since = time_cell(begun.since)
    else:
        since = time_cell(begun.first_seen, "first seen")
    name = text_cell(f"{line.gateway} on {line.cluster}")
    cause = text_cell(f"{cause_words(line)}{_unsure(line)}{_flapped(line)}")
    day = f", day {line.day}" if state == "❌ still broken" else ""
    return (text_cell(f"{state}{day}"), name, cause, since, person_cell(line.owner) if line.owner else text_cell(""))


def _flapped(line: GatewayLine) -> str:
    return f" · broken {line.times} times" if line.times > 1 else ""


def digest_headline(digest: Digest) -> str:
    """The digest in one line; a lock screen shows its first words."""
    failing = sum(not each.clean for each in digest.canaries)
    parts = [
        f"{len(digest.broke)} newly broken" if digest.broke else "",
        f"{len(digest.starting)} starting" if digest.starting else "",
        f"{len(digest.fixed)} fixed" if digest.fixed else "",
        f"{len(digest.still)} still broken" if digest.still else "",
        f"{_count(digest)} not checked" if digest.unchecked else "",
        f"{len(digest.prefix_changes)} with a new egress IP prefix" if digest.prefix_changes else "",
        f"{len(digest.warned)} with new warnings" if digest.warned and not _lists_all(digest) else "",
        f"{len(digest.drift)} changed" if digest.drift else "",
        f"{failing} with scheduled probes that did not pass" if failing else "",
    ]
    changes = ", ".join(part for part in parts if part)
    counts = digest.counts
    if changes:
        return f"Egress gateways: {changes}"
    if digest.order.removed_clusters and not counts.clusters:
        return "Egress gateways: none of this digest's clusters is configured"
    if not counts.gateways:
        return f"Egress gateways: none in {plural(counts.clusters, 'cluster')}"
    if _lists_all(digest):
        return f"Egress gateways: {_counted(counts)}"
    return f"Egress gateways: nothing changed, {_counted(counts)}"


def _lists_all(digest: Digest) -> bool:
    """Whether a digest lists what has not changed, too."""
    return digest.order.weekly or digest.order.show == "full"


def _count(digest: Digest) -> str:
    clusters = sum(not each.gateways for each in digest.unchecked)
    some = sum(len(each.gateways) for each in digest.unchecked)
    return " and ".join(
        part
        for part in (plural(clusters, "cluster") if clusters else "", plural(some, "gateway") if some else "")
        if part
    )


def _counted(counts: Counts) -> str:
    """The healthy gateways out of all, with the others by verdict: no gateway is left out."""
    parts = [
        f"{counts.broken} broken" if counts.broken else "",
        f"{counts.unknown} inconclusive" if counts.unknown else "",
        f"{counts.starting} starting" if counts.starting else "",
        f"{counts.warned} degraded" if counts.warned else "",
    ]
    others = ", ".join(part for part in parts if part)
    return f"{counts.healthy} of {counts.gateways} healthy" + (f" ({others})" if others else "")


def _beside_table(digest: Digest) -> Iterator[Block]:
    """The parts of a digest that its table does not have."""
    empty: tuple[GatewayLine, ...] = ()
    yield from _parts(replace(digest, broke=empty, starting=empty, fixed=empty, still=empty, warned=empty))


def _parts(digest: Digest) -> Iterator[Block]:
    yield from listed("❌ *Newly broken*", digest.broke, _broke)
    yield from listed("⏳ *Starting*", digest.starting, starting_line)
    yield from listed(
        "📣 *New egress IP prefix: update the allow-lists at the destinations*", digest.prefix_changes, prefix_line
    )
    yield from listed("✅ *Fixed*", digest.fixed, fixed_line)
    yield from listed("❌ *Still broken*", digest.still, still_broken_line)
    yield from listed("❔ *Not checked*", digest.unchecked, unchecked_line)
    if digest.order.removed_clusters:
        names = ", ".join(plain(each) for each in digest.order.removed_clusters)
        yield section(raw(f"❔ *No longer configured:* {names}"))
    yield from listed("🔧 *Configuration changed*", digest.drift, drift_line)
    yield from listed("⚠️ *Warnings*", digest.warned, starting_line, 6)
    yield from listed("⚠️ *Limits almost reached*", digest.limits, limit_line, 6)
    yield from listed("📡 *Scheduled probes*", digest.canaries, canary_line, 6)
    yield from listed("🔇 *Mutes ending soon*", digest.mutes, mute_line, 6)


def _broke(line: GatewayLine) -> str:
    often = f" · {line.times} times" if line.times > 1 else ""
    seen = since_when(line.beginning)
    return f"• {gateway_on(line.cluster, line.gateway)} {seen}{often}{_unsure(line)}: {cause_of(line)}"


def starting_line(line: GatewayLine) -> str:
    """A gateway that does not serve yet, or has warnings, with the first reason."""
    seen = since_when(line.beginning)
    return f"• {gateway_on(line.cluster, line.gateway)} {seen}{_unsure(line)}: {cause_of(line)}"


def still_broken_line(line: GatewayLine) -> str:
    """A gateway that is still broken: since when, the day and the owner."""
    seen = f"{since_when(line.beginning)}, day {line.day}"
    return f"• {gateway_on(line.cluster, line.gateway)} {seen}{owner_of(line)}{_unsure(line)}: {cause_of(line)}"


def fixed_line(line: GatewayLine) -> str:
    """A gateway that works again, with how long it was broken and how often."""
    gateway, broken = gateway_on(line.cluster, line.gateway), long_duration(line.outage_seconds)
    if line.removed:
        return f"• {gateway} was broken for {broken} and is no longer in the mesh profile"
    flapped = f" *It flapped: broken {line.times} times.*" if line.times > 1 else ""
    return f"• {gateway} was broken for {broken}: {cause_of(line)}{flapped}"


def _unsure(line: GatewayLine) -> str:
    return " · last known state, not checked now" if line.uncertain else ""


def _foot(digest: Digest) -> str:
    counts, order = digest.counts, digest.order
    parts = [f"{plural(counts.gateways, 'gateway')} in {plural(counts.clusters, 'cluster')}"]
    if not digest.quiet or order.weekly or order.show == "full":
        parts.append(
            f"{counts.healthy} healthy, {counts.warned} degraded, {counts.starting} starting, {counts.broken} broken, "
            f"{counts.unknown} inconclusive"
        )
    if counts.muted:
        parts.append(f"{counts.muted} muted")
    if order.weekly:
        parts.append("weekly summary")
    if order.user:
        parts.append(f"requested by <@{order.user}>")
    elif order.when:
        parts.append(str(plain(order.when)))
    return " · ".join(parts)
