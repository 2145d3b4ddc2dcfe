"""Texts about routes that do not lead through the gateway."""

from collections.abc import Sequence

from checks.istio.faults.definition.broken_request import progress
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.request.answers import answer
from checks.istio.request.client_request import as_written
from checks.istio.request.outcome import RequestOutcome, Result


def first_names(names: list[str], what: str) -> str:
    """The first three names."""
    kept = list(dict.fromkeys(names))
    *first, last = kept[:3]
    if len(kept) > 3:
        return f"{', '.join(kept[:3])} and {len(kept) - 3} more {what}"
    return f"{', '.join(first)} and {last}" if first else last


def consequence_of(outcome: RequestOutcome, routes: Sequence[ResolvedRoute], gateway: str, scheme: str = "") -> str:
    """The sentence about requests that bypass the gateway or fail; `scheme` is its subject."""
    end = min(outcome.ends, key=lambda each: progress(each, gateway))
    mixed = outcome.result is Result.MIXED
    hosts = list(dict.fromkeys(as_written(each.host) for each in routes))
    who = "a part of the requests" if mixed else scheme or "requests"
    singular = mixed or bool(scheme)
    whom = f"{who} to {first_names(hosts, 'hosts')}" if len(hosts) > 1 else who
    if end.result is Result.BYPASSES:
        return f"{whom} bypass{'es' if singular else ''} the gateway"
    return f"{whom} get{'s' if singular else ''} {answer(end, routes[0].request.scheme, gateway=False)}"
