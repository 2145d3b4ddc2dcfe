"""Doctor's output and exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import bot.doctor.part
import checks.doctor.action_rights
import checks.doctor.parts
import workers.doctor.part
from checks.doctor.command import doctor, parts
from checks.doctor.requirement_lines import (
    DOCTOR_JSON,
    EXITS,
    DoctorLine,
    Requirement,
    State,
    doctor_text,
    summary,
    worst,
)

SCOPE = Requirement("slack", "slack-scope", "The token has the scope", "Add it.")
CLOCK = Requirement("slack", "slack-clock", "The clock agrees", "Set the clock.")


def test_failures_are_printed_in_full_and_passes_in_one_line() -> None:
    lines = [SCOPE.passed("granted", "commands"), SCOPE.passed("granted", "chat:write"), CLOCK.failed("400 s behind")]
    assert list(doctor_text(lines)) == [
        "slack",
        "  pass        The token has the scope: 2 (commands, chat:write)",
        "  fail        The clock agrees: 400 s behind",
        "              fix: Set the clock.",
        "",
        "1 failed, 2 passed",
    ]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([SCOPE.passed("granted")], 0),
        ([SCOPE.passed("granted"), CLOCK.warned("near")], 0),
        ([SCOPE.not_checked("no token"), CLOCK.passed("fine")], 3),
        ([SCOPE.not_checked("no token"), CLOCK.failed("off")], 1),
        ([], 3),
    ],
)
def test_the_exit_code_is_that_of_the_worst_line_and_no_lines_is_not_a_pass(lines: list[DoctorLine], code: int) -> None:
    assert EXITS[worst(lines)] == code


def test_the_document_has_every_line_with_its_fix() -> None:
    document = DOCTOR_JSON.dump_python(
        (CLOCK.failed("off", "node-1"), SCOPE.passed("granted", "commands")), mode="json"
    )
    assert document["result"] == "wrong"
    assert document["lines"] == [
        {
            "part": "slack",
            "requirement": "slack-clock",
            "title": "The clock agrees",
            "subject": "node-1",
            "state": "wrong",
            "observed": "off",
            "remedy": "Set the clock.",
        },
        {
            "part": "slack",
            "requirement": "slack-scope",
            "title": "The token has the scope",
            "subject": "commands",
            "state": "well",
            "observed": "granted",
            "remedy": "",
        },
    ]


def test_an_unknown_part_is_a_usage_error() -> None:
    done = CliRunner().invoke(doctor, ["--only", "slakc"])
    assert done.exit_code == 2
    assert 'unknown part "slakc"; choose from configuration, workers, clusters, actions, slack' in done.output


def test_every_part_is_installed() -> None:
    assert list(parts()) == ["configuration", "workers", "clusters", "actions", "slack"]


def test_names_of_requirements_are_unique_and_each_has_a_fix() -> None:
    known = [*checks.doctor.parts.REQUIREMENTS, *checks.doctor.action_rights.REQUIREMENTS]
    known += [*workers.doctor.part.REQUIREMENTS, *bot.doctor.part.SLACK_REQUIREMENTS]
    assert len({each.name for each in known}) == len(known)
    assert all(len(each.fix) > 20 for each in known)
    assert summary([]) == "no requirement was checked"
    assert set(EXITS) == set(State)


@pytest.mark.parametrize(
    ("only", "foreign"),
    [("slack", ("kubernetes", "azure", "checks.sources")), ("workers", ("slack_sdk", "kubernetes", "azure"))],
)
def test_a_part_does_not_load_the_dependencies_of_other_parts(
    only: str, foreign: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "egress-diag.yaml").write_text("clusters: []\n")
    program = (
        "import sys\nfrom checks.doctor.command import doctor\n"
        f"try:\n    doctor(['--only', '{only}'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {foreign!r} if name in sys.modules])"
    )
    environment = {"REDIS_URL": "redis://127.0.0.1:1/0", "SLACK_API_URL": "http://127.0.0.1:1/api/"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
