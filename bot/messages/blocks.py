"""Blocks within Slack's limits; text from a cluster cannot mention, link or format.

Only `Escaped` text may enter mrkdwn. `plain` escapes text from anywhere (mentions, links, formatting, emoji codes, control
and direction characters); `as_code` and `code_block` show it unchanged, as code; `raw` is for our own fixed texts.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NewType

import orjson

Escaped = NewType("Escaped", str)
Block = dict[str, Any]

SECTION_TEXT = 3000
CONTEXT_ELEMENT = 2000
BUTTON_TEXT = 75
MAX_BLOCKS = 50
FALLBACK_TEXT = 4000
"""Limit of the fallback text, far below Slack's 40,000.

A notification shows a few hundred characters.
"""
TOTAL_TEXT_LIMIT = 12_000
"""Limit of the text in all blocks of a message together.

Slack refuses messages from about 13,000 characters.
"""

CUT_NOTICE = "… (cut; see the full report)"

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff\ufff9-\uffff]"
)
_FORMATTING = re.compile(r"([*_~`])")
_EMOJI = re.compile(r":(?=[A-Za-z0-9_+'-]+:)")
_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that should exist in Slack.

    `slot` identifies it within its document and never changes. `thread` marks a reply to the parent, `final` a message about
    an end, which is delivered before progress. `every` is the minimum of seconds between two edits. `newest` has the content of
    `blocks` with Slack's newest types of blocks, for workspaces that take them.
    """

    slot: str
    text: str
    blocks: tuple[Block, ...]
    thread: bool = True
    final: bool = False
    every: float = 0.0
    newest: tuple[Block, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of the visible content."""
        return hashlib.sha256(orjson.dumps([self.text, self.blocks])).hexdigest()[:16]


def raw(text: str) -> Escaped:
    """Our own text, with Slack's formatting. Never for text from outside the bot."""
    return Escaped(text)


def plain(text: str) -> Escaped:
    """Text from anywhere, escaped so that Slack shows it literally."""
    calm = _visible(" ".join(text.split()))
    calm = _EMOJI.sub(":" + _JOINER, _FORMATTING.sub(_JOINER + r"\1" + _JOINER, _angles(calm)))
    # Slack's parser does not take "@here" for a mention, but some clients highlight it: the joiner separates it.
    return Escaped(calm.replace("@", "@" + _JOINER).replace("://", ":" + _JOINER + "//"))


def prose(text: str) -> Escaped:
    """A sentence whose parts between backticks become code; the rest is escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return plain(text)
    spaced = [as_code(part) if n % 2 else _edged(part) for n, part in enumerate(parts)]
    return Escaped("".join(spaced))


def _edged(part: str) -> str:
    """Escaped text that keeps a space at its ends."""
    return (" " if part[:1].isspace() else "") + plain(part) + (" " if part[-1:].isspace() and part.strip() else "")


def as_code(text: str) -> Escaped:
    """A name or value as inline code."""
    flat = _visible(" ".join(text.split())).replace("`", "ˋ")
    return Escaped(f"`{_angles(flat)}`" if flat else "`(empty)`")


def code_block(text: str) -> Escaped:
    """A command in a code block, which a long press on a phone copies."""
    lines = "\n".join(_visible(line) for line in text.strip("\n").splitlines()).replace("```", "ˋˋˋ")
    return Escaped(f"```\n{_angles(lines)}\n```")


def fallback(text: str) -> str:
    """Text for notifications, escaped and within its limit."""
    return cut(str(plain(text)), FALLBACK_TEXT)


def notification(text: Escaped) -> str:
    """Our own text for notifications, which may mention people."""
    return cut(text, FALLBACK_TEXT)


def cut(text: str, most: int) -> str:
    """The text within `most` characters, cut at the end of a line or word.

    A cut text ends with a notice.
    """
    if len(text) <= most:
        return text
    room = text[: most - len(CUT_NOTICE) - 1]
    for end in ("\n", " "):
        if (place := room.rfind(end)) > most // 2:
            room = room[:place]
            break
    # Slack shows or refuses half an entity (&am) or half a tag (<@U0).
    room = re.sub(r"&[a-z]{0,4}$|<[^>]*$", "", room)
    fence = "\n```" if room.count("```") % 2 else ""
    return f"{room.rstrip()}{fence}\n{CUT_NOTICE}"[:most] if fence else f"{room.rstrip()} {CUT_NOTICE}"


def section(text: Escaped) -> Block:
    """A paragraph. With `verbatim`, Slack does not turn names and URLs into links."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION_TEXT) or " ", "verbatim": True}}


def context(*texts: Escaped) -> Block:
    """At most ten small grey lines."""
    elements = [{"type": "mrkdwn", "text": cut(text, CONTEXT_ELEMENT) or " ", "verbatim": True} for text in texts[:10]]
    return {"type": "context", "elements": elements}


def divider() -> Block:
    """A horizontal line."""
    return {"type": "divider"}


def text_object(text: str) -> dict[str, Any]:
    """Slack's plain text object, for labels, options, hints and titles."""
    return {"type": "plain_text", "text": text}


def button(label: str, action: str, value: str, *, style: str = "") -> Block:
    """A button. `value` is an id, never content."""
    made: Block = {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": cut_label(label), "emoji": True},
        "value": value[:2000],
    }
    if style:
        made["style"] = style
    return made


def actions(buttons: Sequence[Block]) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(buttons[:25])}


def has_buttons(message: Message) -> bool:
    """Whether a message has a row of buttons."""
    return any(block["type"] == "actions" for block in message.blocks)


def cut_label(label: str) -> str:
    """A button's label within Slack's 75 characters."""
    return label if len(label) <= BUTTON_TEXT else label[: BUTTON_TEXT - 1] + "…"


def fitting(blocks: Iterable[Block], closing: Sequence[Block] = ()) -> tuple[Block, ...]:
    """The blocks within Slack's limits of number and size, with a notice if some were cut.

    `closing` (buttons) always stays.
    """
    room = TOTAL_TEXT_LIMIT - sum(text_size(block) for block in closing)
    kept: list[Block] = []
    for block in blocks:
        room -= text_size(block)
        if room < 200 or len(kept) >= MAX_BLOCKS - len(closing) - 1:
            kept.append(context(raw(CUT_NOTICE)))
            break
        kept.append(block)
    return (*kept, *closing)


def text_size(block: Block) -> int:
    """The number of characters of text in a block."""
    return sum(len(str(part)) for part in _texts(block))


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("text", "alt_text") and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _angles(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _visible(text: str) -> str:
    return _CONTROL.sub("", text)
