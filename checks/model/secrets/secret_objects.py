"""The values of Secret objects in text: manifests in YAML or JSON, also within a string."""

import re
from collections.abc import Iterator

from checks.model.secrets.quoting import end_of_quoted, opening_quote
from checks.model.secrets.unquoted import Place, following_lines
from checks.model.secrets.values import PLACEHOLDERS

_KIND = re.compile(r"kind\\*[\"']?[ \t]*:[ \t]*\\*[\"']?Secret(?![\w])")
_JSON = re.compile(r"(?:string)?[dD]ata\\*[\"'][ \t\n]*:[ \t\n]*\{(?P<fields>[^{}]{0,100000}+)")
_JSON_FIELD = re.compile(r":[ \t\n]*(?=\\*[\"'])")
_YAML = re.compile(r"(?m)^(?P<indent>[ \t]*)(?:stringData|data):[ \t]*(?P<flow>\{[^{}\n]*)?$")
_YAML_FIELD = re.compile(r"(?P<prefix>[ \t]+)[\w.\"'-]+:(?P<space>[ \t]*)(?P<value>[^\n]*)\n?")
_FLAT = re.compile(r"(?:stringData|data): +(?P<fields>[\w./-]+: [^\n]{1,2000})")
_FLAT_FIELD = re.compile(r"(?P<name>[\w./-]+): (?P<value>(?:(?![\w./-]+: )\S+ ?)+)")
_OUTSIDE = ("kind", "metadata", "type", "apiVersion", "immutable")
_DOCUMENT = re.compile(r"(?m)^---")


def secret_object_spans(text: str) -> Iterator[tuple[int, int]]:
    """The values of the Secrets whose manifests are in this text."""
    if not _KIND.search(text):
        return
    for found in _JSON.finditer(text):
        for field in _JSON_FIELD.finditer(text, found.start("fields"), found.end("fields")):
            quote = opening_quote(text, field.end())
            yield from _unless_redacted(
                text, field.end() + len(quote), end_of_quoted(text, field.end() + len(quote), quote)
            )
    for flat in _FLAT.finditer(text):
        yield from _flat_fields(text, *flat.span("fields"))
    start = 0
    for end in [*(each.start() for each in _DOCUMENT.finditer(text)), len(text)]:
        if _KIND.search(text, start, end):
            for data in _YAML.finditer(text, start, end):
                yield from _fields(text, data.end() + 1, end, len(data["indent"]))
        start = end


def _fields(text: str, at: int, end: int, indent: int) -> Iterator[tuple[int, int]]:
    while at < end and (field := _YAML_FIELD.match(text, at, end)) and len(field["prefix"]) > indent:
        place = Place(field["prefix"], ":", field["space"], is_quoted_name=False)
        lines = following_lines(text, field.start("value"), place) if field["value"][:1] in ("|", ">", "") else None
        if lines:
            yield from (span for start, stop in lines for span in _unless_redacted(text, start, stop))
            at = lines[-1][1] + 1
        else:
            yield from _unless_redacted(text, field.start("value"), field.end("value"))
            at = field.end()


def _flat_fields(text: str, at: int, end: int) -> Iterator[tuple[int, int]]:
    """The values of a manifest whose lines were joined with spaces, as in a log line."""
    for field in _FLAT_FIELD.finditer(text, at, end):
        if field["name"] in _OUTSIDE:
            return
        yield from _unless_redacted(text, field.start("value"), field.start("value") + len(field["value"].rstrip()))


def _unless_redacted(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if text[start:end].strip(" \t\"'") not in ("", "null", "~", "{}") and not text.startswith(PLACEHOLDERS, start):
        yield start, end
