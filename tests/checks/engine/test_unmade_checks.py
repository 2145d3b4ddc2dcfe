"""Checks that were not made: one reason, one sentence, one action and their number.

Source: docs/rulings.md#ruling-28.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.messages.run import run_messages
from bot.sandbox.model.texts import texts_of
from checks.catalogue import catalogue
from checks.cli.collect_command import unrecorded_lines
from checks.engine.unmade_checks import reasons_not_checked
from checks.model.findings import Report, Status, Verdict
from checks.reports import markdown, text
from tests.bot import stories
from tests.clusters.compose import Manifest, named
from tests.recordings import diagnosed, question

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DOWN = "https://aks1.hcp.westeurope.azmk8s.io does not answer in time"
LOGIN = "no cluster credentials from Azure, listClusterUserCredential: 401 AzureCliCredential: run 'az login'"
TITLES = {check.slug: check.title for check in catalogue()}


def failed(source: str, resource: str, status: int, message: str, **more: str) -> Manifest:
    return {"source": source, "resource": resource, "namespace": None, "status": status, "message": message, **more}


API_SERVER_DOWN = (failed("kubernetes", "*", 504, DOWN), failed("logs", "pods/log", 504, DOWN))
NOT_SIGNED_IN = (
    failed("azure", "*", 401, "AzureCliCredential: run 'az login' to set up an account"),
    failed("kubernetes", "*", 401, LOGIN, credentials="azure"),
)
NO_PLUGIN = (failed("kubernetes", "*", 401, "kubeconfig k: its plugin returned no token", credentials="kubeconfig"),)
LOGS_FORBIDDEN = (failed("logs", "pods/log", 403, "pods/log is forbidden"),)
ONE_KIND = (failed("kubernetes", "virtualservices.networking.istio.io", 500, "etcdserver: leader changed"),)
FORBIDDEN = tuple(failed("kubernetes", each, 403, f"{each} is forbidden") for each in ("secrets", "events", "nodes"))
STARTS = {
    "API server down": (API_SERVER_DOWN, "The API server of cluster aks1 did not answer in time"),
    "not signed in": (NOT_SIGNED_IN, "Not signed in to Azure: AzureCliCredential: run 'az login'"),
    "no plugin": (NO_PLUGIN, "No credentials for the API server: kubeconfig k: its plugin returned no token"),
    "logs forbidden": (
        LOGS_FORBIDDEN,
        "The identity of the diagnosis has no permission to read pods/log in the cluster",
    ),
    "one kind": (
        ONE_KIND,
        "The API server did not return virtualservices.networking.istio.io: 500 etcdserver: leader changed",
    ),
    "forbidden": (
        FORBIDDEN,
        "The identity of the diagnosis has no permission to read events, nodes and secrets in the",
    ),
}


def report_of(errors: tuple[Manifest, ...]) -> Report:
    cluster = replace(named("base"), errors=errors)
    return diagnosed(cluster, question(cluster, "team-egress/egw")).finish(0.0)


def every_text(report: Report) -> str:
    """The texts of terminal, Markdown (without its table of all checks) and thread."""
    thread = [
        f"{m.text} {each}" for m in run_messages(stories.done(report), NOW) for b in m.blocks for each in texts_of(b)
    ]
    return "\n".join((*text.closing_lines(report), markdown.markdown(report).partition("## All checks")[0], *thread))


@pytest.mark.parametrize("name", STARTS)
def test_one_cause_is_one_reason_with_an_action_and_all_its_checks(name: str) -> None:
    errors, sentence = STARTS[name]
    report = report_of(errors)
    assert report.verdict is Verdict.INCONCLUSIVE
    (reason,) = report.not_checked
    assert reason.reason.startswith(sentence)
    assert reason.actions
    assert set(reason.checks) == {each.check for each in report.of(Status.UNKNOWN)}


@pytest.mark.parametrize("name", STARTS)
def test_the_parent_has_the_reason_and_a_next_step_and_the_thread_has_it_once(name: str) -> None:
    errors, sentence = STARTS[name]
    messages = run_messages(stories.done(report_of(errors)), NOW)
    parent = "\n".join(each for block in messages[0].blocks for each in texts_of(block))
    assert sentence in parent
    assert "*1.* " in parent
    thread = "\n".join(each for message in messages[1:] for block in message.blocks for each in texts_of(block))
    assert thread.count(f"Not checked:* {sentence}") == 1
    assert len(messages) == 2


@pytest.mark.parametrize("name", STARTS)
def test_the_title_of_a_fault_does_not_stand_for_a_check_that_was_not_made(name: str) -> None:
    report = report_of(STARTS[name][0])
    texts = every_text(report)
    assert [TITLES[each.check] for each in report.of(Status.UNKNOWN) if TITLES[each.check] in texts] == []


def test_a_missing_sign_in_is_not_blamed_on_the_api_server() -> None:
    for errors in (NOT_SIGNED_IN, NO_PLUGIN):
        report = report_of(errors)
        assert "rejected the token" not in every_text(report)
        (unmade,) = [each for each in report.findings if each.check == "api-server-unreachable"]
        assert "not sent, no credentials" in unmade.summary


def test_a_missing_sign_in_does_not_prove_that_the_api_server_answers() -> None:
    """The cluster is not in Azure: whether its API server answers is not known either."""
    errors = (failed("azure", "managedClusters", 404, "not found"), NOT_SIGNED_IN[1])
    (stopped,) = [each for each in report_of(errors).findings if each.check == "cluster-not-running"]
    assert "although its API server answers" not in stopped.summary


def test_no_command_is_offered_that_could_not_be_run() -> None:
    offered = [each.check for each in report_of(API_SERVER_DOWN).of(Status.SKIPPED) if each.actions]
    assert offered == []
    assert [each.check for each in report_of(LOGS_FORBIDDEN).of(Status.SKIPPED) if each.actions] != []


def test_two_causes_are_two_reasons_the_larger_first() -> None:
    report = report_of((*LOGS_FORBIDDEN, *ONE_KIND))
    assert len(report.not_checked) == 2
    first, second = (len(each.checks) for each in report.not_checked)
    assert first >= second


def test_a_check_that_fails_is_not_among_those_that_were_not_made() -> None:
    """Before, EG403 was the root cause and also "not made"."""
    unread = (failed("kubernetes", "namespaces", 403, "namespaces is forbidden"),)
    report = report_of(unread)
    unmade = next(each for each in report.findings if each.status is Status.UNKNOWN)
    others = [each for each in report.findings if each is not unmade]
    found = [*others, unmade, replace(unmade, status=Status.FAIL)]
    made = reasons_not_checked(found, (), catalogue())
    assert unmade.check not in {check for each in made for check in each.checks}
    assert reasons_not_checked([*others, unmade], (), catalogue()) != made


def test_a_machine_without_azure_cli_is_not_told_to_run_it() -> None:
    message = "azure-cli is not installed, and no other identity is available"
    (reason,) = report_of((failed("azure", "*", 401, message),)).not_checked
    assert [each.command for each in reason.actions] == [""]
    assert reason.actions[0].title.startswith("Install azure-cli")
    assert "`--azure none`" in reason.actions[0].title


def test_reads_that_were_not_recorded_are_one_entry_for_each_reason() -> None:
    gaps = [f"list kind-{number}: not authenticated (401)" for number in range(40)]
    lines = list(unrecorded_lines([*gaps, "get version: no answer in time"]))
    assert " ".join(" ".join(lines).split()) == (
        "not recorded: list kind-0, list kind-1, list kind-2 and 37 more: not authenticated (401) "
        "not recorded: get version: no answer in time"
    )
    assert max(map(len, lines)) <= 80
