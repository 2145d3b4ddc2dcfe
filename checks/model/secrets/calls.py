"""Secrets in programs: arguments of calls, declarations with a type, texts in three quotes."""

import re
from collections.abc import Iterator

from checks.model.secrets.names import SecretName
from checks.model.secrets.quoting import end_of_quoted, opening_quote
from checks.model.secrets.values import is_secret_value

_OPEN = re.compile(r"\([ \t]*")
_READS = re.compile(
    r"(?i)(?:^|[.\s])(?:get|read|find|load|look_?up|fetch|has|is|delete|remove|list|mount|create|parse|check|validate|count|env)"
)
"""Calls that name a secret instead of containing it: `getToken("audience")`."""
_ARGUMENT = re.compile(r"(?:[rbfu]|\[\]byte\()?(?=\\*[\"'`])")
_NEXT = re.compile(r"\)?[ \t]*,[ \t]*")
_PLAIN_ARGUMENT = re.compile(r"[\w.]{1,60}")
_EXPRESSION = re.compile(
    r"(?:await |new )?[A-Za-z_][\w.]{0,80}(?:\([\w., ]{0,80}\)|\[[\"'][\w.-]{1,80}[\"']\]"
    r"|\([\"'][A-Z0-9_]{1,80}[\"']\))(?=[\s;,)\]}]|$)"
)
_WRAPPED = re.compile(r"(?:new[ \t]+)?(?:\[\]byte|[A-Za-z_][\w.]{0,60})\((?:[rbfu])?(?=\\*[\"'`])")
_TUPLE = re.compile(r"\((?=[\w\"'. ,]{1,200}\))|\((?=\\*[\"'])")
_TYPED = re.compile(r"(?:[ \t]*:[ \t]*|[ \t]+)[A-Za-z_][\w.<>\[\]]{0,40}[ \t]*:?=[ \t]*(?=\\*[\"'`])")
_MOST = 6
_TRIPLES = ('"""', "'''")


def call_spans(text: str, start: int, end: int, name: SecretName) -> Iterator[tuple[int, int]] | None:
    """The secrets in the arguments of a call; None if this is no call.

    The first of several arguments is a user or a key.
    """
    opened = _OPEN.match(text, end)
    if opened is None or name is SecretName.WEAK:
        return None
    if _READS.match(text[start:end]) or _READS.search(text[start:end]):
        return iter(())
    found = list(_arguments(text, opened.end()))
    if not any(found) or (
        text[start:end].lower().endswith("key") and not re.search(r"\d", text[opened.end() : _end_of(found)])
    ):
        return None
    return _last_arguments(text, opened.end(), name)


def _end_of(found: list[tuple[int, int] | None]) -> int:
    """The end of the last quoted argument."""
    return max(span[1] for span in found if span)


def _last_arguments(text: str, at: int, name: SecretName) -> Iterator[tuple[int, int]]:
    found = list(_arguments(text, at))
    if len(found) > 1 and not (name is SecretName.PASSWORD and text[at : at + 1] not in "\"'`"):
        found = found[1:]
    for span in found:
        if span and is_secret_value(text[slice(*span)], name):
            yield span


def _arguments(text: str, at: int) -> Iterator[tuple[int, int] | None]:
    """The quoted arguments from here, and None for each that is a variable."""
    for _ in range(_MOST):
        if opened := _ARGUMENT.match(text, at):
            quote = opening_quote(text, opened.end())
            start = opened.end() + len(quote)
            stop = end_of_quoted(text, start, quote)
            yield start, stop
            at = stop + len(quote)
        elif plain := _PLAIN_ARGUMENT.match(text, at):
            yield None
            at = plain.end()
        else:
            return
        if (following := _NEXT.match(text, at)) is None:
            return
        at = following.end()


def code_spans(text: str, at: int, name: SecretName) -> Iterator[tuple[int, int]] | None:
    """The secrets in an expression that is assigned here; None if the value is no expression.

    An expression is a call, an index, a pair in parentheses, or a text in three quotes.
    """
    if text.startswith(_TRIPLES, at):
        stop = text.find(text[at : at + 3], at + 3, at + 20_000)
        return _secret(text, at + 3, stop if stop >= 0 else min(len(text), at + 20_000), name)
    if _EXPRESSION.match(text, at):
        return iter(())
    if wrapped := _WRAPPED.match(text, at):
        return _last_arguments(text, wrapped.end(), name)
    if opened := _TUPLE.match(text, at):
        return _last_arguments(text, opened.end(), name)
    return None


def _secret(text: str, start: int, stop: int, name: SecretName) -> Iterator[tuple[int, int]]:
    if is_secret_value(text[start:stop], name):
        yield start, stop


def end_of_declared_type(text: str, end: int) -> int | None:
    """The position of the quoted value after a name and its type: `secret string = "…"`."""
    found = _TYPED.match(text, end)
    return found.end() if found else None
