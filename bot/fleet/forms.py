"""The forms of digests and handoffs, and the short answers about them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

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
)
from bot.messages.gateway_lines import DAY
from bot.messages.phrases import local_time
from checks.reports.wording import plural
from workers.fleet.handoff import Handoff
from workers.fleet.records import Mute
from workers.fleet.schedule import Schedule

DIGEST_CALLBACK = "digest"
HANDOFF_CALLBACK = "handoff"
REMOVE_DIGEST = "remove_digest"


def digest_form(channel: str, clusters: Sequence[str], zone: str) -> dict[str, Any]:
    """The form of `digest add`; `clusters` are those that may be named."""
    shown = ", ".join(clusters[:12]) + (" …" if len(clusters) > 12 else "")
    blocks = [
        _text("clusters", "Clusters", "*", f"Names or patterns, with spaces between. You may name: {shown}"),
        _text("time", "Time", "09:00", "Several with commas: 09:00, 17:00"),
        _text("days", "Days", "mon-fri", "mon-fri, daily, or days such as mon, thu"),
        _text("zone", "Time zone", zone, "09:00 stays 09:00 when the clocks change. For example Europe/Berlin"),
        _choice("show", "What it tells", (("changes", "Only what changed"), ("full", "Everything, every time"))),
    ]
    return _modal(DIGEST_CALLBACK, "Add a digest", "Add", {"channel": channel}, blocks)


def handoff_form(channel: str, span: float, shift: Handoff | None, to: str, note: str) -> dict[str, Any]:
    """The draft of a handoff: what it will say, and what a person adds. `shift` is None while it is being put together."""
    blocks: list[Block] = []
    if shift is None:
        blocks.append(section(plain("Looking at the shift…")))
    else:
        blocks.append(section(raw(f"*{plain(handoff_headline(shift))}*")))
        blocks += list(handoff_blocks(shift, {}))[:6]
        blocks.append(context(raw(shift_coverage(shift))))
    person: dict[str, Any] = {"type": "users_select", "action_id": "next", "placeholder": _plain("Nobody yet")}
    if to:
        person["initial_user"] = to
    blocks.append(
        {"type": "input", "block_id": "next", "optional": True, "label": _plain("Who takes over"), "element": person}
    )
    blocks.append(
        _text("note", "Note", note, "What the next one should know", optional=True, multiline=True, most=2000)
    )
    return _modal(HANDOFF_CALLBACK, "Hand over", "Post it", {"channel": channel, "span": span}, blocks)


def metadata_of(view: Mapping[str, Any]) -> dict[str, Any]:
    """What the form was opened for."""
    try:
        found = orjson.loads(view.get("private_metadata") or "{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def fleet_form_values(view: Mapping[str, Any]) -> dict[str, str]:
    """What was filled in, by field."""
    found: dict[str, str] = {}
    for block, elements in ((view.get("state") or {}).get("values") or {}).items():
        for element in elements.values():
            option = element.get("selected_option") or {}
            value = option.get("value") or element.get("selected_user") or element.get("value")
            if value:
                found[str(block)] = str(value).strip()
    return found


# answers for one person


def digest_list(found: Sequence[tuple[Schedule, datetime]]) -> Message:
    """This channel's digests, with when each comes next."""
    if not found:
        words = "No digest comes to this channel. `digest add` makes one."
        return Message(
            "digests",
            fallback(words),
            (section(raw("No digest comes to this channel. `/egress-diag digest add` makes one.")),),
        )
    blocks: list[Block] = []
    for number, (schedule, due) in enumerate(found, start=1):
        where = "in the configuration file" if schedule.configured else f"added by <@{schedule.user}>"
        following = f"*stopped: {plain(schedule.stopped)}*" if schedule.stopped else f"next {local_time(due, DAY)}"
        blocks.append(
            section(
                raw(
                    f"*{number}.* {plain(str(schedule.recurrence))}: {as_code(' '.join(schedule.clusters))}, "
                    f"{'everything' if schedule.show == 'full' else 'only changes'} · {following} · {where}"
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
    """A digest was added."""
    words = f"Added: {schedule.recurrence}, next"
    told = raw(f"✅ {plain(words)} {local_time(due, DAY)}. `/egress-diag digest list` shows it.")
    return Message("digest-added", fallback(f"{words} {due:%Y-%m-%d %H:%M} UTC"), (section(told),))


def digest_removed(when: str) -> Message:
    """A digest was removed."""
    return short_answer("digest-removed", f"Removed: {when}.")


def mute_added(mute: Mute) -> Message:
    """A fault was muted."""
    told = raw(
        f"🔇 {as_code(mute.check)} on {as_code(mute.gateway)} ({as_code(mute.cluster)}) is muted "
        f"until {local_time(mute.until, DAY)}. "
        "Digests and handoffs count it and say when it ends."
    )
    return Message("muted", fallback(f"{mute.check} is muted on {mute.gateway}"), (section(told),))


def short_answer(slot: str, words: str) -> Message:
    """A sentence of our own for one person."""
    return Message(slot, fallback(words), (section(plain(cut(words, 2000))),))


def _modal(callback: str, title: str, submit: str, about: Mapping[str, object], blocks: list[Block]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": orjson.dumps(about).decode(),
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain("Cancel"),
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
        "label": _plain(label),
        "hint": _plain(hint[:2000]),
        "element": element,
    }


def _choice(block: str, label: str, options: Sequence[tuple[str, str]]) -> Block:
    made = [{"text": _plain(words), "value": value} for value, words in options]
    element = {"type": "radio_buttons", "action_id": block, "options": made, "initial_option": made[0]}
    return {"type": "input", "block_id": block, "label": _plain(label), "element": element}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
