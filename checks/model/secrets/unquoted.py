"""Which character ends a value without quotes? The notation around it decides.

It is a shell, a URL, a connection string, YAML, a flow in braces, or prose.
"""

import re
from dataclasses import dataclass

from checks.model.secrets.names import SecretName
from checks.model.secrets.quoting import enclosing_quote, end_of_line, end_of_quoted, is_in_brackets
from checks.model.secrets.values import is_prose

_LINE_START = re.compile(r"""[\s>*•+|-]*(?:(?:export|set|declare -x|SetEnv)\s+|\$env:|- )?["']?""")
_STOP = re.compile(
    r"""(?<!\\)\s|</|\\u0026|\\n|[,;&|](?=\s|$|["'}\])\\]|(?:amp;)?[\w.\[\]-]{1,60}\s?[=:])|\\*["'`](?=[\s,;:)}\]&|>]|$)"""
    r"""|[)}\]](?=[\s,;)}\]"'`\\]|$)"""
)
_ENCODED_STOP = re.compile(r"\s|&|%26|%22|%7D|[\"']")
_FLOW_STOP = re.compile(r"""[,\n](?=\s|$|\\*["']?[\w.-]{1,60}\\*["']?\s?[:=])|[)}\]]""")
_YAML_STOP = re.compile(
    rf"""{_FLOW_STOP.pattern}|\\{{1,2}}n(?=\\?["']|$|[ ]{{0,40}}(?:-[ ]+)?[\w./-]{{1,60}}:(?:[ ]|\\{{1,2}}n)|[ ]{{0,40}}-[ ])"""
)
"""The same in YAML that is a text in JSON.

A written line break before the next field or item ends the value, too.
"""
_CONNECTION = re.compile(r";[ \t]*[\w -]{1,40}=|;[ \t]*[\"']?$")
_ATTACHED_STOP = re.compile(r"[\s,;)}\]\"'`]")
_SHELL = re.compile(r"\s(?:-{1,2}\w|[|&>]|[\w.\[\]-]+[=:])|[|]|&&|;\s")
_NOT_A_PASSWORD = frozenset(
    [
        "must",
        "is",
        "was",
        "are",
        "not",
        "has",
        "have",
        "the",
        "a",
        "an",
        "too",
        "should",
        "may",
        "can",
        "cannot",
        "could",
        "authentication",
        "incorrect",
        "wrong",
        "invalid",
        "expired",
        "missing",
        "no",
        "and",
        "or",
        "of",
        "for",
        "in",
        "rotate",
        "use",
    ]
)


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of a value: the line up to its name, the separator, the spaces."""

    prefix: str
    separator: str
    space: str
    is_quoted_name: bool
    gap: str = ""

    @property
    def begins_line(self) -> bool:
        """Whether nothing but indentation, a dash or `export` precedes the name."""
        return bool(_LINE_START.fullmatch(self.prefix))

    @property
    def is_plain(self) -> bool:
        """Whether the value follows a colon, as in prose, without brackets around it."""
        return self.separator == ":" and bool(self.space) and not is_in_brackets(self.prefix)


def end_of_unquoted(text: str, at: int, name: SecretName, place: Place) -> int:
    """The end of the unquoted value that begins here."""
    limit = _limit(text, at, place)
    if name in (SecretName.HEADER, SecretName.COOKIE) and place.separator == ":":
        return (
            _found(_FLOW_STOP, text, at, limit)
            if is_in_brackets(place.prefix) and not enclosing_quote(place.prefix)
            else limit
        )
    if place.separator.startswith(("%", "&#", "\\x")):
        return _found(_ENCODED_STOP, text, at, limit)
    if place.separator == ":":
        return _after_colon(text, at, limit, name, place)
    return _after_equals(text, at, limit, place)


def _limit(text: str, at: int, place: Place) -> int:
    """The end of the line or of the quoted string around the value."""
    limit = end_of_line(text, at)
    if not place.is_quoted_name and (quote := enclosing_quote(place.prefix)):
        limit = min(limit, end_of_quoted(text, at, quote))
    return limit


def _found(pattern: re.Pattern[str], text: str, at: int, limit: int) -> int:
    found = pattern.search(text, at, limit)
    return found.start() if found else limit


def _after_equals(text: str, at: int, limit: int, place: Place) -> int:
    line = text[at : min(limit, at + 600)]
    if ";" in line and (";" in place.prefix or _CONNECTION.search(line)):
        return _found(_CONNECTION, text, at, limit)
    if place.begins_line and " " in line and not _SHELL.search(line):
        return limit
    return _found(_STOP, text, at, limit)


def _after_colon(text: str, at: int, limit: int, name: SecretName, place: Place) -> int:
    if is_in_brackets(place.prefix):
        stop = _FLOW_STOP if text[at : at + 1] in ("|", ">") else _YAML_STOP
        return _found(stop if place.space else _ATTACHED_STOP, text, at, limit)
    if not place.space:
        return _found(_STOP, text, at, limit)
    words = text[at : min(limit, at + 600)].split(None, 1)
    if len(words) < 2:
        return limit
    if name is SecretName.PASSWORD and place.begins_line:
        return limit
    if name is SecretName.PASSWORD and words[0].lower().rstrip(",.;") in _NOT_A_PASSWORD:
        return at
    if place.prefix.endswith("/") and words[0].islower() and words[0].isalpha():
        return at  # a sentence about a file, as `/etc/passwd: permission denied`
    if name is not SecretName.PASSWORD and is_prose(text[at:limit]):
        return at
    return at + len(words[0].rstrip(",.;"))


_BLOCK = re.compile(r"(?:[|>][+-]?\d?[+-]?)?[ \t]*(?:#[^\n]*)?\n")
_LINE = re.compile(r"(?P<indent>[ \t]*)(?P<dash>- +)?(?P<rest>[^\n]*)\n?")
_MAPPING = re.compile(r"""(?:"[^"]*"|'[^']*'|[\w./-]+)\s*:(?:\s|$)|#|$""")
_VALUE_FIELD = re.compile(r"(?:value|stringValue|secretValue)\s*:\s*[\"']?")


def following_lines(text: str, at: int, place: Place) -> list[tuple[int, int]] | None:
    """The parts of the indented lines below a name that are its value.

    None if the value begins on the line of the name.
    """
    opened = _BLOCK.match(text, at)
    if opened is None:
        return None
    indent = len(place.prefix) - len(place.prefix.lstrip(" \t-"))
    is_block = opened[0][0] in "|>"
    spans: list[tuple[int, int]] = []
    position = opened.end()
    while position < len(text) and len(spans) < 200 and (line := _LINE.match(text, position)):
        position = line.end()
        if not line["rest"].strip() and is_block:
            continue
        if len(line["indent"]) + (1 if line["dash"] and not is_block else 0) <= indent or not place.begins_line:
            break
        span = _scalar(line, is_block)
        if span is None:
            break
        spans.append(span)
    return spans


def _scalar(line: re.Match[str], is_block: bool) -> tuple[int, int] | None:
    if is_block:
        return line.start("rest") if not line["dash"] else line.start("dash"), line.end("rest")
    if field := _VALUE_FIELD.match(line["rest"]):
        return line.start("rest") + field.end(), line.end("rest")
    return None if _MAPPING.match(line["rest"]) else line.span("rest")
