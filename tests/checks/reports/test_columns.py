"""Every text of the command line: 80 columns, the verdict first and last, the worst first.

Commands are exempt: they are pasted. So is a word that is longer than a line, such as a URL.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.doctor.requirements import SLACK_REQUIREMENTS
from checks.actions.plan import ActionKind
from checks.actions.rendering import plan_lines
from checks.catalogue import catalogue
from checks.cli.main import main
from checks.docs.catalogue_page import check_page, listing
from checks.doctor.requirement_lines import doctor_text
from checks.doctor.requirements import ACTION_REQUIREMENTS, RIGHT
from checks.doctor.requirements import REQUIREMENTS as CLUSTER_REQUIREMENTS
from checks.engine.sweep import ClusterSweep
from checks.facts.egress_gateway import EgressGateway
from checks.model.columns import COLUMNS
from checks.model.commands import is_command
from checks.model.findings import Report, Verdict
from checks.reports.fleet import sweep_lines, sweep_summary
from checks.reports.gateway_list import LastVerdict, gateway_lines, unseen_lines
from checks.reports.headline import headline
from checks.reports.host_words import host_outcome, is_about_host
from checks.reports.text import quiet_lines, report_lines
from checks.reports.wording import VERDICTS
from tests.bot.stories import BEGAN
from tests.checks.actions.test_planning import planned
from tests.command_line import ENVIRONMENT, PROGRAM
from tests.incidents.incidents import Incident, incidents, reported
from tests.recordings import diagnosed, question
from workers.doctor.requirements import WORKER_REQUIREMENTS

EXAMPLES = Path(__file__).parents[3] / "examples" / "bundles"


def report_of(incident: Incident) -> Report:
    expect = incident.expect
    wanted = question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    return diagnosed(incident.cluster, wanted).finish(0.0)


def too_long(lines: Iterable[str], pasted: Iterable[str] = ()) -> list[str]:
    """The lines that have more columns than a terminal, without those of pasted commands."""
    exempt = {line.strip() for command in pasted for line in command.splitlines()}
    found = [line for line in lines if len(line) > COLUMNS and line.strip() not in exempt]
    # A line that ends with its first word after the label cannot be shorter.
    return [line for line in found if not _is_one_word(line)]


def _is_one_word(line: str) -> bool:
    longest = max(line.split(), key=len, default="")
    return len(longest) > COLUMNS - 30 and len(line) - len(longest) <= COLUMNS // 2


def commands_of(report: Report) -> list[str]:
    actions = [a for f in report.findings for a in f.actions] + [a for r in report.not_checked for a in r.actions]
    written = [
        each
        for a in actions
        for each in (a.command, a.verify, a.undo)
        if each and (is_command(each) or each == a.command)
    ]
    routes = report.route.requests if report.route is not None else ()
    return [*written, *(each for r in routes for c in r.corrections for each in (c.command, c.undo) if each)]


@pytest.mark.parametrize("incident", [*incidents(), *reported()], ids=lambda each: each.name)
def test_reports_of_incidents_have_80_columns_and_the_verdict_first_and_last(incident: Incident) -> None:
    if "ambiguous" in incident.expect:
        pytest.skip("the name matches several gateways")
    report = report_of(incident)
    lines = list(report_lines(report))
    assert too_long(lines, commands_of(report)) == []
    assert headline(report).startswith(lines[0][:40])
    closing = list(quiet_lines(report))
    assert lines[-len(closing) :] == closing
    first = host_outcome(report) if is_about_host(report) else f"{VERDICTS[report.verdict]}: "
    assert first.startswith(closing[0][:40]) or closing[0].startswith(first)
    listed = [line.split()[0] for line in lines if re.match(r"(pass|warning|fail) +EG\d+  ", line)]
    assert listed == sorted(listed, key=["fail", "warning", "pass"].index), "the worst finding is first"


def test_a_fleet_check_has_80_columns_and_the_worst_gateway_first() -> None:
    swept = [
        ClusterSweep(each.name, BEGAN, 1.0, (report_of(each),))
        for each in incidents()
        if each.expect.get("verdict") in ("broken", "healthy", "degraded") and "host" not in each.expect
    ][:40]
    swept.append(
        ClusterSweep("gone", BEGAN, 1.0, (), problem="the API server of this cluster did not answer within ten seconds")
    )
    lines = list(sweep_lines(swept))
    assert too_long([*lines, *sweep_summary(swept, 1.0)]) == []
    rank = ["broken", "inconclusive", "not", "starting", "degraded", "healthy"]
    shown = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert shown == sorted(shown, key=rank.index)
    assert {"broken", "healthy"} <= set(shown)


def test_the_catalogue_has_80_columns() -> None:
    checks = catalogue()
    assert too_long(listing(checks).splitlines()) == []
    assert too_long(line for each in checks for line in check_page(each, checks).splitlines()) == []


LONG = "an-egress-gateway-with-a-name-of-63-characters-as-kubernetes-has-it"


@pytest.mark.parametrize("last", [False, True], ids=["", "with verdicts"])
def test_a_list_of_gateways_has_80_columns(last: bool) -> None:
    gateways = [
        EgressGateway(namespace, name, revisions=("asm-1-29", "asm-1-30"), configuration=configuration)
        for namespace, name, configuration in (
            ("team-egress", "egw", "sgc"),
            (LONG[:30], LONG[:40], LONG[:50]),
            ("a", "b", ""),
        )
    ]
    ready = {"team-egress/egw-asm-1-30": (1, 2)}
    verdicts = {str(each): LastVerdict(Verdict.INCONCLUSIVE, BEGAN) for each in gateways[:2]} if last else {}
    lines = [*gateway_lines(gateways, ready, verdicts), *unseen_lines([f"Not signed in to Azure: {' word' * 60}"])]
    assert too_long(lines) == []
    assert ("inconclusive" in "\n".join(lines)) is last


def test_doctor_has_80_columns() -> None:
    requirements = [*CLUSTER_REQUIREMENTS, *ACTION_REQUIREMENTS, *WORKER_REQUIREMENTS, *SLACK_REQUIREMENTS]
    observed = (
        "the API server rejected the credentials of the user that the kubeconfig names, with 401 and no further reason"
    )
    lines = [
        line
        for each in requirements
        for line in (
            each.failed(observed, "prod-weu"),
            each.warned(observed),
            each.not_checked(observed),
            each.passed(observed),
        )
    ]
    lines += [RIGHT.passed("allowed", f"prod-weu list {kind}") for kind in ("pods", "services", "virtualservices") * 8]
    assert too_long(doctor_text(lines)) == []


@pytest.mark.parametrize("kind", list(ActionKind))
def test_a_plan_has_80_columns(kind: ActionKind) -> None:
    """Paths of requests are one word."""
    assert too_long(plan_lines(planned(kind))) == []


def terminal(words: list[str], **environment: str) -> str:
    """The output of a command whose standard output is a terminal."""
    parent, child = pty.openpty()
    with subprocess.Popen(
        [str(PROGRAM), *words],
        stdout=child,
        stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, "TERM": "xterm", **environment},
    ):
        os.close(child)
        read = b""
        try:
            while more := os.read(parent, 65536):
                read += more
        except OSError:
            pass  # the terminal is closed
    os.close(parent)
    return read.decode().replace("\r\n", "\n")


def untimed(shown: str) -> str:
    """The output without the duration of the run."""
    return re.sub(r"\d+\.\d s\b", "", shown)


def test_a_failure_is_red_in_a_terminal_only() -> None:
    words = ["diagnose", "x", "team-egress/egw", "--bundle", str(EXAMPLES / "gateway-pool-missing")]
    shown = terminal(words)
    assert "\x1b[31m\x1b[1mBroken:\x1b[0m " in shown
    assert "\x1b[31m\x1b[1mfail\x1b[0m         EG407" in shown
    assert "\x1b[32m\x1b[1mpass\x1b[0m" in shown
    plain = CliRunner().invoke(main, words).stdout
    assert "\x1b" not in plain
    assert untimed(terminal(words, NO_COLOR="1")) == untimed(plain)
    assert "\x1b" not in terminal(words, TERM="dumb")
