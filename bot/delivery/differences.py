"""The differences between the messages that should exist and those that Slack shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.messages.blocks import Message
from workers.records.delivered import Delivered, Deliveries

NOT_EDITABLE = "not-editable"
"""The recorded digest of a parent that Slack no longer lets the bot edit."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A channel, and a thread in it; without a thread, the parent of the document starts one."""

    channel: str
    thread: str | None


def in_thread(destination: Destination, delivered: Deliveries) -> Destination:
    """The destination of replies: the thread of the parent, if the document starts one."""
    if destination.thread is None and delivered.parent is not None:
        return Destination(destination.channel, delivered.parent.ts)
    return destination


def outdated(wanted: Sequence[Message], delivered: Deliveries) -> list[Message]:
    """The messages that are missing or outdated in Slack, in the order of delivery."""
    missing = [m for m in wanted if not _shows(delivered, m)]
    parent = delivered.parent
    if parent is not None and parent.digest == NOT_EDITABLE:
        missing = [m for m in missing if m.slot != "parent"]
    return sorted(missing, key=lambda m: (parent is not None or m.slot != "parent", not m.final))


def _shows(delivered: Deliveries, message: Message) -> bool:
    before = delivered.slots.get(message.slot)
    return isinstance(before, Delivered) and before.digest == message.digest


def with_fixed_parent(wanted: Sequence[Message], delivered: Deliveries) -> Sequence[Message]:
    """The messages, with a reply in place of a parent that cannot be edited.

    The reply has the final content of the parent.
    """
    if delivered.parent is None or delivered.parent.digest != NOT_EDITABLE:
        return wanted
    keeps = Message("parent", "", ())
    card = [replace(m, slot="card", thread=True) for m in wanted if m.slot == "parent" and m.final]
    return [keeps, *card, *(m for m in wanted if m.slot != "parent")]
