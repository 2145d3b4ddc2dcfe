"""Secrets that follow their name, in every notation.

They are `name=value`, `name: value`, `"name": "value"`, `--name value`, `<name>value</name>` and calls.
"""

import re
from collections.abc import Iterator

from checks.model.secrets.beginnings import (
    adjacent_spans,
    argument_on_next_line,
    beginning_of_value,
    cell_after_tab,
    is_lone_pair,
    is_mixed,
)
from checks.model.secrets.calls import call_spans, code_spans, end_of_declared_type
from checks.model.secrets.collected import block_spans, flow_spans, joined_spans
from checks.model.secrets.cookies import cookie_spans
from checks.model.secrets.names import SecretName, announced_secret, is_collection
from checks.model.secrets.quoting import (
    LONG,
    end_of_quoted,
    is_in_brackets,
    next_quote,
    opening_quote,
)
from checks.model.secrets.unquoted import Place, end_of_unquoted, following_lines
from checks.model.secrets.values import PLACEHOLDERS, is_prose, is_secret_value

SecretSpan = tuple[int, int]

_TRIGGER = re.compile(
    r"(?i)pass|pwd|psw|secret|token|key|cred|auth|cookie|sess(?:ion)?id|bearer|dockerc|kubeconfig"
    r"|signature|hmac|assertion|verifier|samlresponse"
    r"|(?<![a-z])(?:pat|sas|otp|jwt|pw|sid|psk)(?![a-z])|(?<=[_-])(?:pw|pat|sas)(?![a-z])"
)
_IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$-")
_WORD = re.compile(r"[^\s\"']*+")
_REST = re.compile(r"[\w.$-]*+")
_AFTER = re.compile(
    r"""(?P<close>(?:\\*["'`]|%22|%27|&quot;|&\#3[49];|\\u002[27])?\]?)(?P<gap>[ \t]*|(?<=["'])\s{0,40}(?=:))"""
    r"""(?:[(\[][^()\[\]\n]{0,60}[)\]](?=[ \t]*[:=]))?"""
    r"""(?P<separator>:=|=>|->|→|[:\uff1a](?!//)|[=\uff1d](?![=~])|%(?:25){0,3}3[ADad]|\\u003[aAdD]|\\x3[aAdD]|&\#(?:58|61|x3[aAdD]);"""
    r"""|,(?=[ \t]*[rbu]?\\*["'`]))(?P<space>(?:\*\*(?=[ \t]))?[ \t]*)"""
)
_ELEMENT = re.compile(
    r"(?:\s[^<>]{0,200})?>(?:(?=[^<\s])(?P<value>[^<]{1,4000})</|\s{0,40}<!\[CDATA\[(?P<data>[^\]]{1,4000})\]\]>)"
)
_COMPLEX_KEY = re.compile(r"[ \t]*\n[ \t]*:[ \t]+(?=\S)")
_SETS = re.compile(
    r"(?i)(?:\b(?:config(?:ure)?|RequestHeader|http-request|http-response)\s+set(?:-header)?|[a-z]+_header|more_set_headers|\bsetx?)\s+(?://[\w./-]{1,80}/:)?$"
)
"""Directives and commands before a name and its value: `aws configure set`, `add_header`."""
_WORD_AFTER = re.compile(r"[ \t]+(?=[^\s=:;|&])")
_ROW = re.compile(r"[ \t]*\|[ \t]*(?P<value>[^|\n]{1,500}?)[ \t]*(?=\|)")
_BLOCK = re.compile(r"[ \t]*(?:#[^\n]*)?\n")
_LONE_LINE = re.compile(r"[ \t]*\n(?P<indent>[ \t]*)(?P<value>[^\s:\[{][^\s]{3,200})[ \t]*(?=\n|$)")
"""A word alone on the line after a name at the end of a sentence."""
_FLAG = re.compile(r"""(?P<quote>\\*["'])?(?:[ \t]*[\n ][ \t]*-[ \t]+|[ \t]+)(?!-)(?=\S)""")
_TABLE = re.compile(r"(?:[ \t]{2,}|\t)(?=[^\s=:(|])|[ \t](?=[A-Za-z]*\d)(?=\d*[A-Za-z])(?=\w{8,}(?:\s|$))")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_QUOTED = re.compile(r"""[ \t]+(?=\\*["'])""")
_DECLARED = re.compile(r"(?:^|\s)(?:ENV|ARG|setenv|SetEnv)\s+$")
_INNER = re.compile(
    r"""\{[^{}]{0,300}?["']?(?:value|stringValue|secretValue|plaintext|secret|password|inline_?[Ss]tring|inline_?[Bb]ytes|raw_?[Vv]alue|exact)\\*["']?\s*:\s*(?=\\*["'])"""
)


def pair_spans(text: str) -> Iterator[SecretSpan]:
    """The secrets in this text that follow a name which announces them."""
    at = 0
    while named := _next_name(text, at):
        start, end, at, name = named
        if name is not None:
            for span in _values(text, start, end, name):
                yield (whole := _whole(text, *span))
                at = max(at, whole[1])


def announces_secret(word: str) -> bool:
    """Whether a word contains a name that announces a secret."""
    at = 0
    while named := _next_name(word, at):
        _, _, at, name = named
        if name is not None:
            return True
    return False


def _next_name(text: str, at: int) -> tuple[int, int, int, SecretName | None] | None:
    """The next name with a word such as `token`: (start, end, position behind it, kind).

    The kind is None if it announces no secret.
    """
    found = _TRIGGER.search(text, at)
    if found is None:
        return None
    start = found.start()
    floor = max(0, start - 100)
    while start > floor and text[start - 1] in _IDENTIFIER:
        start -= 1
    end = _REST.match(text, found.end()).end()  # type: ignore[union-attr]  # matches also nothing
    while end > start and text[end - 1] in ".-$":
        end -= 1
    word = text[start:end]
    name = announced_secret(word) or (SecretName.PASSWORD if is_collection(word) else None)
    return start, end, max(end, found.end()), name


def _whole(text: str, start: int, end: int) -> SecretSpan:
    """The span with the rest of its last word.

    The end of a very long value was not searched.
    """
    return (start, end) if end - start < LONG else (start, _WORD.match(text, end).end())  # type: ignore[union-attr]


def _values(text: str, start: int, end: int, name: SecretName) -> Iterator[SecretSpan]:
    if text[start - 1 : start] in ("<", ":") and (element := _ELEMENT.match(text, end)):
        group = "value" if element["value"] else "data"
        if is_secret_value(element[group], name):
            yield element.span(group)
        return
    if text[end : end + 1] == "(" and (called := call_spans(text, start, end, name)) is not None:
        yield from called
        return
    if text[end : end + 1] in (" ", ":") and (at := end_of_declared_type(text, end)) is not None:
        yield from value_spans(text, at, name, Place("x", "=", "", is_quoted_name=False))
        return
    after = _AFTER.match(text, end)
    if after is None:
        yield from _after_space(text, start, end, name)
    elif after["separator"] != "," and is_collection(text[start:end]):
        yield from _collected(text, after.end(), name, _place(text, start, after))
    elif after["separator"] != ",":
        yield from value_spans(text, after.end(), name, _place(text, start, after))
    elif _is_argument(text, start, name):
        yield from value_spans(text, after.end(), name, Place("", ",", " ", is_quoted_name=True))


def _place(text: str, start: int, after: re.Match[str]) -> Place:
    line = text.rfind("\n", max(0, start - 300), start) + 1 or max(0, start - 300)
    return Place(text[line:start], after["separator"], after["space"], bool(after["close"].rstrip("]`")), after["gap"])


def _is_argument(text: str, start: int, name: SecretName) -> bool:
    """Whether a comma separates this quoted name and its value.

    This is so for flags in a list, arguments of a call, and headers in a log of Envoy.
    """
    before = re.sub(r"[rbu]?\\*[\"'`]$", "", text[max(0, start - 8) : start])
    header = name in (SecretName.HEADER, SecretName.COOKIE) or "-" in text[start : start + 40].split("'", maxsplit=1)[0]
    return (
        text[start] == "-"
        or before.endswith("(")
        or is_lone_pair(text, start, before, name)
        or (text[start - 1 : start] == "'" and header)
    )


def _collected(text: str, at: int, name: SecretName, place: Place) -> Iterator[SecretSpan]:
    """The values of a collection: in braces, on the lines below, or after the name as usual."""
    kind = SecretName.OBJECT if name is SecretName.WEAK else name
    if text[at : at + 1] in ("{", "["):
        yield from flow_spans(text, at, kind)
    elif place.separator == ":" and (opened := _BLOCK.match(text, at)):
        yield from block_spans(text, opened.end(), len(place.prefix) - len(place.prefix.lstrip(" \t-")), kind)
    elif place.separator == ":":
        yield from joined_spans(text, at, kind)
    yield from value_spans(text, at, name, place)


def _after_space(text: str, start: int, end: int, name: SecretName) -> Iterator[SecretSpan]:
    if text[max(0, start - 2) : start] == "? " and (opened := _COMPLEX_KEY.match(text, end)):
        yield from value_spans(text, opened.end(), name, Place("", ":", " ", is_quoted_name=False))
        return
    if name is not SecretName.WEAK and (at := _after_directive(text, start, end)):
        yield from value_spans(text, at, name, Place("x", "=", "", is_quoted_name=False))
    elif text[max(0, start - 20) : start].rstrip(" \t").endswith("|") and (cell := _ROW.match(text, end)):
        if name is not SecretName.AUTH and is_mixed(text, cell.start("value")) and is_secret_value(cell["value"], name):
            yield cell.span("value")
    else:
        yield from _after_flag(text, start, end, name)


def _after_directive(text: str, start: int, end: int) -> int | None:
    """The position of the value after a name that a directive sets: `add_header X-Api-Key …`."""
    word = _WORD_AFTER.match(text, end)
    if word is None or not _SETS.search(text, max(0, start - 120), start):
        return None
    return word.end() if opening_quote(text, word.end()) or is_mixed(text, word.end()) else None


def _after_flag(text: str, start: int, end: int, name: SecretName) -> Iterator[SecretSpan]:
    if (
        text[start] == "-"
        and (alone := argument_on_next_line(text, start, end)) is not None
        and name is not SecretName.WEAK
    ):
        yield from _judged(text, *alone, name)
        return
    is_flag = text[start] == "-" and _FLAG.match(text, end)
    if is_flag and name is not SecretName.WEAK:
        if "- " in is_flag[0] or not is_flag["quote"]:
            yield from value_spans(text, is_flag.end(), name, Place("x", "=", "", is_quoted_name=False))
    elif text[start:end].lower() in ("requirepass", "masterauth") and text[end : end + 1] == " ":
        yield from value_spans(text, end + 1, name, Place("x", "=", "", is_quoted_name=False))
    elif name is SecretName.PASSWORD and (cell := cell_after_tab(text, end)):
        yield from _judged(text, *cell, name)
    elif "_" in text[start:end] and (quoted := _QUOTED.match(text, end)) and name is not SecretName.WEAK:
        yield from value_spans(text, quoted.end(), name, Place("x", "=", "", is_quoted_name=False))
    elif _VARIABLE.fullmatch(text, start, end):
        declared = _DECLARED.search(text, max(0, start - 12), start)
        column = re.compile(r"[ \t]+").match(text, end) if declared else _TABLE.match(text, end)
        if column and (
            declared or column[0] == " " or not text[max(0, text.rfind("\n", 0, start) + 1) : start].strip()
        ):
            yield from value_spans(text, column.end(), name, Place("ENV", "=", "", is_quoted_name=False))


def value_spans(text: str, at: int, name: SecretName, place: Place) -> Iterator[SecretSpan]:
    """The secret parts of the value that begins at this position, after a name of this kind."""
    at = beginning_of_value(text, at, place)
    if text.startswith(PLACEHOLDERS, at):
        return
    first = text[at : at + 1]
    if place.separator in ("=", ":=") and (code := code_spans(text, at, name)) is not None:
        yield from code
    elif quote := opening_quote(text, at):
        yield from _quoted(text, at + len(quote), quote, name, place)
    elif first == "[":
        yield from _listed(text, at + 1, name)
    elif first == "{":
        yield from _in_braces(text, at, name, place)
    elif place.separator == ":" and (lines := _lines_after(text, at, place)) is not None:
        for start, end in lines:
            yield from _judged(text, start, end, name)
    elif first not in ("\n", ""):
        end = end_of_unquoted(text, at, name, place)
        yield from _judged(text, at, end, name, is_plain=place.is_plain)


def _quoted(text: str, start: int, quote: str, name: SecretName, place: Place) -> Iterator[SecretSpan]:
    stop = end_of_quoted(text, start, quote)
    judged = list(_judged(text, start, stop, name))
    yield from judged
    if judged and name is SecretName.PASSWORD and place.separator == "=" and text.startswith(quote, stop):
        yield from adjacent_spans(text, stop + len(quote), place)


def _in_braces(text: str, at: int, name: SecretName, place: Place) -> Iterator[SecretSpan]:
    if inner := _INNER.match(text, at):
        start = inner.end() + len(quote := opening_quote(text, inner.end()))
        yield from _judged(text, start, end_of_quoted(text, start, quote), name)
    elif place.separator == "=" and (end := text.find("}", at, at + 500)) > 0:
        yield from _judged(text, at + 1, end, name)


def _lines_after(text: str, at: int, place: Place) -> list[SecretSpan] | None:
    """The lines below a name that are its value; None if the value is on the same line."""
    if not place.begins_line and (lone := _LONE_LINE.match(text, at)):
        is_word = lone["value"].isalpha() or lone["value"].endswith(":") or is_in_brackets(place.prefix)
        return [] if is_word else [lone.span("value")]
    return following_lines(text, at, place)


def _judged(text: str, start: int, end: int, name: SecretName, *, is_plain: bool = False) -> Iterator[SecretSpan]:
    value = text[start:end]
    if name is SecretName.COOKIE:
        yield from cookie_spans(text, start, end)
        yield end, end
    elif is_secret_value(value, name) and not (
        is_plain and name not in (SecretName.PASSWORD, SecretName.HEADER) and is_prose(value)
    ):
        yield start, end


def _listed(text: str, at: int, name: SecretName) -> Iterator[SecretSpan]:
    far = min(end for end in (text.find("]", at, at + 4_000), at + 4_000) if end >= 0)
    if text[at : at + 1] == "{" or text.startswith(PLACEHOLDERS, at):
        return
    if not opening_quote(text, at) and not text[at : at + 1].isspace():
        yield from _judged(text, at, far, name)
        return
    while at < far and (found := next_quote(text, at, far)):
        start, quote = found
        end = end_of_quoted(text, start, quote)
        yield from _judged(text, start, end, name)
        at = end + len(quote)
