"""Secrets whose name is in another field: `name: DB_PASSWORD` and `value: …`."""

import re
from collections.abc import Iterator

from checks.model.secrets.names import SecretName, announced_secret
from checks.model.secrets.pairs import value_spans
from checks.model.secrets.unquoted import Place
from checks.model.secrets.values import is_secret_value
from checks.model.secrets.words import WordCondition

_Q = r"""(?:\\*["'])"""
_FIELDS = r"name|key|keyname|header|header_?name|variable|setting|parameter"
_NAME = re.compile(
    rf"(?i)(?<![\w-])(?P<field>(?:env\[\d+\]\.)?(?:{_FIELDS})){_Q}?[ \t]*[:=][ \t]*{_Q}?"
    rf"(?:request\.headers\[)?(?P<name>[\w.-]{{1,120}}+)\]?{_Q}?"
)
_VALUE = re.compile(
    rf"(?i)(?<![\w-])(?:env\[\d+\]\.)?(?:header_?value|values?|val){_Q}?(?P<gap>[ \t]*)(?P<separator>[:=])(?P<space>[ \t]*)"
)
_CONTENT = re.compile(r"[^<>\n]{0,200}>\s{0,40}(?:<[\w:]{0,20}value>)?(?P<value>[^<\s][^<]{0,1000})</")
"""The content of an element whose attribute is its name: `<entry key="token">…</entry>`."""
_ANOTHER = re.compile(rf"(?i)(?<![\w.-])(?:name|key|header|header_?name){_Q}?[ \t]*[:=]|\}}|\n\s*\n|\n---")
_BEFORE = re.compile(
    rf"(?i)(?<![\w-])(?:header_?value|value){_Q}?[ \t]*(?P<separator>[:=])(?P<space>[ \t]*)"
    r"(?P<value>\\*\"[^\"\n]{1,1000}\"|'[^'\n]{1,1000}'|[^\s,{}\[\]\"'][^\s,{}]{0,1000})"
    rf"[ \t]*,?\s*{_Q}?(?:name|key|header_?name){_Q}?[ \t]*[:=][ \t]*{_Q}?(?P<name>[\w.-]{{1,120}})"
)
_FAR = 400
NAMED_VALUE_CONDITIONS = (
    WordCondition(("name", "key", "header", "variable", "setting", "parameter")),
    WordCondition(("val", "</")),
)
"""A text with a named value has a field for the name, and one for the value or an element."""


def named_value_spans(text: str) -> Iterator[tuple[int, int]]:
    """The secrets in this text whose name is in a field of its own."""
    for found in _NAME.finditer(text):
        if name := _strong(found["name"], found["field"]):
            if (content := _CONTENT.match(text, found.end())) and is_secret_value(content["value"], name):
                yield content.span("value")
            yield from _following(text, found.end(), name)
    for found in _BEFORE.finditer(text):
        if name := _strong(found["name"], "name"):
            place = Place("{", "=", found["space"], is_quoted_name=False)
            yield from value_spans(text, found.start("value"), name, place)


def _strong(word: str, field: str) -> SecretName | None:
    name = announced_secret(word)
    if name is SecretName.WEAK and field.lower() != "keyname":
        return None
    return name


def _following(text: str, at: int, name: SecretName) -> Iterator[tuple[int, int]]:
    value = _VALUE.search(text, at, at + _FAR)
    if value is None or _ANOTHER.search(text, at, value.start()):
        return
    line = text.rfind("\n", max(0, value.start() - 300), value.start()) + 1 or max(0, value.start() - 300)
    prefix = text[line : value.start()] if "\n" in text[at : value.start()] else "{"
    if name is SecretName.OBJECT:
        name = SecretName.PASSWORD
    place = Place(prefix, value["separator"], value["space"] or ("" if prefix == "{" else " "), is_quoted_name=False)
    yield from value_spans(text, value.end(), name, place)
