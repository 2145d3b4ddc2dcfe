"""The log records of a task name the run or document that it works on."""

import logging
import sys

import pytest
from redis.exceptions import ReadOnlyError

from workers.telemetry.logs import RepeatedWarnings, task_subject


@pytest.mark.parametrize(
    ("task", "arguments", "fields"),
    [
        ("workers.diagnose", ["4f2a"], {"run": "4f2a"}),
        ("bot.courier.deliver", ["run/4f2a"], {"run": "4f2a"}),
        ("bot.courier.deliver", ["digest/C0OPS/7"], {"document": "digest/C0OPS/7"}),
        ("workers.sweep", ["prod-weu"], {"subject": "prod-weu"}),
        ("workers.sweep", [], {}),
    ],
)
def test_a_record_of_a_task_names_its_subject(task: str, arguments: list[str], fields: dict[str, str]) -> None:
    assert task_subject(task, arguments) == fields


def test_a_refusal_of_redis_is_logged_once_in_ten_seconds_without_its_traceback() -> None:
    """A read-only Redis filled the log with six tracebacks a second."""
    repeated, records = RepeatedWarnings(), []
    for error in (ReadOnlyError("read only replica"), ReadOnlyError("read only replica"), ValueError("a defect")):
        try:
            raise error
        except (ReadOnlyError, ValueError):
            record = logging.LogRecord("celery", logging.WARNING, "", 0, "Connection lost.\n", (), sys.exc_info())
        if repeated.filter(record):
            records.append((record.getMessage(), record.exc_info is not None))
    assert records == [("Connection lost. (read only replica)", False), ("Connection lost.\n", True)]
