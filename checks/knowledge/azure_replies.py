"""Codes and messages in the error texts of Azure's services, nested ones included.

The texts come from events of the static egress controller and from `status.provisioningError`. Their forms: the JSON of
Azure Resource Manager, whose messages can contain JSON again; the texts of the Go, Python and command line clients;
`SubCode: …` of AKS; OAuth errors of Microsoft Entra ID. Source: docs/domain/operator-messages.md#arm-error-codes.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class AzureReply:
    """One error: its code and its message in one line, "" without one."""

    code: str
    message: str

    @property
    def shown(self) -> str:
        """`CODE: message`."""
        return f"{self.code}: {self.message}" if self.message else self.code


_CODE = r"[A-Za-z][A-Za-z0-9_.]{3,}"
_SIGN_IN = re.compile(
    r"\b(?P<code>AADSTS\d{4,}): *(?P<message>.*?)(?= *(?:Trace ID:|Correlation ID:|\\?\"|\Z))", re.DOTALL
)
_FORMS = (
    # autorest: Code="X" Message="…"
    re.compile(rf'\bCode="(?P<code>{_CODE})"(?: Message="(?P<message>[^"]*)")?'),
    # Azure CLI and Python clients
    re.compile(rf"(?<!\w)\((?P<code>{_CODE})\) (?P<message>[^\n]+)"),
    # AKS: Category: ClientError; Code: X; SubCode: Y; Message: …
    re.compile(rf"\b(?:Sub)?Code: *(?P<code>{_CODE}) *;(?:[^\n]*?\bMessage: *(?P<message>[^;\n]+))?"),
    # status of an instance: ProvisioningState/failed/X
    re.compile(rf"\bProvisioningState/failed/(?P<code>{_CODE})(?P<message>)"),
    # X: message, for codes of several words
    re.compile(
        r"(?:^|(?<=[\s:;]))(?P<code>[A-Z][A-Za-z0-9]*[a-z0-9]_?[A-Z][A-Za-z0-9]*|Conflict): (?=(?P<message>.+))",
        re.DOTALL,
    ),
)
_HEADER = re.compile(rf"\bERROR CODE: *(?P<code>{_CODE})")
_CALL = re.compile(r"[:.]?\s*\b(?:GET|PUT|POST|PATCH|DELETE|HEAD) https?://")
_NOT_CODES = re.compile(
    r"unavailable|details|unknown|(sub|status|error)code|(orginal|original|inner)?error|errormessage|\w+credential",
    re.IGNORECASE,
)
"""Words that stand where a code can stand."""
_WORD = re.compile(r"(?<!rpc error: )\bcode\\?[\"']?\s*[=:]\s*\\?[\"']?(?P<code>[A-Za-z]{4,})", re.IGNORECASE)


@lru_cache(maxsize=1_000)
def azure_replies(text: str) -> tuple[AzureReply, ...]:
    """The errors in a text, each after the one that contains it."""
    found = list(_replies(text))
    if not found and '\\"' in text:
        found = list(_replies(re.sub(r'\\(["\\])', r"\1", text)))
    if not found:
        found = [AzureReply(each["code"], "") for each in _WORD.finditer(text)]
    found_codes: dict[str, AzureReply] = {}
    for reply in found:
        known = found_codes.get(reply.code.lower())
        if known is None or (not known.message and reply.message):
            found_codes[reply.code.lower()] = reply
    return tuple(each for each in found_codes.values() if not _NOT_CODES.fullmatch(each.code))


def step_before(text: str) -> str:
    """The step of the controller that failed: the text before the call or the first error."""
    first = _CALL.search(text) or re.search(r"\n|: *\{", text)
    return _line(text[: first.start()]).rstrip(": ") if first else ""


def _replies(text: str) -> Iterator[AzureReply]:
    bodies = list(_json_in(text))
    around = re.sub(r"\{.*\}", "", text, flags=re.DOTALL) if bodies else text
    for form in _FORMS:
        for found in form.finditer(around):
            yield AzureReply(found["code"], _line(found["message"] or ""))
    # A text with a JSON body repeats its outer code in a header.
    yield from (AzureReply(found["code"], "") for found in _HEADER.finditer(text))
    for body in bodies:
        yield from _of_json(body)
    for found in _SIGN_IN.finditer(text):
        yield AzureReply(found["code"], _line(found["message"]))


def _of_json(value: Any) -> Iterator[AzureReply]:
    if isinstance(value, list):
        for each in value:
            yield from _of_json(each)
    elif isinstance(value, dict):
        members = {str(key).lower(): content for key, content in value.items()}
        code, message = members.get("code"), members.get("message")
        if isinstance(code, str) and re.fullmatch(_CODE, code):
            inner = list(_json_in(message)) if isinstance(message, str) else []
            yield AzureReply(code, "" if inner or not isinstance(message, str) else _line(message))
            yield from _of_json(inner)
        if isinstance(description := members.get("error_description"), str):
            yield AzureReply(str(members.get("error", "")), _line(description))
        for key, content in members.items():
            if key in ("error", "details", "innererror", "provisioningerror", "properties", "statusmessage"):
                yield from _of_json(content)


def _json_in(text: str) -> Iterator[Any]:
    """The JSON objects in a text that are not part of another one."""
    decoder, start = json.JSONDecoder(strict=False), 0
    while (start := text.find("{", start)) >= 0:
        try:
            value, start = decoder.raw_decode(text, start)
        except ValueError:
            start += 1
            continue
        yield value


def _line(text: str) -> str:
    return " ".join(text.split())
