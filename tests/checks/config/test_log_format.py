"""A log line is one JSON object with its run's ID and without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from checks.config.log_format import handler, set_log_context

SECRET = "s1gning-secret-of-the-app"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    found = logging.getLogger("incident")
    found.propagate = False
    found.setLevel(logging.INFO)
    yield found
    found.handlers.clear()
    set_log_context()


def to(log: logging.Logger, form: str = "json") -> io.StringIO:
    stream = io.StringIO()
    log.handlers = [handler(form, stream, "worker", [SECRET])]
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_names_its_run_its_process_and_its_level(log: logging.Logger) -> None:
    stream = to(log)
    set_log_context(run="r1", cluster="prod")
    log.warning("reading %s failed", "pods")
    set_log_context()
    log.info("afterwards")
    first, second = lines(stream)
    assert first["message"] == "reading pods failed"
    assert (first["level"], first["logger"], first["process"]) == ("WARNING", "incident", "worker")
    assert (first["run"], first["cluster"]) == ("r1", "prod")
    assert first["at"].startswith("20")
    assert "run" not in second


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "message",
    [
        "token xoxb-1234567890-abcdefghij was rejected",
        f"signature made with {SECRET} does not match",
        "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "redis://bot:hunter2hunter2@redis:6379/0 cannot be reached",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
    ],
)
def test_secrets_are_redacted_in_both_forms(form: str, message: str, log: logging.Logger) -> None:
    stream = to(log, form)
    log.info("%s", message)
    written = stream.getvalue()
    for secret in ("1234567890-abc", SECRET, "eyJhbGci", "hunter2", "MIIEvQ"):
        assert secret not in written
    assert "redacted" in written


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_is_one_record_without_secrets(form: str, log: logging.Logger) -> None:
    stream = to(log, form)
    try:
        int(f"password={SECRET}")
    except ValueError:
        log.exception("error 1a2b3c4d")
    written = stream.getvalue()
    assert "ValueError" in written
    assert SECRET not in written
    if form == "json":
        assert len(lines(stream)) == 1


def test_a_field_with_the_name_of_a_secret_is_redacted(log: logging.Logger) -> None:
    stream = to(log)
    log.info("logged in", extra={"access_token": "abc", "cluster": "prod"})
    assert lines(stream)[0]["access_token"] == "[redacted]"
    assert lines(stream)[0]["cluster"] == "prod"


def test_a_message_with_quotes_and_line_breaks_is_one_line(log: logging.Logger) -> None:
    stream = to(log)
    log.info('first "line"\nsecond ❌ line')
    assert lines(stream)[0]["message"] == 'first "line"\nsecond ❌ line'
