"""Results of active steps: the outcome of a probe, and how a step ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from pydantic import TypeAdapter

from checks.actions.echo_requests import EchoAnswer, echo_answers
from checks.actions.plan import ActionKind, ActionPlan, PlanRefusal
from checks.facts.probes import ProbeOutcome, ProbeResult
from checks.knowledge.curl_exit_codes import CurlFailure
from checks.model.raw_values import Moment
from checks.model.redaction import redact
from checks.static_egress.prefixes import parse_egress_prefix

_LONGEST_DETAIL = 300


class ActionOutcome(StrEnum):
    """How a step ended.

    The exit codes of `egress-diag probe` and `restart` are 0, 1, 2 and 3 in this order.
    """

    AS_EXPECTED = "as-expected"
    NOT_AS_EXPECTED = "not-as-expected"
    REFUSED = "refused"
    NOT_COMPLETED = "not-completed"

    @property
    def exit_code(self) -> int:
        return list(ActionOutcome).index(self)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The end of a step.

    `summary` is a sentence. `probe` is the entry of `probes.yaml`, None for a restart and for a refusal.
    `left_over` says what still exists, "" if nothing does.
    """

    outcome: ActionOutcome
    summary: str
    ended: Moment
    probe: Mapping[str, Any] | None = None
    refusal: PlanRefusal | None = None
    left_over: str = ""


ACTION_RESULT = TypeAdapter(ActionResult)


def refused_result(refusal: PlanRefusal, now: datetime) -> ActionResult:
    """The end of a step that was not carried out."""
    return ActionResult(ActionOutcome.REFUSED, refusal.sentence, now, refusal=refusal)


def probe_entry(
    plan: ActionPlan, outcome: ProbeOutcome, now: datetime, *, detail: str = "", pod: str = ""
) -> dict[str, Any]:
    """The entry of `probes.yaml` for a probe that sent no request.

    It identifies the StaticGatewayConfiguration that was probed, because another one needs another probe.
    """
    return {
        "kind": plan.kind.value,
        "gateway": plan.gateway_ref,
        "at": now.isoformat().replace("+00:00", "Z"),
        "pod": pod or plan.pod,
        "outcome": outcome.value,
        "addresses": [],
        "seconds": 0.0,
        "url": plan.urls[0] if plan.urls else "",
        "detail": _short(detail),
        "prefix": plan.prefix,
        "configuration": plan.configuration,
        "configuration_uid": plan.configuration_uid,
        "configuration_generation": plan.configuration_generation,
    }


def entry_of_log(
    plan: ActionPlan, log: str, now: datetime, *, pod: str = "", cut: bool = False, end: str = ""
) -> dict[str, Any]:
    """The entry of `probes.yaml` for the log of a probe.

    `cut`: the log was longer than the part that was read. `end`: why its container failed, if curl wrote nothing.
    """
    answers = echo_answers(log, plan.id, plan.urls)
    outcome, detail = _judged(answers, cut)
    if outcome is ProbeOutcome.NO_OUTPUT:
        detail = end
    answered = [each for each in answers if each.address]
    first = answered[0] if answered else None
    return {
        **probe_entry(plan, outcome, now, detail=detail, pod=pod),
        "addresses": list(dict.fromkeys(each.address for each in answered)),
        "seconds": first.seconds if first else 0.0,
        "url": first.url if first else plan.urls[0],
    }


def _judged(answers: Sequence[EchoAnswer], cut: bool) -> tuple[ProbeOutcome, str]:
    """The outcome of the requests together, and its detail.

    One answer with an address proves that requests get out, whatever the others returned.
    """
    if not answers:
        return (ProbeOutcome.TOO_LARGE if cut else ProbeOutcome.NO_OUTPUT), ""
    failed = [each for each in answers if not each.address]
    why = "; ".join(_why(each) for each in failed)
    if len(failed) < len(answers):
        return ProbeOutcome.ANSWERED, why
    kinds = {_failure(each) for each in failed}
    if len([each for each in failed if each.failure is CurlFailure.NOT_CONNECTED]) > 1:
        kinds.add(ProbeOutcome.NO_EGRESS)  # several services do not reject connections at the same time
    return next(each for each in _FURTHEST_FIRST if each in kinds), why


_OF_CURL: Mapping[CurlFailure, ProbeOutcome] = {
    CurlFailure.NOT_SENT: ProbeOutcome.NOT_SENT,
    CurlFailure.PROXY: ProbeOutcome.PROXY,
    CurlFailure.DNS: ProbeOutcome.DNS,
    CurlFailure.NOT_CONNECTED: ProbeOutcome.NO_CONNECTION,
    CurlFailure.TIME_OUT: ProbeOutcome.NO_EGRESS,
    CurlFailure.TLS: ProbeOutcome.TLS,
    CurlFailure.NO_ANSWER: ProbeOutcome.NO_ANSWER,
    CurlFailure.SERVICE: ProbeOutcome.ECHO_DOWN,
    CurlFailure.TOO_LARGE: ProbeOutcome.TOO_LARGE,
}
_FURTHEST_FIRST = (
    ProbeOutcome.HTML_PAGE,
    ProbeOutcome.TOO_LARGE,
    ProbeOutcome.NOT_AN_ADDRESS,
    ProbeOutcome.ECHO_DOWN,
    ProbeOutcome.NO_ANSWER,
    ProbeOutcome.TLS,
    ProbeOutcome.NO_EGRESS,
    ProbeOutcome.NO_CONNECTION,
    ProbeOutcome.PROXY,
    ProbeOutcome.DNS,
    ProbeOutcome.NOT_SENT,
)
"""The outcomes of failed requests, the failure that is furthest from the gateway first.

A request that made a connection went out, whatever the others did.
"""


def _failure(answer: EchoAnswer) -> ProbeOutcome:
    if (failure := answer.failure) is not None:
        return _OF_CURL[failure]
    if not 200 <= answer.status <= 299:
        return ProbeOutcome.ECHO_DOWN
    return ProbeOutcome.HTML_PAGE if answer.is_page else ProbeOutcome.NOT_AN_ADDRESS


def _why(answer: EchoAnswer) -> str:
    if answer.exit_code:
        return f"{answer.url}: {answer.error or f'curl exit code {answer.exit_code}'}"
    if not 200 <= answer.status <= 299:
        return f"{answer.url}: HTTP {answer.status}"
    return f"{answer.url}: {' '.join(answer.body.split())[:80] or 'an empty answer'}"


def is_in_prefix(address: str, prefix: str) -> bool:
    """Whether a source IP address belongs to `status.egressIpPrefix`."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in parse_egress_prefix(prefix))


_SENTENCES: Mapping[ProbeOutcome, str] = {
    ProbeOutcome.NO_EGRESS: "No request got an answer: {from_} has no egress",
    ProbeOutcome.NO_CONNECTION: (
        "The connection from {from_} to the echo service was rejected or had no route: the service may be down, or a "
        "firewall rejects it"
    ),
    ProbeOutcome.NO_ANSWER: (
        "A connection to the echo service was made, but it returned no answer: the service, or a firewall, closed or "
        "delayed it"
    ),
    ProbeOutcome.PROXY: "A proxy in the environment of the probe could not be used; no request was sent to the echo service",
    ProbeOutcome.DNS: "The name of the echo service could not be resolved from {from_}; no request was sent",
    ProbeOutcome.TLS: "A connection was made, but TLS with the echo service failed",
    ProbeOutcome.ECHO_DOWN: "The request got out, but the echo service returned an error: it is down or lacks this URL",
    ProbeOutcome.HTML_PAGE: "The echo service returned an HTML page in place of an address: a proxy or a login page may answer",
    ProbeOutcome.NOT_AN_ADDRESS: "The echo service returned text that is not an IP address",
    ProbeOutcome.TOO_LARGE: "The answer is longer than an address can be, so it was not read to its end",
    ProbeOutcome.NOT_SENT: "curl could not send the request; check probe.urls and probe.image",
    ProbeOutcome.NO_OUTPUT: "The probe ended without the output of curl: the image may not contain curl 7.75 or later",
    ProbeOutcome.IMAGE: "The image of the probe could not be pulled; use one from your own registry (probe.image)",
    ProbeOutcome.NO_CURL: "The image of the probe has no curl command; use another one (probe.image)",
    ProbeOutcome.NOT_SCHEDULED: "No node accepts the probe pod",
    ProbeOutcome.NO_NETWORK: "The probe pod got no network: the static egress gateway could not set it up",
    ProbeOutcome.WEBHOOK: "An admission webhook denied the probe, or did not answer",
    ProbeOutcome.POLICY: "A policy of the namespace or cluster denied the probe",
    ProbeOutcome.QUOTA: "The quota of the namespace is exhausted: the probe pod was not created",
    ProbeOutcome.FORBIDDEN: "The account of the active steps lacks a permission",
    ProbeOutcome.TERMINATING: "The namespace is being deleted: nothing can be created in it",
    ProbeOutcome.FOREIGN_OBJECT: "An object that this step did not create has the name of the probe; it was not touched",
    ProbeOutcome.TARGET_DELETED: "The target of the probe was deleted before the probe ended",
    ProbeOutcome.LOG_UNREADABLE: "The probe ran, but its log could not be read",
    ProbeOutcome.NOT_STARTED: "The probe did not end before its deadline",
    ProbeOutcome.API_SERVER: "The API server did not carry out the request",
}


def probe_sentence(result: ProbeResult, prefix: str) -> str:
    """The outcome of a probe in one or two sentences.

    Its addresses are compared with the egress IP prefix; "" if that is not known.
    """
    pod = f"pod {result.gateway.partition('/')[0]}/{result.pod}" if result.pod else "the probe pod"
    outcome = result.outcome
    detail = f" ({result.detail})" if result.detail else ""
    if outcome is None:
        return f"The result of the probe is not known to this version ({result.raw.get('outcome')})."
    if outcome is not ProbeOutcome.ANSWERED:
        alone = " A second URL in probe.urls would show whether the service itself is down." if _alone(result) else ""
        return f"{_SENTENCES[outcome].format(from_=pod)}{detail}.{alone}"
    address = " and ".join(result.addresses)
    took = f" in {result.seconds:.2f} s" if result.seconds else ""
    other = f" Another echo service did not return an address{detail}." if result.detail else ""
    if not prefix:
        return f"Traffic from {pod} leaves as {address}{took}; the egress IP prefix is not known.{other}"
    if all(is_in_prefix(each, prefix) for each in result.addresses):
        return f"Traffic from {pod} leaves as {address}{took}, an address of the egress IP prefix {prefix}.{other}"
    return f"Traffic from {pod} leaves as {address}, which is not in the egress IP prefix {prefix}.{other}"


def _alone(result: ProbeResult) -> bool:
    unclear = (ProbeOutcome.NO_EGRESS, ProbeOutcome.NO_CONNECTION, ProbeOutcome.NO_ANSWER)
    return result.outcome in unclear and "; " not in result.detail


def probe_action_result(plan: ActionPlan, entry: Mapping[str, Any], now: datetime, left_over: str = "") -> ActionResult:
    """The end of a probe: expected if every address belongs to the egress IP prefix."""
    result = ProbeResult(entry)
    outcome = ActionOutcome.NOT_COMPLETED
    if result.outcome is ProbeOutcome.FOREIGN_OBJECT:
        outcome = ActionOutcome.REFUSED
    elif result.outcome is not None and (result.outcome.about_egress or result.outcome in _ANSWERED_WRONGLY):
        right = bool(result.addresses) and all(is_in_prefix(each, plan.prefix) for each in result.addresses)
        outcome = ActionOutcome.AS_EXPECTED if right else ActionOutcome.NOT_AS_EXPECTED
    return ActionResult(outcome, probe_sentence(result, plan.prefix), now, dict(entry), left_over=left_over)


_ANSWERED_WRONGLY = (
    ProbeOutcome.NO_CONNECTION,
    ProbeOutcome.NO_ANSWER,
    ProbeOutcome.PROXY,
    ProbeOutcome.DNS,
    ProbeOutcome.TLS,
    ProbeOutcome.ECHO_DOWN,
    ProbeOutcome.HTML_PAGE,
    ProbeOutcome.NOT_AN_ADDRESS,
    ProbeOutcome.TOO_LARGE,
)
"""Outcomes of requests, or of a request that failed for a reason outside the probe."""


def left_over_of(plan: ActionPlan, *, ended: bool = True, certain: bool = True) -> str:
    """The sentence about the object that a probe from a gateway pod leaves behind.

    "" for other steps.     `ended`: its container has ended. Without `certain`, the object may have been created.
    """
    if plan.kind is not ActionKind.PROBE_GATEWAY:
        return ""
    if not certain:
        return f"Not checked whether {plan.object} was added. If it was, it stays until the pod restarts."
    if ended:
        return f"The ended {plan.object} stays until the pod restarts."
    return f"The {plan.object} stays until the pod restarts, and may still run."


def _short(detail: str) -> str:
    line = redact(" ".join(detail.split()))
    return line if len(line) <= _LONGEST_DETAIL else f"{line[: _LONGEST_DETAIL - 1]}…"
