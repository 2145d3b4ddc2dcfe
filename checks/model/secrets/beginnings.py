"""The beginning of a value after its name, and its other parts.

A type, the next line, a tab or a second pair of quotes may be between them.
"""

import re
from collections.abc import Iterator

from checks.model.secrets.names import SecretName, announced_secret
from checks.model.secrets.quoting import enclosing_quote, end_of_quoted, opening_quote
from checks.model.secrets.unquoted import Place
from checks.model.secrets.values import PLACEHOLDERS

_TAG = re.compile(r"(?:!!?[\w.:/-]{0,60}|&[\w-]{1,60})[ \t]+(?=\S)")
"""A tag or an anchor of YAML before a value."""
_OWN_LINE = re.compile(r"(?P<indent>[ \t]*+)(?P<value>[^\s-][^\n]{0,500})")
_ARGUMENT_AFTER = re.compile(r"\0(?P<value>[^\0\n-][^\0\n]{0,500})")
"""The next argument of a process, as the kernel separates them."""
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")
"""A line of a shell that continues."""
_DUMPED = re.compile(r"\s{0,80}string\(\d{1,9}\)[ \t]*(?=\")")
_NEXT_LINE = re.compile(r"\s{0,40}(?=[\"'])")
_LITERAL = re.compile(r"[rbu](?=[\"'])")
_ADJACENT = re.compile(r"\"(?P<double>[^\"\n]{1,500})\"|'(?P<single>[^'\n]{1,500})'|(?P<bare>[\w$%!+/.@#^*-]{1,200})")
_CELL = re.compile(r"[^\t\n]{0,500}")
_LONE_PAIR = re.compile(r"[\"'`],[ \t]*(?P<quote>[\"'`])(?P<value>[^\"'`\n]{4,500})(?P=quote)[ \t]*\]*,?[ \t]*(?:\n|$)")


def beginning_of_value(text: str, at: int, place: Place) -> int:
    """The position of the value itself, after a tag, a type, or the prefix of a literal.

    A line of a shell that ends with a backslash continues on the next.
    """
    match place.separator:
        case ":":
            before = _NEXT_LINE.match(text, at) if place.is_quoted_name else None
            return before.end() if before else _after_tag(text, at)
        case "=>":
            before = _DUMPED.match(text, at)
        case ",":
            before = _LITERAL.match(text, at)
        case "=":
            before = _CONTINUED.match(text, at)
        case _:
            return at
    return before.end() if before else at


def _after_tag(text: str, at: int) -> int:
    found = _TAG.match(text, at)
    return found.end() if found else at


def argument_on_next_line(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The argument after a flag that ends its line, or before the kernel's separator.

    If words precede the flag, it may be a sentence: only one word with letters and digits is an argument.
    """
    if argument := _ARGUMENT_AFTER.match(text, end):
        return argument.span("value")
    if text[end : end + 1] != "\n":
        return None
    line = text[text.rfind("\n", max(0, start - 60), start) + 1 : start]
    following = _OWN_LINE.match(text, end + 1)
    if following is None:
        return None
    first, last = following.span("value")
    if line != following["indent"] and not _is_mixed_line(text, first, last):
        return None
    quote = opening_quote(text, first)
    return (first + len(quote), end_of_quoted(text, first + len(quote), quote)) if quote else (first, last)


def adjacent_spans(text: str, at: int, place: Place) -> Iterator[tuple[int, int]]:
    """The other parts of a word of a shell that has several quoted parts: `'a'"b"c`."""
    if _ADJACENT.match(text, at) is None or enclosing_quote(place.prefix):
        return
    while part := _ADJACENT.match(text, at):
        if not text.startswith(PLACEHOLDERS, part.start(part.lastgroup or 0)):
            yield part.span(part.lastgroup or 0)
        at = part.end()


def is_lone_pair(text: str, start: int, before: str, name: SecretName) -> bool:
    """Whether a quoted name and one quoted value end a line, and are not in a longer list.

    The value is no name itself.
    """
    if before.rstrip("[ \t")[-1:] == "," or name in (SecretName.WEAK, SecretName.OBJECT, SecretName.AUTH):
        return False
    pair = _LONE_PAIR.search(text, start, start + 700)
    return (
        pair is not None
        and "," not in text[start : pair.start()]
        and announced_secret(pair["value"]) is None
        and (is_mixed(text, pair.start("value")) or " " in pair["value"])
    )


def _is_mixed_line(text: str, first: int, last: int) -> bool:
    return " " not in text[first:last].strip() and is_mixed(text, first)


def is_mixed(text: str, at: int) -> bool:
    """Whether the word here has letters and digits."""
    found = re.compile(r"[^\s|;]{1,200}").match(text, at)
    return bool(found and re.search(r"\d", found[0]) and re.search(r"[A-Za-z]", found[0]))


def cell_after_tab(text: str, end: int) -> tuple[int, int] | None:
    """The field of a log after a name and a tab, if it has letters and digits."""
    if text[end : end + 1] != "\t" or not is_mixed(text, end + 1):
        return None
    found = _CELL.match(text, end + 1)
    return found.span() if found else None
