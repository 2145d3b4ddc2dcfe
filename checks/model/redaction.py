"""Removes secrets from text: tokens, passwords, keys, connection strings, signed URLs.

`redact` is for text and `redact_object` for JSON; `checks/model/secrets` recognizes the secrets. Every secret is replaced by
the same placeholder, so redacting a redacted text changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from checks.model.secrets.cookies import cookie_spans
from checks.model.secrets.names import HINTS, SecretName, announced_secret, contains_any, is_collection
from checks.model.secrets.structures import (
    are_pairs,
    follows_its_name,
    is_compared_field,
    is_data_field,
    is_generated_below,
    is_list_of_secrets,
    is_matcher,
    is_private_name,
    is_scheme_or_pattern,
    is_secret_below,
    is_secret_text_of_comparison,
    is_selector,
    neighbouring_name,
    secret_arguments,
    stem_of_file,
    values_of_lines,
)
from checks.model.secrets.texts import PLACEHOLDER, redacted_text, remembered_redacted_text, replaced
from checks.model.secrets.values import is_secret_value

REDACTED = "REDACTED"
"""The placeholder for a Secret's values in a bundle (docs/contract.md#bundle)."""

_SHORTEST = 6
"""No shorter text has both a name and a value."""
_SHORT = 300
"""Texts up to this length are remembered."""
_SHORTEST_PAIR = 2
_LONGEST_FLAG = 100
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def redact(text: str) -> str:
    """The text without secrets.

    The function is idempotent, so a redacted bundle gives the same verdict as the cluster.
    """
    if len(text) < _SHORTEST:
        return text
    return remembered_redacted_text(text) if len(text) <= _SHORT else redacted_text(text)


def redact_object(raw: Any) -> Any:
    """The same JSON without secrets.

    Without values of Secrets, fields and variables with secret names, and secrets in text.
    """
    return _object(raw, None)


@dataclass(frozen=True, slots=True)
class _Above:
    """The name of a secret above an object: which of its texts are secret."""

    name: SecretName
    is_collection: bool


def _object(raw: Any, above: _Above | None) -> Any:
    if isinstance(raw, str):
        return redact(raw)
    if raw is None or isinstance(raw, int | float):
        return raw
    if type(raw) is dict or isinstance(raw, Mapping):  # the first is quick, and nearly always true
        if raw.get("kind") == "Secret" and "metadata" in raw:
            raw = {
                **raw,
                **{key: _values(raw[key]) for key in ("data", "stringData") if isinstance(raw.get(key), Mapping)},
            }
        if (
            "command" in raw
            and isinstance(command := raw["command"], list)
            and isinstance(args := raw.get("args"), list)
        ):
            words = list(_arguments([*command, *args], None))
            raw = {**raw, "command": words[: len(command)], "args": words[len(command) :]}
        return {
            key: (
                (remembered_redacted_text(value) if len(value) <= _SHORT else redacted_text(value))
                if type(value) is str
                else _object(value, None)
            )
            if above is None and _is_ordinary(key)
            else _field(key, value, raw, above)
            for key, value in raw.items()
        }
    if isinstance(raw, list | tuple):
        return list(_arguments(list(raw), above))
    return raw


@lru_cache(maxsize=20_000)
def _is_ordinary(key: Any) -> bool:
    """Whether a field of this name needs no rule of its own, as nearly every field."""
    return not isinstance(key, str) or not (
        key == _APPLIED
        or is_data_field(key)
        or is_compared_field(key)
        or is_matcher(key)
        or is_selector(key)
        or is_private_name(key)
        or (
            contains_any(key.lower(), HINTS)
            and (announced_secret(key) is not None or is_collection(key) or is_collection(stem_of_file(key)))
        )
    )


def _values(data: Mapping[str, Any]) -> dict[str, str]:
    return dict.fromkeys(data, REDACTED)


def _field(key: str, value: Any, parent: Mapping[str, Any], above: _Above | None) -> Any:
    if key == _APPLIED:
        # A copy of the whole object, including a Secret's data. No check reads it.
        return PLACEHOLDER
    if is_private_name(key) and isinstance(parent.get("kty"), str):
        return PLACEHOLDER
    if above is None and is_selector(key) and isinstance(value, Mapping | list):
        return _texts(value)
    is_named = is_data_field(key) or is_matcher(key) or (isinstance(value, str) and is_compared_field(key))
    neighbour = announced_secret(neighbouring_name(parent)) if is_named else None
    name = neighbour or announced_secret(key)
    if above and isinstance(value, str) and _is_secret_text(key, value, name, above):
        return _below(key, value, above.name)
    if neighbour and isinstance(value, str) and is_matcher(key):
        return _below(key, value, neighbour)
    if isinstance(value, Mapping | list | tuple):
        return _opened(key, value, name, above)
    if name is None or (neighbour and is_compared_field(key) and not is_secret_text_of_comparison(value)):
        return _file(key, value) if isinstance(value, str) else value
    return _cookies(value) if name is SecretName.COOKIE else _secret(name, value)


def _is_secret_text(key: str, value: str, name: SecretName | None, above: _Above) -> bool:
    return is_secret_below(key, name, is_in_collection=above.is_collection) or is_generated_below(
        key, value, above.name
    )


def _texts(value: Any) -> Any:
    """The same object with only the secrets within its texts replaced: its names announce none."""
    if isinstance(value, Mapping):
        return {key: _texts(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(each) for each in value]
    return redact(value) if isinstance(value, str) else value


def _below(key: str, value: str, name: SecretName) -> str:
    """A text in an object under a secret's name."""
    if is_scheme_or_pattern(key, value):
        return value
    return PLACEHOLDER if is_secret_value(value, name) else redact(value)


def _opened(key: str, value: Any, name: SecretName | None, above: _Above | None) -> Any:
    """An object or a list under this name."""
    if is_collection(key):
        above = _Above(SecretName.OBJECT if name is SecretName.WEAK or name is None else name, is_collection=True)
    elif name not in (None, SecretName.WEAK):
        above = _Above(SecretName.PASSWORD if name is SecretName.OBJECT else name, is_collection=False)
    if isinstance(value, Mapping):
        return _object(value, above)
    if name is SecretName.COOKIE or not all(isinstance(each, str) for each in value):
        return _object(value, above)
    if above and (
        is_secret_below(key, name, is_in_collection=above.is_collection) or is_list_of_secrets(key, above.name)
    ):
        return [_below(key, each, above.name) for each in value]
    if name is None:
        return _object(value, above)
    return [_secret(above.name if above and above.is_collection else name, each) for each in value]


def _cookies(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return redact(replaced(value, sorted(cookie_spans(value, 0, len(value)))))


def _file(key: str, text: str) -> str:
    return redact(replaced(text, values_of_lines(key, text)) if "\n" in text else text)


def _secret(name: SecretName, value: Any) -> Any:
    if isinstance(value, str) and is_secret_value(value, name):
        return PLACEHOLDER
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return PLACEHOLDER if is_number and name is SecretName.PASSWORD else redact_object(value)


def _arguments(each: list[Any], above: _Above | None) -> Iterator[Any]:
    """The elements of a list: a flag or a name may precede its value."""
    if not each or type(each[0]) is dict or (len(each) < _SHORTEST_PAIR and type(each[0]) is str):
        yield from (_object(value, above) for value in each)
        return
    pairs = are_pairs(each)
    secret = secret_arguments(each)
    before: Any = None
    for position, value in enumerate(each):
        if isinstance(value, str):
            name = _name_before(before, value, is_lone=len(each) == 2)
            yield PLACEHOLDER if position in secret else _secret(name, value) if name else redact(value)
        elif pairs and (name := follows_its_name(*value, is_pair=True, is_lone=True)):
            yield [value[0], _cookies(value[1]) if name is SecretName.COOKIE else _secret(name, value[1])]
        else:
            yield _object(value, above)
        before = value


def _name_before(before: Any, value: str, *, is_lone: bool) -> SecretName | None:
    if not isinstance(before, str) or value.startswith("-") or len(before) >= _LONGEST_FLAG:
        return None
    if before.startswith("-"):
        return announced_secret(before) if "=" not in before else None
    return follows_its_name(before, value, is_pair=False, is_lone=is_lone)
