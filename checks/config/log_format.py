"""Log records as one JSON line each, or as text for a terminal: with the run they are about, and without secrets. Pure.

Which process logs how is said by `workers/telemetry/logs.py` and `bot/slack/logs.py`.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from checks.model.redaction import redact, redact_object

_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"
_SECRET = "[redacted]"  # noqa: S105 - the word that stands in a secret's place
_SHORTEST = 6
"""A shorter secret could be any word, and would take it out of every line."""


@contextmanager
def about(**what: str) -> Iterator[None]:
    """Every record of this thread says what it is about (`run`, `document`, `cluster`) while the block runs."""
    token = _ABOUT.set({**(_ABOUT.get() or {}), **what})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def begin(**what: str) -> None:
    """Like `about` until the thread's next `begin`, for frameworks that call at the beginning and at the end."""
    _ABOUT.set(what)


def handler(form: str, stream: TextIO, process: str, secrets: Collection[str] = ()) -> logging.Handler:
    """A handler that writes to the stream: `form` is `json` or `text`. The `secrets` of this process never appear, and
    neither does what looks like one."""
    hidden = tuple(sorted((each for each in secrets if len(each) >= _SHORTEST), key=len, reverse=True))
    made = logging.StreamHandler(stream)
    made.setFormatter(_Json(process, hidden) if form == "json" else _Text(process, hidden))
    return made


class _Json(JsonFormatter):
    def __init__(self, process: str, secrets: Collection[str]) -> None:
        super().__init__(
            _FIELDS, rename_fields={"levelname": "level", "asctime": "at", "name": "logger"}, json_ensure_ascii=False
        )
        self._process = process
        self._secrets = secrets
        self.datefmt = "%Y-%m-%dT%H:%M:%S%z"

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        said = redact_object({**log_data, "process": self._process, **(_ABOUT.get() or {})})
        return {key: _without(value, self._secrets) for key, value in said.items()}


class _Text(logging.Formatter):
    def __init__(self, process: str, secrets: Collection[str]) -> None:
        super().__init__(_FIELDS)
        self._process = process
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        what = " ".join(f"{key}={value}" for key, value in (_ABOUT.get() or {}).items())
        line = super().format(record)
        return str(_without(redact(f"{line} ({what})" if what else line), self._secrets))


def _without(value: Any, secrets: Collection[str]) -> Any:
    """The value without the process's own secrets, wherever they stand in it."""
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
