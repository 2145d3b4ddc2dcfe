"""Blocks as the Markdown of a Slack canvas.

Text from a cluster is escaped: it cannot mention, link or format there, either.

Source: https://docs.slack.dev/reference/methods/canvases.create, read in November 2026.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import unescape

from bot.messages.blocks import Block
from bot.messages.phrases import day_and_time

_TOKEN = re.compile(
    "`(?P<code>[^`\n]+)`|<!date\\^(?P<moment>[0-9]+)\\^[^>]*>|<@(?P<user>[A-Z0-9]+)>|<#(?P<channel>[A-Z0-9]+)[^>]*>"
    "|<(?P<url>https?://[^|>]+)\\|(?P<words>[^>]*)>|\u2060(?P<literal>[*_~`])\u2060|(?P<bold>\\*)|(?P<special>[\\\\\\[\\]#!|])"
    "|(?P<entity>&(?:lt|gt|amp);)|\u2060"
)


def canvas_markdown(blocks: Iterable[Block]) -> str:
    """The texts of sections and context blocks, one paragraph each."""
    return "\n\n".join(_markdown(text) for block in blocks for text in _texts(block))


def _texts(block: Block) -> Iterable[str]:
    if block["type"] == "section":
        yield block["text"]["text"]
    elif block["type"] == "context":
        yield from (each["text"] for each in block["elements"])


def _markdown(mrkdwn: str) -> str:
    heading = re.fullmatch(r"([^*\n]*)\*([^*\n]+)\*(\n.*)?", mrkdwn, re.DOTALL)
    if heading is not None and heading[3]:
        # A heading of its own before the list.
        return f"## {_inline(f'{heading[1]}{heading[2]}')}\n{_lines(heading[3].strip(chr(10)))}"
    return _lines(mrkdwn)


def _lines(mrkdwn: str) -> str:
    """Lines with list items; the second line of an item follows its first."""
    lines = mrkdwn.replace("\n   ", " · ").split("\n")
    return "\n".join(re.sub("^• ", "- ", _inline(line)) for line in lines)


def _inline(text: str) -> str:
    return _TOKEN.sub(_token, text)


def _token(found: re.Match[str]) -> str:
    if found["code"] is not None:
        return f"`{unescape(found['code'])}`"
    if found["moment"] is not None:
        return day_and_time(datetime.fromtimestamp(int(found["moment"]), UTC))
    if found["user"] is not None:
        return f"![](@{found['user']})"
    if found["channel"] is not None:
        return f"![](#{found['channel']})"
    if found["url"] is not None:
        return f"[{found['words']}]({found['url']})"
    if found["entity"] is not None:
        return {"&lt;": "\\<", "&gt;": "\\>", "&amp;": "&"}[found["entity"]]
    if found["literal"] is not None or found["special"] is not None:
        return f"\\{found['literal'] or found['special']}"
    return "**" if found["bold"] else ""
