"""The outcomes of other requests before and after a fix.

Both are resolved by the router.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.gateway_api import GatewayRoute
from checks.facts.istio_networking import VirtualService
from checks.istio.proxy.listeners import Provenance
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import End, Ending, RequestOutcome, Result
from checks.istio.request.routing import Routing
from checks.model.raw_values import items

NO_EFFECT = "none"
_MOST_REQUESTS = 5
_ANSWERS = (Ending.REDIRECT, Ending.DIRECT_RESPONSE, Ending.FAULT_INJECTION)
"""The endings with which a rule answers a request itself."""
_REWRITES = ("rewrite", "headers", "filters", "corsPolicy")
"""The fields of a rule that change requests or answers."""
_WORDS = {
    Result.THROUGH: "goes through the gateway",
    Result.BYPASSES: "bypasses the gateway",
    Result.FAILS: "fails",
    Result.MIXED: "goes through the gateway in part",
    Result.UNKNOWN: "is not known",
}


@dataclass(frozen=True, slots=True)
class ChangedOutcome:
    """A request whose outcome a fix changes."""

    request: ClientRequest
    before: RequestOutcome
    after: RequestOutcome

    @property
    def worse(self) -> bool:
        """Whether it went through the gateway and no longer does so as before."""
        return self.before.result is Result.THROUGH

    def intended(self, end: End) -> bool:
        """Whether another rule than that of an end answered it, or made it bypass the gateway."""
        return any(
            (each.ending in _ANSWERS or each.result is Result.BYPASSES) and _is_rule(each) and _rule(each) != _rule(end)
            for each in self.before.ends
        )

    def __str__(self) -> str:
        return f"{self.request.url_with_path} {_words(self.before)} before and {_words(self.after)} after"


def _words(outcome: RequestOutcome) -> str:
    answer = f" ({outcome.status})" if outcome.result is Result.FAILS and outcome.status is not None else ""
    return _WORDS[outcome.result] + answer


def changed_outcomes(before: Routing, after: Routing, requests: Iterable[ClientRequest]) -> Iterator[ChangedOutcome]:
    """Those of the requests whose result, answer or destination differs after a fix."""
    for each in requests:
        found = ChangedOutcome(each, resolved(before, each), resolved(after, each))
        if _decisive(found.before) != _decisive(found.after):
            yield found


def resolved(routing: Routing, request: ClientRequest) -> RequestOutcome:
    """The outcome; unknown if an object that decides it could not be read."""
    try:
        return routing.outcome(request)
    except Unreadable:
        return RequestOutcome(Result.UNKNOWN, ())


def _decisive(outcome: RequestOutcome) -> object:
    """The result, the destination, and the changes of requests by rules."""
    ends = sorted((each.share, each.destination, str(each.result), _changes(each)) for each in outcome.ends)
    return outcome.result, outcome.status, ends if outcome.result is not Result.FAILS else ()


def _changes(end: End) -> str:
    """The changes of requests, such as rewrites, by the rules on the route of an end."""
    return "".join(written for each in end.steps if (written := _changes_of(each.origin)))


def _changes_of(origin: Provenance) -> str:
    entry = origin.entry
    if origin.source is None or entry is None:
        return ""
    rules = items(origin.source.raw, "spec", entry.name)
    written = rules[entry.index] if entry.index < len(rules) else {}
    kept = {key: value for key in _REWRITES if (value := written.get(key))}
    return str(sorted(kept.items())) if kept else ""


def _is_rule(end: End) -> bool:
    return any(isinstance(each.origin.source, VirtualService | GatewayRoute) for each in end.steps)


def _rule(end: End) -> tuple[str, str]:
    """The object and field of the last rule on the route of an end."""
    rules = [each.origin for each in end.steps if isinstance(each.origin.source, VirtualService | GatewayRoute)]
    return (str(rules[-1].source.ref), rules[-1].field) if rules and rules[-1].source is not None else ("", "")


def effect_in_words(changed: Iterable[ChangedOutcome]) -> str:
    """The effect on other requests in one line; `none` if no outcome differs."""
    listed = list(dict.fromkeys(map(str, changed)))
    if not listed:
        return NO_EFFECT
    more = f"; and {len(listed) - _MOST_REQUESTS} more" if len(listed) > _MOST_REQUESTS else ""
    return "; ".join(listed[:_MOST_REQUESTS]) + more
