"""Which result of a probe is evidence about a gateway as it is now?"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from checks.facts.probes import ProbeResult
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.durations import span

_NEW_POD = "probe-pod"

PROBE_VALID = timedelta(hours=1)
"""The age above which a result is not evidence any more: pods and prefixes change."""


@dataclass(frozen=True, slots=True)
class UnusedProbe:
    """The newest result about a gateway if it is not evidence any more.

    `sentence` says why.
    """

    sentence: str


def newest_probe(facts: Facts, kind: str, pods: Collection[str] | None = None) -> ProbeResult | UnusedProbe | None:
    """The newest result of this kind that is evidence about the gateway of the run.

    Without one, the newest result and why it is not used; None if there is no result. With `pods`, only results of these
    pods are evidence: a restart replaces a gateway pod, with its routes. Requires ProbeResult and
    StaticGatewayConfiguration declared.
    """
    gateway = facts.gateway
    found = [
        each
        for each in facts.readable(ProbeResult)
        if each.kind == kind and each.key == (gateway.namespace, gateway.name)
        if each.outcome is not None and each.at is not None
    ]
    unused = ""
    for each in sorted(found, key=lambda each: each.at or facts.now, reverse=True):
        if not (reason := _not_evidence(facts, each, pods)):
            return each
        age = span(facts.now - (each.at or facts.now))
        unused = unused or f"The last probe, {age} ago, is not used: {reason}."
    return UnusedProbe(unused) if unused else None


def _not_evidence(facts: Facts, result: ProbeResult, pods: Collection[str] | None) -> str:
    """Why a result says nothing about the gateway as it is now, as a clause; "" if it does."""
    if result.at is None or facts.now - result.at > PROBE_VALID:
        return "it is older than one hour"
    if pods is not None and result.pod not in pods:
        return f"its pod {result.pod} does not exist any more" if result.pod else "its pod is not recorded"
    gateway = facts.gateway
    if result.configuration and result.configuration != gateway.configuration:
        uses = f"uses {gateway.configuration} now" if gateway.configuration else "uses none now"
        return f"it was about StaticGatewayConfiguration {result.configuration}, and the gateway {uses}"
    found = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if found is None:
        return ""
    if result.configuration_uid and result.configuration_uid != found.uid:
        return f"{found.ref} was deleted and created again since"
    if result.prefix and result.prefix != found.egress_prefix:
        now = f"is {found.egress_prefix} now" if found.egress_prefix else "is not assigned now"
        return f"the egress IP prefix was {result.prefix} and {now}"
    # Pods read the specification when they start: a running gateway pod still routes as it did.
    if result.kind == _NEW_POD and result.configuration_generation not in (None, found.generation):
        return f"the specification of {found.ref} was changed since"
    return ""
