"""Slack's blocks within Slack's limits, and text that is safe to show: whatever a cluster says, it cannot speak as Slack.

`Escaped` is what may enter mrkdwn. `plain` neutralises text from anywhere (mentions, links, formatting, emoji codes, control
and direction characters); `code` and `command` show it exactly, in code; `raw` is for our own fixed words.
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
HEADER_TEXT = 150
CONTEXT_ELEMENT = 2000
BUTTON_TEXT = 75
MAX_BLOCKS = 50
FALLBACK_TEXT = 4000
"""Fallback text is cut here, far below Slack's 40,000: a notification shows some hundred characters."""
TOTAL_TEXT_LIMIT = 12_000
"""Characters in all blocks of a message together (Slack refuses somewhat above)."""

CUT_NOTICE = "… (the full report has all of it)"

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff\ufff9-\uffff]"
)
_FORMATTING = re.compile(r"([*_~`])")
_EMOJI = re.compile(r":(?=[A-Za-z0-9_+'-]+:)")
_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that should exist. `slot` names its place for good, `thread` says that it is a reply to the parent, `final`
    that it tells an end (it goes before progress), `every` how many seconds lie at least between two edits of it."""

    slot: str
    text: str
    blocks: tuple[Block, ...]
    thread: bool = True
    final: bool = False
    every: float = 0.0

    @property
    def digest(self) -> str:
        """Equal for messages that look the same."""
        return hashlib.sha256(orjson.dumps([self.text, self.blocks])).hexdigest()[:16]


def raw(text: str) -> Escaped:
    """Our own words, with Slack's formatting in them. Never for text from elsewhere."""
    return Escaped(text)


def plain(text: str) -> Escaped:
    """Text from anywhere, shown as it is and meaning nothing to Slack."""
    calm = _visible(" ".join(text.split()))
    calm = _EMOJI.sub(":" + _JOINER, _FORMATTING.sub(_JOINER + r"\1" + _JOINER, _angles(calm)))
    # "@here" typed by a cluster is not a mention for Slack's parser, but clients and eyes differ: the joiner parts it.
    return Escaped(calm.replace("@", "@" + _JOINER).replace("://", ":" + _JOINER + "//"))


def prose(text: str) -> Escaped:
    """A sentence of our own that may name commands and fields between backticks; they become code, the rest is plain."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return plain(text)
    spaced = [as_code(part) if n % 2 else _edged(part) for n, part in enumerate(parts)]
    return Escaped("".join(spaced))


def _edged(part: str) -> str:
    """Plain text that keeps the space at its ends."""
    return (" " if part[:1].isspace() else "") + plain(part) + (" " if part[-1:].isspace() and part.strip() else "")


def as_code(text: str) -> Escaped:
    """A name or value as inline code."""
    flat = _visible(" ".join(text.split())).replace("`", "ˋ")
    return Escaped(f"`{_angles(flat)}`" if flat else "`(empty)`")


def code_block(text: str) -> Escaped:
    """A command in a block of its own, so that a long press copies it."""
    lines = "\n".join(_visible(line) for line in text.strip("\n").splitlines()).replace("```", "ˋˋˋ")
    return Escaped(f"```\n{_angles(lines)}\n```")


def fallback(text: str) -> str:
    """Text for notifications: no formatting is wanted there, and nothing may be taken for a mention or a link."""
    return cut(str(plain(text)), FALLBACK_TEXT)


def cut(text: str, most: int) -> str:
    """The text within `most` characters, cut at the end of a line or a word and saying so."""
    if len(text) <= most:
        return text
    room = text[: most - len(CUT_NOTICE) - 1]
    for end in ("\n", " "):
        if (place := room.rfind(end)) > most // 2:
            room = room[:place]
            break
    # Half an entity (&am) or half a tag (<@U0) would be shown as rubbish or be refused.
    room = re.sub(r"&[a-z]{0,4}$|<[^>]*$", "", room)
    fence = "\n```" if room.count("```") % 2 else ""
    return f"{room.rstrip()}{fence}\n{CUT_NOTICE}"[:most] if fence else f"{room.rstrip()} {CUT_NOTICE}"


def section(text: Escaped) -> Block:
    """A paragraph. `verbatim` keeps Slack from linking and converting what looks like a name or URL."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION_TEXT) or " ", "verbatim": True}}


def context(*texts: Escaped) -> Block:
    """Small grey lines; at most ten."""
    elements = [{"type": "mrkdwn", "text": cut(text, CONTEXT_ELEMENT) or " ", "verbatim": True} for text in texts[:10]]
    return {"type": "context", "elements": elements}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def button(label: str, action: str, value: str, *, style: str = "") -> Block:
    """A button; `value` is an opaque id, never content."""
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


def cut_label(label: str) -> str:
    """A button's label within Slack's 75 characters."""
    return label if len(label) <= BUTTON_TEXT else label[: BUTTON_TEXT - 1] + "…"


def fitting(blocks: Iterable[Block], closing: Sequence[Block] = ()) -> tuple[Block, ...]:
    """The blocks within Slack's number and total size; what is left out is said, and `closing` (buttons) always stays."""
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
    """Characters of text in a block."""
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
