"""Secrets in collections within text: entries of `passwords:`, and JSON web keys."""

import re
from collections.abc import Iterator

from checks.model.secrets.descriptions import is_description
from checks.model.secrets.names import SecretName
from checks.model.secrets.quoting import end_of_quoted, opening_quote
from checks.model.secrets.values import PLACEHOLDERS, is_prose, is_secret_value

JWK_HINTS = ("kty",)
_JWK_MEMBER = re.compile(
    r"(?<![\w.-])(?:\\*[\"'])?(?:dp|dq|qi|d|p|q|k|r|t)(?:\\*[\"'])?[ \t]*:[ \t]*(?:\\*[\"'])?(?P<secret>[\w+/=-]{4,})"
)
_JWK_TYPE = re.compile(r"(?<![\w-])kty(?:\\*[\"'])?[ \t]*:")
_FAR_FROM_TYPE = 8_000
_FAR = 20_000
_FLOW = re.compile(
    r"(?P<open>[{\[])|(?P<close>[}\]])|(?P<quote>\\*[\"'])|(?P<name>[\w.-]+)[ \t]*:[ \t]*(?=[\w+/=.-])|(?P<bare>[\w+/=.-]+)"
)
_COLON = re.compile(r"[ \t\n]*:[ \t\n]*")
_LINE = re.compile(
    r"(?P<indent>[ \t]*)(?:-[ \t]+)?(?:(?P<key>[\w.@\"'/-]{1,120})[ \t]*:(?:[ \t]+|$))?(?P<value>[^\n]*)(?:\n|\Z)"
)


_JOINED = re.compile(
    r"[ \t]*(?:-[ \t]+|(?P<key>[\w.@-]{1,120}):[ \t]+)(?P<quote>[\"']?)"
    r"(?P<value>(?<=[\"'])[^\"'\n]+|[^\s\"']+)(?P=quote)(?=\s|$)"
)


def joined_spans(text: str, at: int, name: SecretName) -> Iterator[tuple[int, int]]:
    """The values of a collection whose lines were joined with spaces, as in a log line."""
    while found := _JOINED.match(text, at):
        at = found.end()
        if is_description(found["key"] or "") or not re.search(r"\d", found["value"]):
            continue
        if is_secret_value(found["value"], name):
            yield found.span("value")


def jwk_spans(text: str) -> Iterator[tuple[int, int]]:
    """The private members of the JSON web keys in this text."""
    at = 0
    for found in _JWK_TYPE.finditer(text):
        start = max(at, found.start() - _FAR_FROM_TYPE)
        at = min(len(text), found.end() + _FAR_FROM_TYPE)
        for member in _JWK_MEMBER.finditer(text, start, at):
            if not member["secret"].startswith(PLACEHOLDERS):
                yield member.span("secret")


def flow_spans(text: str, at: int, name: SecretName) -> Iterator[tuple[int, int]]:
    """The values of a collection in braces that begins here."""
    depth, key, far = 0, "", min(len(text), at + _FAR)
    while at < far and (found := _FLOW.search(text, at, far)):
        at = found.end()
        if found["open"] or found["close"]:
            depth += 1 if found["open"] else -1
            key = key if found["open"] == "[" else ""
            if depth <= 0:
                return
            continue
        if found["name"]:
            key = found["name"]
            continue
        start, stop = found.span()
        if quote := found["quote"]:
            start, stop = found.end(), end_of_quoted(text, found.end(), quote)
            at = stop + len(quote)
            if colon := _COLON.match(text, at):
                key, at = text[start:stop], colon.end()
                continue
        if not is_description(key) and is_secret_value(text[start:stop], name):
            yield start, stop


def block_spans(text: str, at: int, indent: int, name: SecretName) -> Iterator[tuple[int, int]]:
    """The values of the indented lines below the name of a collection."""
    far = min(len(text), at + _FAR)
    while at < far and (line := _LINE.match(text, at)):
        if line.end() == at:
            return
        at = line.end()
        if not line["value"].strip() and not line["key"]:
            continue
        deeper = len(line["indent"]) > indent or (len(line["indent"]) == indent and line[0].lstrip().startswith("- "))
        if not deeper:
            return
        if line["value"][:1] in ("", "{", "[", "|", ">", "#", "&", "*") or is_description(
            (line["key"] or "").strip("\"'")
        ):
            continue
        start, stop = line.span("value")
        if quote := opening_quote(text, start):
            start, stop = start + len(quote), end_of_quoted(text, start + len(quote), quote)
        is_sentence = " " in text[start:stop] and is_prose(text[start:stop])
        if (
            (line["key"] or line[0].lstrip().startswith("- "))
            and not is_sentence
            and is_secret_value(text[start:stop], name)
        ):
            yield start, stop
