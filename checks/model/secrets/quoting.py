"""Which character ends a quoted value? The rule for any depth of escaping.

A JSON document within a JSON string has quotes with one backslash, the next level with three. A quote is therefore identified
by its backslashes: a value that was opened by `\\"` ends at the next `\\"`, and `\\\\\\"` belongs to it.
"""

import re

_QUOTE = re.compile(r"""\\*["'`]|%22|%27|&quot;|&\#3[49];|\\u002[27]""")
LONG = 4_000
_AFTER_LAST_LINE = re.compile(r"[,;)}\]]|[ \t]*$|[ \t]*\n", re.MULTILINE)
"""The text after a quote that closes a value of several lines.

Any other quote begins the next value, and this one was cut off.
"""
_FAR = 2_000
"""A quote that is not closed within this many characters ends with its line."""


def opening_quote(text: str, at: int) -> str:
    """The quote that begins here with its backslashes, or nothing."""
    found = _QUOTE.match(text, at)
    return found[0] if found else ""


def next_quote(text: str, at: int, far: int) -> tuple[int, str] | None:
    """The next quote with its backslashes and the position after it; None if there is none."""
    found = _QUOTE.search(text, at, far)
    return (found.end(), found[0]) if found else None


def end_of_quoted(text: str, start: int, quote: str) -> int:
    """The end of the value after this quote: its closing quote, or the end of the line."""
    far = _lines(text, start, min(len(text), start + _FAR))
    if quote[-1] not in "\"'`":
        found = text.find(quote, start, far)
        return found if found >= 0 else end_of_line(text, start)
    depth = len(quote) - 1
    line = end_of_line(text, start)
    for closing in re.compile(rf"(\\*){quote[-1]}").finditer(text, start, far):
        backslashes = len(closing[1])
        if not _closes(backslashes, depth):
            continue
        if closing.start() > line and not _AFTER_LAST_LINE.match(text, closing.end()):
            return line
        if quote == "'" and text[closing.end() : closing.end() + 1] == "'" and closing.start() > start:
            continue
        return closing.start(1) if backslashes <= depth else closing.end() - 1 - depth
    return line


def _lines(text: str, start: int, far: int) -> int:
    """The end of the fifth line from here, or of this line if it is empty."""
    at = text.find("\n", start, far)
    if at < 0 or not text[start:at].strip():
        return at if at >= 0 else far
    for _ in range(4):
        if (at := text.find("\n", at + 1, far)) < 0:
            return far
    return at


def _closes(backslashes: int, depth: int) -> bool:
    return backslashes < depth or (backslashes - depth) % (2 * (depth + 1)) == 0


def end_of_line(text: str, start: int) -> int:
    """The end of this line, or the end of the first `LONG` characters of a longer one."""
    found = text.find("\n", start, start + LONG)
    return found if found >= 0 else min(len(text), start + LONG)


_OPEN = re.compile(r"(\\*)([\"'`])")


def enclosing_quote(prefix: str) -> str:
    """The innermost quote that this part of a line opens and does not close, or nothing."""
    stack: list[str] = []
    for found in _OPEN.finditer(prefix):
        token = found[0]
        if token in stack:
            del stack[stack.index(token) :]
        elif found[2] != "'" or not prefix[: found.start()][-1:].isalnum():
            stack.append(token)
    return stack[-1] if stack else ""


def is_in_brackets(prefix: str) -> bool:
    """Whether this part of a line opens a brace, bracket or parenthesis that it does not close."""
    return any(prefix.count(opened) > prefix.count(closed) for opened, closed in ("{}", "[]", "()"))
