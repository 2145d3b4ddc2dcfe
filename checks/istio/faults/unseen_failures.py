"""Failures that the gateway's own counters cannot show."""

from collections.abc import Sequence

from checks.facts.view import Facts
from checks.istio.faults.definition.broken_request import progress
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.request.outcome import Result

_OF_CLIENTS = "sidecar-hides-route"
"""The check of faults that only the clients of a Sidecar have."""


def fails_unseen(facts: Facts, check: str, broken: Sequence[ResolvedRoute], routes: Sequence[ResolvedRoute]) -> bool:
    """Whether the gateway's traffic can be that of clients other than those of the finding.

    Their requests bypass the gateway, or fail before it while those of others do not (docs/rulings.md#ruling-38).
    """
    gateway, hosts = str(facts.gateway), {each.host for each in broken}
    ends = [min(each.outcome.ends, key=lambda end: progress(end, gateway)) for each in broken if each.outcome.ends]
    if check == _OF_CLIENTS or any(end.result is Result.BYPASSES for end in ends):
        return True
    affected = {str(each.request.clients) for each in broken}
    others = any(each.host in hosts and str(each.request.clients) not in affected for each in routes)
    return others and any(gateway not in end.gateways for end in ends)
