"""Removes secrets from text: tokens, passwords, keys, connection strings, signed URLs.

`redact` is for text and `redact_object` for JSON; `checks/model/secrets` recognizes the secrets. Every secret is replaced by
the same placeholder, so redacting a redacted text changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from checks.model.secrets.named_values import named_value_spans
from checks.model.secrets.names import HINTS, SecretName, announced_secret
from checks.model.secrets.pairs import pair_spans
from checks.model.secrets.programs import PROGRAM_HINTS, program_spans
from checks.model.secrets.prose import PROSE_HINTS, prose_spans
from checks.model.secrets.secret_objects import secret_object_spans
from checks.model.secrets.shapes import shape_spans
from checks.model.secrets.values import is_secret_value

REDACTED = "REDACTED"
"""The placeholder for a Secret's values in a bundle (docs/contract.md#bundle)."""

_WORD = "[redacted]"
_SHORTEST = 6
"""No shorter text has both a name and a value."""
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FINDERS: tuple[tuple[Callable[[str], Iterator[tuple[int, int]]], tuple[str, ...]], ...] = (
    (shape_spans, ("",)),
    (secret_object_spans, ("secret",)),
    (pair_spans, HINTS),
    (named_value_spans, HINTS),
    (program_spans, PROGRAM_HINTS),
    (prose_spans, PROSE_HINTS),
)
"""The functions that find secrets, each with hints in small letters.

It is called only for texts that contain one of its hints.
"""


def redact(text: str) -> str:
    """The text without secrets.

    The function is idempotent, so a redacted bundle gives the same verdict as the cluster.
    """
    if len(text) < _SHORTEST:
        return text
    if len(text) > 300:
        return _settled(text)
    return _remembered(text)


def redact_object(raw: Any) -> Any:
    """The same JSON without secrets.

    Without values of Secrets, fields and variables with secret names, and secrets in text.
    """
    if isinstance(raw, str):
        return redact(raw)
    if raw is None or isinstance(raw, int | float):
        return raw
    if isinstance(raw, Mapping):
        if raw.get("kind") == "Secret" and "metadata" in raw:
            raw = {
                **raw,
                **{key: _values(raw[key]) for key in ("data", "stringData") if isinstance(raw.get(key), Mapping)},
            }
        return {key: _field(key, value, raw) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return list(_arguments(list(raw)))
    return raw


def _values(data: Mapping[str, Any]) -> dict[str, str]:
    return dict.fromkeys(data, REDACTED)


def _field(key: str, value: Any, parent: Mapping[str, Any]) -> Any:
    if key == _APPLIED:
        # A copy of the whole object, including a Secret's data. No check reads it.
        return _WORD
    name = announced_secret(_named(parent) if key in ("value", "values") else key)
    if name is None:
        return redact_object(value)
    if name is SecretName.COOKIE or isinstance(value, Mapping):
        return _opened(value) if name is SecretName.PASSWORD or name is SecretName.TOKEN else redact_object(value)
    return _secret(name, value)


def _named(parent: Mapping[str, Any]) -> str:
    """The name that stands beside a value: of a variable, a header, a condition."""
    name = str(parent.get("name") or parent.get("key") or "")
    return name.removeprefix("request.headers[").removesuffix("]")


def _opened(value: Any) -> Any:
    """An object under a secret's name: its `value` is the secret."""
    found = redact_object(value)
    if isinstance(found, dict) and isinstance(found.get("value"), str) and found["value"] not in ("", REDACTED):
        return {**found, "value": _WORD}
    return found


def _secret(name: SecretName, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_secret(name, each) for each in value]
    if isinstance(value, str) and is_secret_value(value, name):
        return _WORD
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return _WORD if is_number and name is SecretName.PASSWORD else redact_object(value)


def _arguments(each: list[Any]) -> Iterator[Any]:
    """The elements of a list. A flag may precede its value: `["--password", "hunter2"]`."""
    name: SecretName | None = None
    for value in each:
        if name and isinstance(value, str) and not value.startswith("-"):
            yield _secret(name, value)
        else:
            yield redact_object(value)
        is_flag = isinstance(value, str) and value.startswith("-") and len(value) < 100
        name = announced_secret(value) if is_flag and "=" not in value else None


@lru_cache(maxsize=50_000)
def _remembered(text: str) -> str:
    return _settled(text)


def _settled(text: str) -> str:
    for _ in range(8):
        before = text
        small = text.lower()
        finders = [find for find, hints in _FINDERS if any(hint in small for hint in hints)]
        text = _replaced(text, sorted(span for find in finders for span in find(text)))
        if text == before:
            break
    return text


def _replaced(text: str, spans: Iterable[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in spans:
        if end <= at or start == end:
            continue
        if start >= at:
            parts += (text[at:start], _WORD)
        at = end
    return "".join((*parts, text[at:])) if parts else text
