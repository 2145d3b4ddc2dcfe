"""Every case: its complete findings, and their texts.

Summaries are observations, and commands run as printed. One file: a test process then diagnoses each case once.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.model.commands import AZ_VERSION
from checks.model.findings import Action, Effect, Finding, Status
from checks.model.kubectl_context import without_context
from tests.language.finding import broken_rules
from tests.language.texts import Kind, Text
from tests.scenarios.cases import ONLY_UNKNOWN, Case, all_cases, cases_of

CHECKS = catalogue()

READING = {
    "kubectl": {"get", "describe", "logs", "top", "wait", "exec", "auth", "version"},
    "az": {
        *("show", "list", "list-instances", "list-usage", "list-usages", "list-skus", "wait", "check-access"),
        *("get-upgrades", "get-revisions", "get-versions", "get-credentials", "list-service-tags"),
    },
    "egress-diag": {"diagnose", "checks"},
}
"""Verbs that change nothing."""

CHANGING = {
    "kubectl": {"apply", "patch", "edit", "label", "annotate", "create", "delete", "scale", "rollout", "debug",
                "cordon", "uncordon"},
    "az": {
        *("start", "stop", "add", "update", "update-credentials", "scale", "create", "enable", "enable-egress-gateway"),
        *("disable-egress-gateway", "upgrade", "rollback", "complete", "invoke", "delete"),
        *("delete-machines", "restart", "set"),
    },
    "egress-diag": {"probe", "restart"},
}  # fmt: skip

READ_TITLES = {
    "Check",
    "Compare",
    "Count",
    "Describe",
    "Diagnose",
    "Get",
    "List",
    "Renew",
    "Run",
    "Save",
    "Show",
    "Wait",
}
"""First words of the titles of read-only actions."""

CHANGE_TITLES = {
    *("Add", "Allow", "Apply", "Bind", "Create", "Declare", "Define", "Enable", "Export", "Grant", "Label", "Name"),
    "Open",
    *("Provide", "Request", "Restore", "Start", "Upgrade", "Use"),
    *(
        "Associate",
        "Copy",
        "Let",
        "Uncordon",
        "Change",
        "Check",
        "Correct",
        "Edit",
        "Limit",
        "Make",
        "Merge",
        "Move",
        "On",
        "Originate",
        "Patch",
        "Point",
    ),
    *("Raise", "Renew", "Replace", "Rewrite", "Roll", "Route", "Run", "Scale", "Set"),
    *("Delete", "Disable", "Enforce", "Exclude", "Exempt", "Keep", "Reconcile", "Remove", "Restart", "Wait"),
    *("Assign", "Fix", "Give", "Reactivate", "Register", "Write"),
}
"""First words of the titles of all other actions."""

INTERRUPTION = re.compile(r"connections .*are closed|requests then fail|until")

LOOK_DECIDES = re.compile(r"^Show why|^Show the policy assignment|^Wait ")
"""The first action of a finding whose fix depends on a log, or that only has to wait."""

FIELD = re.compile(r"(?:spec|status|metadata)[.\[]|[a-z0-9*.-]+\.[a-z]+ |https://|istio-validator-")
"""Allowed lower-case beginnings of a sentence: a field, a host, the name of an object."""


@cache
def findings() -> tuple[Finding, ...]:
    """The findings of every check in all its cases."""
    return tuple(finding for case in all_cases() for finding in case.run[0])


def actions() -> Iterator[tuple[Finding, Action]]:
    for finding in findings():
        for action in finding.actions:
            yield finding, action


def words(command: str) -> list[str]:
    """The words of the first command of a line, without a here-document.

    Of a pipeline that ends in kubectl, the words of its last command, which decides the effect.
    """
    first = without_context(command).partition("\n")[0].replace(" - <<'EOF'", " -")
    found = shlex.split(first)
    found = found[: found.index("&&")] if "&&" in found else found
    parts = [list(part) for is_bar, part in groupby(found, lambda each: each == "|") if not is_bar]
    return parts[-1] if parts[-1][0] == "kubectl" else parts[0]


def verb(command: str) -> str:
    """The verb of a kubectl command, or an az command's last word before its options."""
    program, *rest = words(command)
    if program == "kubectl":
        return rest[0]
    bare = list(_until_option(rest))
    return "upgrade" if bare[-1] == "start" and "upgrade" in bare else bare[-1] if program == "az" else bare[0]


def _until_option(rest: list[str]) -> Iterator[str]:
    for each in rest:
        if each.startswith("-"):
            return
        yield each


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.check.slug}: {case.name}")
def test_case(case: Case) -> None:
    assert case.found == case.expected


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_each_check_has_a_firing_a_healthy_and_an_unreadable_case(check: Check) -> None:
    statuses = {finding["status"] for case in cases_of(check) for finding in case.expected}
    assert statuses & {Status.FAIL, Status.WARN} or check.slug in ONLY_UNKNOWN, "no firing case"
    assert Status.PASS in statuses, "no healthy case"
    assert Status.UNKNOWN in statuses, "no unreadable case"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_each_check_reads_the_kinds_that_it_declares(check: Check) -> None:
    used = {name for case in cases_of(check) for name in case.run[1]}
    assert {kind.__name__ for kind in check.reads} == used


def test_a_summary_is_one_short_paragraph() -> None:
    wrong = [
        f"{f.code}: {f.summary}"
        for f in findings()
        if not f.summary.endswith(".")
        or not (f.summary[0].isupper() or f.summary[0].isdigit() or FIELD.match(f.summary))
        or "\n" in f.summary
        or len(f.summary) > 420
    ]
    assert wrong == []


def test_a_summary_gives_no_advice() -> None:
    advice = re.compile(r"(?i)\b(should|try to|you must|make sure|consider)\b")
    assert [f.summary for f in findings() if advice.search(f.summary)] == []


def test_composed_texts_use_the_words_of_the_glossary() -> None:
    """Sentences that are put together from parts, as people read them."""
    texts = {f.summary for f in findings()} | {f.title for f in findings()} | {a.title for _, a in actions()}
    evidence = [e for f in findings() for e in f.evidence if not e.field.startswith("event ")]  # Azure's own words
    texts |= {f"{e.field}: {e.observed}, {e.expected}" for e in evidence}
    read = [Text(Path("finding"), 1, Kind.STRING, text) for text in sorted(texts)]
    assert [(each.text, words) for each in read for _, words in broken_rules(each)] == []


def test_every_failure_and_warning_has_evidence_an_action_and_a_subject() -> None:
    for finding in findings():
        if finding.status in (Status.FAIL, Status.WARN):
            assert finding.evidence, finding.summary
            assert finding.actions, finding.summary
            assert finding.subject, finding.summary


FIX_FIRST = (
    *("cluster-not-running", "gateway-not-in-profile", "istio-addon-disabled", "static-egress-disabled"),
    *("admission-webhook-blocks", "deployment-not-available", "gateway-name-invalid", "gateway-namespace-unusable"),
    *("gateway-pods-not-running", "namespace-policy-blocks", "service-not-provisioned"),
    "static-egress-components-unhealthy",
)
"""The checks whose findings begin with the fix; the others begin with what shows the cause."""

EITHER = ("gateway-dataplane-not-ready", "workload-certificate-failing")
"""The checks whose findings begin with the fix for what a log reports."""


def test_the_fix_comes_first_where_the_cause_decides_it() -> None:
    wrong = {
        f"{f.code}: {f.summary}: {f.actions[0].title}"
        for f in findings()
        if f.status is Status.FAIL and f.check in FIX_FIRST and f.actions[0].effect is Effect.READS
        if any(action.effect is not Effect.READS for action in f.actions)
        and not f.actions[0].expect
        and not LOOK_DECIDES.search(f.actions[0].title)
    }
    assert wrong == set()


def test_the_findings_of_other_checks_begin_with_a_read_only_action() -> None:
    wrong = {
        f"{f.code}: {f.summary}: {f.actions[0].title}"
        for f in findings()
        if f.status in (Status.FAIL, Status.WARN)
        and f.check not in (*FIX_FIRST, *EITHER)
        and f.actions[0].effect is not Effect.READS
    }
    assert wrong == set()


def test_titles_are_short_phrases_without_a_period() -> None:
    wrong = {
        f"{finding.code}: {action.title}"
        for finding, action in actions()
        if action.title.endswith(".") or not action.title[:1].isupper() or len(action.title) > 200
    }
    assert wrong == set()


def test_a_title_begins_with_a_verb_that_names_the_effect() -> None:
    wrong = {
        f"{finding.code}: {action.effect}: {action.title}"
        for finding, action in actions()
        if action.title.split()[0] not in (READ_TITLES if action.effect is Effect.READS else CHANGE_TITLES)
    }
    assert wrong == set()


def test_an_action_that_interrupts_traffic_states_how() -> None:
    wrong = {
        f"{finding.code}: {action.title}"
        for finding, action in actions()
        if action.effect is Effect.DISRUPTS and not INTERRUPTION.search(action.title)
    }
    assert wrong == set()


BYPASSES = re.compile(
    r"policy exemption create|webhookconfiguration .*\"NotIn\"|kind: PolicyException|ValidatingAdmissionPolicyBinding"
    r"|pod-security\.kubernetes\.io/enforce=(?:baseline|privileged)"
)
"""The commands with which a policy does not apply to the gateway."""


def test_a_bypass_of_a_policy_names_its_owner_and_its_end() -> None:
    found = [(f, a) for f, a in actions() if a.effect is not Effect.READS and BYPASSES.search(a.command)]
    assert len(found) > 20
    wrong = {
        f"{finding.code}: {action.title}: {action.expect}"
        for finding, action in found
        if "must agree" not in f"{action.title} {action.expect}"
        or not re.search(r"until |undo command", f"{action.title} {action.expect}")
    }
    assert wrong == set()


def test_a_bypass_comes_after_the_change_of_the_application() -> None:
    found = [
        (
            [each.title.startswith("Change the application") for each in finding.actions].index(True),
            next((n for n, each in enumerate(finding.actions) if "bypasses the gateway" in each.expect), None),
        )
        for finding in findings()
        if any(each.title.startswith("Change the application") for each in finding.actions)
    ]
    assert any(bypass is not None for _, bypass in found)
    assert [each for each in found if each[1] is not None and each[1] < each[0]] == []


def test_read_only_actions_have_a_command_unless_they_compare_or_wait() -> None:
    wrong = {
        f"{finding.code}: {action.title}"
        for finding, action in actions()
        if action.effect is Effect.READS
        and not action.command
        and not action.title.startswith(("Compare with", "Wait"))
    }
    assert wrong == set()


def test_commands_use_known_verbs_and_match_the_action_s_effect() -> None:
    wrong = set()
    for finding, action in actions():
        if not action.command:
            continue
        program, does = words(action.command)[0], verb(action.command)
        reads = does in READING.get(program, ())
        if not reads and does not in CHANGING.get(program, ()):
            wrong.add(f"{finding.code}: unknown verb {program} {does}: {action.command}")
        elif reads != (action.effect is Effect.READS):
            wrong.add(f"{finding.code}: {action.effect}: {action.command}")
        restarts = "rollout restart" in action.command and "deployment metrics-server " not in action.command
        if restarts and action.effect is not Effect.DISRUPTS:
            wrong.add(f"{finding.code}: a restart interrupts traffic: {action.command}")
    assert wrong == set()


def test_every_command_is_valid_shell_syntax() -> None:
    commands = sorted({action.command for _, action in actions() if action.command})
    assert len(commands) > 300
    script = "\n".join(f"{each}\n" for each in commands)
    read = subprocess.run(["/bin/bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert read.stderr == ""
    assert read.returncode == 0


def test_a_placeholder_is_named_in_the_title_or_required_by_the_shell() -> None:
    open_place = re.compile(r"(?<![\w$:{/.-])(?:GATEWAY_POOL|CONFIGURATION|POD|NAME|NAMESPACE)(?![\w:])")
    for finding, action in actions():
        for placeholder in open_place.findall(action.command):
            named = placeholder in action.title or f"${{{placeholder}" in action.command
            assert named or "custom-columns" in action.command, f"{finding.code}: {action.title}: {action.command}"


def test_titles_of_egress_gateway_commands_name_the_required_az_version() -> None:
    wrong = {
        action.title
        for _, action in actions()
        if "able-egress-gateway" in action.command and AZ_VERSION.removeprefix("needs ") not in action.title
    }
    assert wrong == set()


def test_label_selectors_are_valid_in_kubernetes() -> None:
    for finding, action in actions():
        for found in re.findall(r"-l '?([^ ']+)'?", action.command):
            for pair in found.split(","):
                value = pair.partition("=")[2]
                assert len(value) <= 63, f"{finding.code}: {action.command}"
                assert re.fullmatch(r"([A-Za-z0-9]([\w.-]*[A-Za-z0-9])?)?", value), f"{finding.code}: {action.command}"


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.UNKNOWN])
def test_findings_without_a_result_give_a_reason(status: Status) -> None:
    assert all(len(f.summary.split()) >= 4 for f in findings() if f.status is status)


@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.slug)
def test_the_cases_of_a_check_have_names_of_their_own(check: Check) -> None:
    names = [case.name for case in cases_of(check)]
    assert sorted(set(names)) == sorted(names)
