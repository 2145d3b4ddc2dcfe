"""The newest result of a probe that still counts for a gateway."""

from collections.abc import Collection
from datetime import timedelta

from checks.facts.probes import ProbeResult
from checks.facts.view import Facts

PROBE_VALID = timedelta(hours=1)
"""The age above which a result is not evidence any more: pods and prefixes change."""


def newest_probe(facts: Facts, kind: str, pods: Collection[str] | None = None) -> ProbeResult | None:
    """The newest result of this kind about the gateway of the run.

    With `pods`, only results of these pods count: a restart replaces a gateway pod, with its routes. Requires ProbeResult
    declared.
    """
    gateway = facts.gateway
    found = [
        each
        for each in facts.readable(ProbeResult)
        if each.kind == kind and each.key == (gateway.namespace, gateway.name) and each.outcome is not None
        if each.at is not None and facts.now - each.at <= PROBE_VALID
        if pods is None or each.pod in pods
    ]
    return max(found, key=lambda each: each.at or facts.now, default=None)
