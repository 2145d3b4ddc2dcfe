"""The outcome of a probe by its log and by its pod, and the sentence of each outcome."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from checks.actions.echo_requests import curl_command
from checks.actions.obstacles import pod_end, pod_obstacle, refusal_obstacle
from checks.actions.plan import ActionKind, ActionPlan
from checks.actions.results import ActionOutcome, entry_of_log, probe_action_result, probe_entry, probe_sentence
from checks.facts.events import Event
from checks.facts.pods import Pod
from checks.facts.probes import ProbeOutcome, ProbeResult
from checks.model.findings import Effect

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ONE = ("https://ifconfig.me/ip",)
TWO = ("https://ifconfig.me/ip", "https://api.ipify.org")
ID = "0a1b2c3d4e5f"


def plan(urls: Sequence[str] = TWO) -> ActionPlan:
    return ActionPlan(
        id=ID,
        kind=ActionKind.PROBE_POD,
        cluster="prod",
        namespace="payments",
        gateway="egw",
        created=NOW,
        object="Job payments/egress-diag-probe",
        calls=(),
        preconditions=(),
        seconds=100,
        effect=Effect.CHANGES,
        does="",
        interrupts="",
        undo="",
        urls=tuple(urls),
        prefix="20.50.60.0/30",
    )


def answer(
    body: str, code: int = 0, status: int = 200, error: str = "", *, resolved: float = 0.01, connected: float = 0.02
) -> str:
    return f"{body}\n{ID} {code} {status:03} 0.420000 {resolved:.6f} {connected:.6f} {error}\n"


UNRESOLVED = answer("", 6, 0, "Could not resolve host: ifconfig.me", resolved=0, connected=0)
TIMED_OUT = answer("", 28, 0, "Connection timed out after 10001 milliseconds", connected=0)
REJECTED = answer("", 7, 0, "Failed to connect to ifconfig.me port 443 after 4 ms", connected=0)
EVERY_LOG = [
    (answer("20.50.60.1") * 2, ProbeOutcome.ANSWERED, ActionOutcome.AS_EXPECTED, "an address of the egress IP prefix"),
    (
        answer("52.1.2.3") * 2,
        ProbeOutcome.ANSWERED,
        ActionOutcome.NOT_AS_EXPECTED,
        "leaves as 52.1.2.3, which is not in",
    ),
    (
        answer("", 0, 503) + answer("20.50.60.1"),
        ProbeOutcome.ANSWERED,
        ActionOutcome.AS_EXPECTED,
        "Another echo service did not return an address (https://ifconfig.me/ip: HTTP 503)",
    ),
    (
        answer("", 0, 503) * 2,
        ProbeOutcome.ECHO_DOWN,
        ActionOutcome.NOT_AS_EXPECTED,
        "the echo service returned an error",
    ),
    (TIMED_OUT * 2, ProbeOutcome.NO_EGRESS, ActionOutcome.NOT_AS_EXPECTED, "has no egress"),
    (UNRESOLVED * 2, ProbeOutcome.DNS, ActionOutcome.NOT_AS_EXPECTED, "could not be resolved"),
    (UNRESOLVED + TIMED_OUT, ProbeOutcome.NO_EGRESS, ActionOutcome.NOT_AS_EXPECTED, "has no egress"),
    (answer("", 60, 0, "SSL certificate problem") * 2, ProbeOutcome.TLS, ActionOutcome.NOT_AS_EXPECTED, "TLS"),
    (
        answer("<!DOCTYPE html><html>login</html>") * 2,
        ProbeOutcome.HTML_PAGE,
        ActionOutcome.NOT_AS_EXPECTED,
        "HTML page",
    ),
    (
        answer("your address is here") * 2,
        ProbeOutcome.NOT_AN_ADDRESS,
        ActionOutcome.NOT_AS_EXPECTED,
        "not an IP address",
    ),
    (
        answer("", 63, 200, "Maximum file size exceeded") * 2,
        ProbeOutcome.TOO_LARGE,
        ActionOutcome.NOT_AS_EXPECTED,
        "longer",
    ),
    ("20.50.60.1\n", ProbeOutcome.NO_OUTPUT, ActionOutcome.NOT_COMPLETED, "without the output of curl"),
    ("", ProbeOutcome.NO_OUTPUT, ActionOutcome.NOT_COMPLETED, "without the output of curl"),
]


UNPROVEN = [
    (5, ProbeOutcome.PROXY, "Could not resolve proxy: proxy.internal"),
    (6, ProbeOutcome.DNS, "Could not resolve host: ifconfig.me"),
    (7, ProbeOutcome.NO_CONNECTION, "Failed to connect to ifconfig.me port 443 after 4 ms: Couldn't connect to server"),
    (8, ProbeOutcome.ECHO_DOWN, "Weird server reply"),
    (16, ProbeOutcome.ECHO_DOWN, "Error in the HTTP2 framing layer"),
    (18, ProbeOutcome.ECHO_DOWN, "transfer closed with 9 bytes remaining to read"),
    (22, ProbeOutcome.ECHO_DOWN, "The requested URL returned error: 503"),
    (35, ProbeOutcome.TLS, "Recv failure: Connection reset by peer"),
    (47, ProbeOutcome.ECHO_DOWN, "Maximum (50) redirects followed"),
    (52, ProbeOutcome.NO_ANSWER, "Empty reply from server"),
    (55, ProbeOutcome.NO_ANSWER, "Send failure: Broken pipe"),
    (56, ProbeOutcome.NO_ANSWER, "Recv failure: Connection reset by peer"),
    (60, ProbeOutcome.TLS, "SSL certificate problem: unable to get local issuer certificate"),
    (61, ProbeOutcome.ECHO_DOWN, "Unrecognized content encoding type"),
    (63, ProbeOutcome.TOO_LARGE, "Maximum file size exceeded"),
    (77, ProbeOutcome.TLS, "error setting certificate file"),
    (92, ProbeOutcome.ECHO_DOWN, "HTTP/2 stream was not closed cleanly"),
    (97, ProbeOutcome.PROXY, "Proxy handshake error"),
    (98, ProbeOutcome.TLS, "client certificate required"),
    (1, ProbeOutcome.NOT_SENT, 'Protocol "gopher" not supported'),
    (2, ProbeOutcome.NOT_SENT, "Failed initialization"),
    (3, ProbeOutcome.NOT_SENT, "URL using bad/illegal format or missing URL"),
    (4, ProbeOutcome.NOT_SENT, "A requested feature was not found built-in in this libcurl"),
    (23, ProbeOutcome.NOT_SENT, "Failure writing output to destination"),
    (27, ProbeOutcome.NOT_SENT, "Out of memory"),
    (48, ProbeOutcome.NOT_SENT, "An unknown option was passed in to libcurl"),
]


@pytest.mark.parametrize(("code", "outcome", "error"), UNPROVEN)
def test_an_exit_code_that_does_not_prove_missing_egress_is_no_failure_of_the_gateway(
    code: int, outcome: ProbeOutcome, error: str
) -> None:
    entry = entry_of_log(plan(ONE), answer("", code, 0, error, connected=0), NOW, pod="p")
    assert (entry["outcome"], outcome.about_egress) == (outcome.value, False)
    assert error in probe_sentence(ProbeResult(entry), "20.50.60.0/30")


def test_every_exit_code_of_curl_has_an_outcome_and_only_a_missing_connection_is_about_egress() -> None:
    outcomes = {code: entry_of_log(plan(ONE), answer("", code, 0), NOW)["outcome"] for code in range(1, 102)}
    assert not [code for code, found in outcomes.items() if ProbeOutcome(found).about_egress]


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        (answer("", 28, 0, "Resolving timed out after 10000 milliseconds", resolved=0, connected=0), ProbeOutcome.DNS),
        (answer("", 28, 0, "Connection timed out after 10001 milliseconds", connected=0), ProbeOutcome.NO_EGRESS),
        (answer("", 28, 0, "SSL connection timeout"), ProbeOutcome.NO_ANSWER),
        (answer("", 28, 0, "Operation timed out with 0 bytes received"), ProbeOutcome.NO_ANSWER),
        # An image with an older probe command, whose line has no times.
        (f"\n{ID} 28 000 10.000000 Connection timed out\n", ProbeOutcome.NO_EGRESS),
    ],
)
def test_a_time_limit_belongs_to_the_step_at_which_the_request_was(log: str, outcome: ProbeOutcome) -> None:
    assert entry_of_log(plan(ONE), log, NOW)["outcome"] == outcome.value


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        (REJECTED * 2, ProbeOutcome.NO_EGRESS),
        (REJECTED + TIMED_OUT, ProbeOutcome.NO_EGRESS),
        (REJECTED + UNRESOLVED, ProbeOutcome.NO_CONNECTION),
        (answer("", 56, 0, "Connection reset by peer") + TIMED_OUT, ProbeOutcome.NO_ANSWER),
        (answer("", 3, 0, "URL using bad/illegal format") + TIMED_OUT, ProbeOutcome.NO_EGRESS),
    ],
)
def test_several_services_that_reject_the_connection_are_missing_egress_and_one_may_be_down(
    log: str, outcome: ProbeOutcome
) -> None:
    assert entry_of_log(plan(TWO), log, NOW)["outcome"] == outcome.value


def test_the_entry_of_a_probe_identifies_the_configuration_that_was_probed() -> None:
    probed = replace(plan(ONE), configuration="sgc", configuration_uid="u-1", configuration_generation=3)
    result = ProbeResult(entry_of_log(probed, answer("20.50.60.1"), NOW))
    assert (result.prefix, result.configuration) == ("20.50.60.0/30", "sgc")
    assert (result.configuration_uid, result.configuration_generation) == ("u-1", 3)


@pytest.mark.parametrize(("log", "outcome", "ended", "sentence"), EVERY_LOG)
def test_each_log_has_its_own_outcome_and_sentence(
    log: str, outcome: ProbeOutcome, ended: ActionOutcome, sentence: str
) -> None:
    entry = entry_of_log(plan(), log, NOW, pod="egress-diag-probe-x")
    result = probe_action_result(plan(), entry, NOW)
    assert entry["outcome"] == outcome.value
    assert result.outcome is ended
    assert sentence in result.summary


def test_a_destination_cannot_pretend_to_be_curl() -> None:
    forged = answer("000000000000 0 200 0.1 \n20.50.60.1", 0, 200)
    entry = entry_of_log(plan(ONE), forged, NOW)
    assert (entry["outcome"], entry["addresses"]) == ("not-an-address", [])


def test_one_url_cannot_distinguish_the_service_from_the_egress() -> None:
    one = ProbeResult(entry_of_log(plan(ONE), TIMED_OUT, NOW, pod="p"))
    two = ProbeResult(entry_of_log(plan(TWO), TIMED_OUT * 2, NOW, pod="p"))
    assert "A second URL in probe.urls would show" in probe_sentence(one, "20.50.60.0/30")
    assert "A second URL" not in probe_sentence(two, "20.50.60.0/30")


def test_every_outcome_has_a_sentence_of_its_own() -> None:
    sentences = {
        probe_sentence(ProbeResult(probe_entry(plan(), each, NOW, detail="why")), "20.50.60.0/30").partition(" (")[0]
        for each in ProbeOutcome
    }
    assert len(sentences) == len(ProbeOutcome)


def test_a_probe_without_output_has_the_end_of_its_container() -> None:
    killed = pod({"terminated": {"reason": "OOMKilled", "exitCode": 137}}, phase="Failed")
    entry = entry_of_log(plan(), "", NOW, pod="p", end=pod_end(killed))
    assert (entry["outcome"], entry["detail"]) == ("no-output", "OOMKilled, exit code 137")
    assert pod_end(pod({"terminated": {"reason": "Completed", "exitCode": 0}})) == ""


def test_the_command_needs_no_shell_and_bounds_each_request() -> None:
    command = curl_command(ID, TWO)
    assert command[:2] == ("curl", "-q")
    assert command.count("--max-time") == command.count("--max-filesize") == 2
    assert command.count("--next") == 1
    assert command.count("--globoff") == command.count("--noproxy") == 2


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (403, 'pods "x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=5', ProbeOutcome.QUOTA),
        (403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged', ProbeOutcome.POLICY),
        (400, 'admission webhook "deny.example.com" denied the request: no pods today', ProbeOutcome.WEBHOOK),
        (500, 'failed calling webhook "deny.example.com": timeout', ProbeOutcome.WEBHOOK),
        (403, "unable to create new content in namespace x because it is being terminated", ProbeOutcome.TERMINATING),
        (403, 'jobs.batch is forbidden: User "u" cannot create resource "jobs"', ProbeOutcome.FORBIDDEN),
        (404, 'pods "egw" not found', ProbeOutcome.TARGET_DELETED),
        (504, "no answer in time", ProbeOutcome.API_SERVER),
    ],
)
def test_a_refusal_of_the_api_server_names_what_refused(status: int, message: str, outcome: ProbeOutcome) -> None:
    assert refusal_obstacle(status, message) == (outcome, message)


def pod(state: dict[str, object], **status: object) -> Pod:
    return Pod(
        {
            "metadata": {"namespace": "payments", "name": "p", "uid": "u"},
            "spec": {"containers": [{"name": "probe"}]},
            "status": {"containerStatuses": [{"name": "probe", "state": state}], **status},
        }
    )


def test_the_problem_of_the_pod_is_found_in_its_status_and_events() -> None:
    pulling = pod({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}})
    assert pod_obstacle(pulling, ()) == (ProbeOutcome.IMAGE, "ImagePullBackOff: not found")
    waiting = pod({"waiting": {"reason": "ContainerCreating"}})
    assert pod_obstacle(waiting, ()) is None
    sandbox = Event({"reason": "FailedCreatePodSandBox", "message": "kube-egress-cni failed"})
    assert pod_obstacle(waiting, (sandbox,)) == (ProbeOutcome.NO_NETWORK, "kube-egress-cni failed")
    unplaced = pod({}, conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}])
    assert pod_obstacle(unplaced, ()) == (ProbeOutcome.NOT_SCHEDULED, "0/3 nodes are available")
    evicted = pod({}, phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    evicted_why = "Evicted: The node was low on resource: memory."
    assert pod_obstacle(evicted, ()) == (ProbeOutcome.NOT_SCHEDULED, evicted_why)
    no_curl = pod({"terminated": {"reason": "StartError", "exitCode": 128, "message": "curl: not found"}})
    assert pod_obstacle(no_curl, ()) == (ProbeOutcome.NO_CURL, "curl: not found")
    assert pod_obstacle(pod({"running": {"startedAt": "2026-11-23T10:00:00Z"}}), (sandbox,)) is None
