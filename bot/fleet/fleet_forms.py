"""The forms of digests and handoffs, and the short answers to one person about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.fleet.handoff_messages import handoff_blocks, handoff_headline, shift_coverage
from bot.messages.blocks import (
    Block,
    Message,
    actions,
    as_code,
    button,
    context,
    cut,
    fallback,
    fitting,
    plain,
    raw,
    section,
    text_object,
)
from bot.messages.interaction_values import FormMetadata, HandoffMetadata
from bot.messages.phrases import DATE_AND_TIME, check_title, local_time
from checks.reports.wording import plural
from workers.records.handoff import Handoff
from workers.records.mute import Mute
from workers.records.schedule import Schedule

DIGEST_CALLBACK = "digest"
HANDOFF_CALLBACK = "handoff"
REMOVE_DIGEST = "remove_digest"


def digest_form(channel: str, clusters: Sequence[str], zone: str) -> dict[str, Any]:
    """The form of `digest add`; `clusters` are those that the person may use."""
    shown = ", ".join(clusters[:12]) + (" …" if len(clusters) > 12 else "")
    blocks = [
        _text("clusters", "Clusters", "*", f"Names or patterns, separated by spaces. Available: {shown}"),
        _text("time", "Time", "09:00", "One or more times: 09:00, 17:00"),
        _text("days", "Days", "mon-fri", "mon-fri, daily, or days such as mon, thu"),
        _text("zone", "Time zone", zone, "For example Europe/Berlin: 09:00 stays 09:00 when the clocks change"),
        _choice("show", "Content", (("changes", "Only changes"), ("full", "Full list every time"))),
    ]
    return _modal(DIGEST_CALLBACK, "Add a digest", "Add", FormMetadata(channel=channel), blocks)


def handoff_form(channel: str, span: float, shift: Handoff | None, to: str, note: str) -> dict[str, Any]:
    """The draft of a handoff with fields for the next person and a note.

    `shift` is None while it is being computed.
    """
    blocks: list[Block] = []
    if shift is None:
        blocks.append(section(plain("Preparing the handoff…")))
    else:
        blocks.append(section(raw(f"*{plain(handoff_headline(shift))}*")))
        blocks += list(handoff_blocks(shift, {}))[:6]
        blocks.append(context(raw(shift_coverage(shift))))
    person: dict[str, Any] = {
        "type": "users_select",
        "action_id": "next",
        "placeholder": text_object("Not decided yet"),
    }
    if to:
        person["initial_user"] = to
    blocks.append(
        {"type": "input", "block_id": "next", "optional": True, "label": text_object("Next on call"), "element": person}
    )
    blocks.append(
        _text(
            "note", "Note", note, "What the next on-call engineer should know", optional=True, multiline=True, most=2000
        )
    )
    return _modal(HANDOFF_CALLBACK, "Hand over", "Post", HandoffMetadata(channel=channel, span=span), blocks)


# answers for one person


def digest_list(found: Sequence[tuple[Schedule, datetime]]) -> Message:
    """The digests of a channel, each with its next time."""
    if not found:
        words = "This channel has no digest. Add one with `/egress-diag digest add`."
        return Message("digests", fallback(words), (section(raw(words)),))
    blocks: list[Block] = []
    for number, (schedule, due) in enumerate(found, start=1):
        where = "from the configuration file" if schedule.configured else f"added by <@{schedule.user}>"
        following = (
            f"*stopped: {plain(schedule.stopped)}*" if schedule.stopped else f"next {local_time(due, DATE_AND_TIME)}"
        )
        blocks.append(
            section(
                raw(
                    f"*{number}.* {plain(str(schedule.recurrence))}: {as_code(' '.join(schedule.clusters))}, "
                    f"{'full list' if schedule.show == 'full' else 'only changes'} · {following} · {where}"
                )
            )
        )
    buttons = [
        button(f"Remove {n}", f"{REMOVE_DIGEST}/{n}", schedule.id)
        for n, (schedule, _) in enumerate(found, start=1)
        if not schedule.configured
    ]
    closing = [actions(buttons)] if buttons else []
    return Message("digests", fallback(f"{plural(len(found), 'digest')} for this channel"), fitting(blocks, closing))


def digest_added(schedule: Schedule, due: datetime) -> Message:
    """The reply after a digest was added, with its next time."""
    words = f"Added: {schedule.recurrence}, next"
    added = raw(f"✅ {plain(words)} {local_time(due, DATE_AND_TIME)}. See `/egress-diag digest list`.")
    return Message("digest-added", fallback(f"{words} {due:%Y-%m-%d %H:%M} UTC"), (section(added),))


def digest_removed(when: str) -> Message:
    """The reply after a digest was removed."""
    return short_answer("digest-removed", f"Removed: {when}.")


def mute_added(mute: Mute) -> Message:
    """The reply after a fault was muted."""
    title = check_title(mute.check)
    muted = raw(
        f"🔇 Muted on {as_code(mute.gateway)} ({as_code(mute.cluster)}) until {local_time(mute.until, DATE_AND_TIME)}: "
        f"{title}. Digests and handoffs still count it, and show when the mute ends."
    )
    return Message("muted", fallback(f"Muted on {mute.gateway}: {title}"), (section(muted),))


def short_answer(slot: str, words: str) -> Message:
    """A sentence for one person."""
    return Message(slot, fallback(words), (section(plain(cut(words, 2000))),))


def _modal(callback: str, title: str, submit: str, metadata: FormMetadata, blocks: list[Block]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": metadata.encode(),
        "title": text_object(title),
        "submit": text_object(submit),
        "close": text_object("Cancel"),
        "blocks": blocks,
    }


def _text(
    block: str, label: str, filled: str, hint: str, *, optional: bool = False, multiline: bool = False, most: int = 300
) -> Block:
    element: dict[str, Any] = {
        "type": "plain_text_input",
        "action_id": block,
        "multiline": multiline,
        "max_length": most,
    }
    if filled:
        element["initial_value"] = filled[:most]
    return {
        "type": "input",
        "block_id": block,
        "optional": optional,
        "label": text_object(label),
        "hint": text_object(hint[:2000]),
        "element": element,
    }


def _choice(block: str, label: str, options: Sequence[tuple[str, str]]) -> Block:
    made = [{"text": text_object(words), "value": value} for value, words in options]
    element = {"type": "radio_buttons", "action_id": block, "options": made, "initial_option": made[0]}
    return {"type": "input", "block_id": block, "label": text_object(label), "element": element}
