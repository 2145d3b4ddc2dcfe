"""Removes secrets from text: tokens, passwords, keys, connection strings, signed URLs.

Every secret is replaced by the same placeholder, so redacting a redacted text changes nothing.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

REDACTED = "REDACTED"
"""The placeholder for a Secret's values in a bundle (docs/contract.md#bundle)."""

_WORD = "[redacted]"
_VALUE = r"[^\s;,&\"'<>)}]+"
_NAMED = (
    r"(?:(?:password|passwd|passphrase|client[_-]?secret|secret[_-]?access[_-]?key|app[_-]?secret|"
    r"account[_-]?key|shared[_-]?access[_-]?key|shared[_-]?key|api[_-]?key|access[_-]?key|access[_-]?token|refresh[_-]?token|"
    r"id[_-]?token|auth[_-]?token|storage[_-]?key|connection[_-]?string)|(?<![\w/])pwd)"
)

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        _WORD,
    ),
    # A JSON web token, with or without its signature.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), _WORD),
    (
        re.compile(r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|negotiate)\s+)?" + _VALUE),
        rf"\1{_WORD}",
    ),
    # Tokens contain a digit; "Bearer authentication failed" is not one.
    (re.compile(r"(?i)\b(bearer|basic)\s+(?=\S*\d)[\w.~+/=-]{12,}"), rf"\1 {_WORD}"),
    # KEY=value, key: value, "key": "value", also within connection strings.
    (
        re.compile(rf"(?i)({_NAMED}\\?[\"']?\s*[=:]\s*\\?[\"']?)(?![\s/\[{{]|null\b|true\b|false\b){_VALUE}"),
        rf"\1{_WORD}",
    ),
    (re.compile(r"(?i)(private[_-]?key\\?[\"']?\s*[=:]\s*\\?[\"']?)[A-Za-z0-9+/]{32,}={0,2}"), rf"\1{_WORD}"),
    # A container's environment as JSON: {"name":"DB_PASSWORD","value":"…"}.
    (
        re.compile(rf"(?i)(\"name\":\s*\"[\w.-]{{0,100}}?{_NAMED}[\w.-]{{0,100}}\",\s*\"value\":\s*\")[^\"]+"),
        rf"\1{_WORD}",
    ),
    # Signed URLs, and OAuth redirects with an authorization code.
    (re.compile(r"(?i)([?&](?:sig|signature|token|x-amz-signature|x-amz-security-token)=)[^&\s\"'<>]+"), rf"\1{_WORD}"),
    (re.compile(r"(?i)([?&]code=)[\w.~-]{16,}"), rf"\1{_WORD}"),
    (re.compile(r"(://[^/\s:@\"']*:)[^/\s@\"']+@"), rf"\1{_WORD}@"),
    (re.compile(r"\b(?:xox[abeprs]|xapp|xwfp)-[A-Za-z0-9-]{8,}"), _WORD),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|AKIA[A-Z0-9]{16})\b"), _WORD),
    # The format of an Entra client secret.
    (re.compile(r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~-])"), _WORD),
)

_HINT = re.compile(
    r"(?i)private.?key|eyj|authorization|bearer|basic|pass|pwd|secret|key|token|connection.?string|sig|code=|://|"
    r"xox|xapp|xwfp|gh[pousr]_|github_pat|akia|q~"
)
"""Every match of a pattern contains one of these.

Texts without them are not searched further.
"""

_SECRET_FIELD = re.compile(
    rf"(?i)[\w.-]{{0,100}}{_NAMED}|primaryKey|secondaryKey|clientKeyData|client-key-data|kubeconfig",
)
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def redact(text: str) -> str:
    """The text without secrets.

    The function is idempotent, so a redacted bundle gives the same verdict as the cluster.
    """
    if len(text) > 300:
        return _settled(text)
    return _remembered(text)


def redact_object(raw: Any) -> Any:
    """The same JSON without secrets.

    Without values of Secrets, fields and variables with secret names, and secrets in text.
    """
    if isinstance(raw, Mapping):
        if raw.get("kind") == "Secret" and "metadata" in raw:
            raw = {
                **raw,
                **{key: _values(raw[key]) for key in ("data", "stringData") if isinstance(raw.get(key), Mapping)},
            }
        return {key: _field(key, value, raw) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [redact_object(each) for each in raw]
    return redact(raw) if isinstance(raw, str) else raw


def _values(data: Mapping[str, Any]) -> dict[str, str]:
    return dict.fromkeys(data, REDACTED)


def _field(key: str, value: Any, parent: Mapping[str, Any]) -> Any:
    if not isinstance(value, str):
        return redact_object(value)
    if key == _APPLIED:
        # A copy of the whole object, including a Secret's data. No check reads it.
        return _WORD
    named = str(parent.get("name", "")) if key == "value" else key
    if value and value != REDACTED and _SECRET_FIELD.fullmatch(named):
        return _WORD
    return redact(value)


@lru_cache(maxsize=50_000)
def _remembered(text: str) -> str:
    return _settled(text)


def _settled(text: str) -> str:
    if not _HINT.search(text):
        return text
    for _ in range(8):
        before = text
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        if text == before:
            break
    return text
