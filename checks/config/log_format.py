"""Log records as JSON lines or as text for a terminal. Pure.

Each has the run's ID and no secrets.

`workers/telemetry/logs.py` and `bot/slack/logs.py` configure the logs of each process.
"""

import logging
from collections.abc import Collection
from contextvars import ContextVar
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from checks.model.redaction import redact, redact_object

_CONTEXT: ContextVar[dict[str, str] | None] = ContextVar("log_context", default=None)

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"
_SECRET = "[redacted]"  # noqa: S105 - the replacement of a secret
_SHORTEST = 6
"""Shorter secrets are not replaced: they could be ordinary words."""


def set_log_context(**fields: str) -> None:
    """Set the fields of this thread's records until the next call.

    The possible fields are `run`, `document` and `cluster`.
    """
    _CONTEXT.set(fields)


def handler(form: str, stream: TextIO, process: str, secrets: Collection[str] = ()) -> logging.Handler:
    """A handler that writes to the stream; `form` is `json` or `text`.

    It redacts the `secrets` of this process and all text that looks like a secret.
    """
    replaced = tuple(sorted((each for each in secrets if len(each) >= _SHORTEST), key=len, reverse=True))
    found = logging.StreamHandler(stream)
    found.setFormatter(_Json(process, replaced) if form == "json" else _Text(process, replaced))
    return found


class _Json(JsonFormatter):
    def __init__(self, process: str, secrets: Collection[str]) -> None:
        super().__init__(
            _FIELDS, rename_fields={"levelname": "level", "asctime": "at", "name": "logger"}, json_ensure_ascii=False
        )
        self._process = process
        self._secrets = secrets
        self.datefmt = "%Y-%m-%dT%H:%M:%S%z"

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        fields = redact_object({**log_data, "process": self._process, **(_CONTEXT.get() or {})})
        return {key: _without(value, self._secrets) for key, value in fields.items()}


class _Text(logging.Formatter):
    def __init__(self, process: str, secrets: Collection[str]) -> None:
        super().__init__(_FIELDS)
        self._process = process
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        context = " ".join(f"{key}={value}" for key, value in (_CONTEXT.get() or {}).items())
        line = super().format(record)
        return str(_without(redact(f"{line} ({context})" if context else line), self._secrets))


def _without(value: Any, secrets: Collection[str]) -> Any:
    """The value with every secret of the process replaced."""
    match value:
        case str():
            for secret in secrets:
                value = value.replace(secret, _SECRET)
            return value
        case dict():
            return {key: _without(each, secrets) for key, each in value.items()}
        case list():
            return [_without(each, secrets) for each in value]
        case _:
            return value
