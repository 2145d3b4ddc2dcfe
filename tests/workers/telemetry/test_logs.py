"""The log records of a task name the run or document that it works on."""

import pytest

from workers.telemetry.logs import task_subject


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
