"""A digest as messages: the one in the channel, and in its thread the picture of the last two weeks."""

from collections.abc import Iterator

from bot.messages.blocks import Block, Message, context, fallback, fitting, plain, raw, section
from bot.messages.gateway_lines import (
    DAY,
    cause_of,
    drift_line,
    gateway_on,
    late,
    limit_line,
    listed,
    long_duration,
    mute_line,
    owner_of,
    prefix_line,
    unchecked_line,
)
from bot.messages.phrases import local_time
from checks.reports.wording import plural
from workers.fleet.digest import Counts, Digest, GatewayLine

_ALT_TEXT_LIMIT = 1900
"""Characters of an alternative text: Slack takes 2,000."""


def digest_messages(digest: Digest, picture: str = "", alt: str = "") -> tuple[Message, ...]:
    """The messages that should exist; `picture` is the id of the uploaded picture, "" where there is none."""
    found = [_parent(digest)]
    if picture and alt:
        image: Block = {"type": "image", "slack_file": {"id": picture}, "alt_text": alt[:_ALT_TEXT_LIMIT]}
        found.append(Message("picture", fallback(alt), (image,)))
    return tuple(found)


def _parent(digest: Digest) -> Message:
    words = digest_headline(digest)
    blocks: list[Block] = [section(raw(f"*{plain(words)}*"))]
    if digest.order.late:
        delay = late(digest.at - digest.order.due)
        blocks.append(context(raw(f"⏰ This digest was due {local_time(digest.order.due, DAY)} and is {delay} late.")))
    blocks += _parts(digest)
    blocks.append(context(raw(_foot(digest))))
    return Message("parent", fallback(words), fitting(blocks), thread=False, final=True)


def digest_headline(digest: Digest) -> str:
    """The whole digest in one line: its first words are what a lock screen shows."""
    parts = [
        f"{_count(digest)} not looked at" if digest.unseen else "",
        f"{len(digest.broke)} newly broken" if digest.broke else "",
        f"{len(digest.fixed)} fixed" if digest.fixed else "",
        f"{len(digest.still)} still broken" if digest.still else "",
        f"{len(digest.moved)} with another egress range" if digest.moved else "",
        f"{len(digest.drift)} changed" if digest.drift else "",
    ]
    told = ", ".join(part for part in parts if part)
    counts = digest.counts
    if told:
        return f"Egress gateways: {told}"
    if digest.order.gone and not counts.clusters:
        return "Egress gateways: none of the clusters of this digest is configured any more"
    if not counts.gateways:
        return f"Egress gateways: none in {plural(counts.clusters, 'cluster')}"
    if digest.order.weekly or digest.order.show == "full":
        return f"Egress gateways: {_counted(counts)}"
    return f"Egress gateways: nothing changed, {_counted(counts)}"


def _count(digest: Digest) -> str:
    whole = sum(not each.gateways for each in digest.unseen)
    some = sum(len(each.gateways) for each in digest.unseen)
    return " and ".join(
        part for part in (plural(whole, "cluster") if whole else "", plural(some, "gateway") if some else "") if part
    )


def _counted(counts: Counts) -> str:
    """All of them, so that silence is never mistaken for health."""
    good = counts.healthy + counts.warned
    parts = [
        f"{counts.broken} broken" if counts.broken else "",
        f"{counts.unknown} unknown" if counts.unknown else "",
        f"{counts.warned} with warnings" if counts.warned else "",
    ]
    rest = ", ".join(part for part in parts if part)
    return f"{good} of {plural(counts.gateways, 'gateway')} work" + (f" ({rest})" if rest else "")


def _parts(digest: Digest) -> Iterator[Block]:
    yield from listed("❔ *Not looked at*", digest.unseen, unchecked_line)
    if digest.order.gone:
        names = ", ".join(plain(each) for each in digest.order.gone)
        yield section(raw(f"❔ *No longer configured:* {names}"))
    yield from listed("❌ *Newly broken*", digest.broke, _broke)
    yield from listed(
        "📣 *Traffic leaves from another range: these ranges must be told to partners*", digest.moved, prefix_line
    )
    yield from listed("✅ *Fixed*", digest.fixed, fixed_line)
    yield from listed("❌ *Still broken*", digest.still, still_broken_line)
    yield from listed("🔧 *Changed*", digest.drift, drift_line)
    yield from listed("⚠️ *Limits that are near*", digest.limits, limit_line, 6)
    yield from listed("🔇 *Muted, ending soon*", digest.mutes, mute_line, 6)


def _broke(line: GatewayLine) -> str:
    often = f" · {line.times} times" if line.times > 1 else ""
    since = f"since {local_time(line.since, DAY)}"
    return f"• {gateway_on(line.cluster, line.gateway)} {since}{often}{_unsure(line)}: {cause_of(line)}"


def still_broken_line(line: GatewayLine) -> str:
    """A gateway that is still broken: since when, whose it is, on which day."""
    return (
        f"• {gateway_on(line.cluster, line.gateway)} since {local_time(line.since, DAY)}, day {line.day}{owner_of(line)}"
        f"{_unsure(line)}: {cause_of(line)}"
    )


def fixed_line(line: GatewayLine) -> str:
    """A gateway that works again: for how long it had not, and how often."""
    gateway, broken = gateway_on(line.cluster, line.gateway), long_duration(line.lasted)
    if line.gone:
        return f"• {gateway} was broken for {broken} and is no longer in the profile"
    flapped = f" *It flapped: broken {line.times} times.*" if line.times > 1 else ""
    return f"• {gateway} after {broken}: {cause_of(line)}{flapped}"


def _unsure(line: GatewayLine) -> str:
    return " · last known, not seen now" if line.uncertain else ""


def _foot(digest: Digest) -> str:
    counts, order = digest.counts, digest.order
    parts = [f"{plural(counts.gateways, 'gateway')} in {plural(counts.clusters, 'cluster')}"]
    if not digest.quiet or order.weekly or order.show == "full":
        parts.append(
            f"{counts.healthy} healthy, {counts.warned} with warnings, {counts.broken} broken, {counts.unknown} unknown"
        )
    if counts.muted:
        parts.append(f"{counts.muted} muted")
    if order.weekly:
        parts.append("the week's full count")
    if order.user:
        parts.append(f"asked by <@{order.user}>")
    elif order.when:
        parts.append(str(plain(order.when)))
    return " · ".join(parts)
