"""The outcomes of other requests before and after a fix.

Both are resolved by the router.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import RequestOutcome, Result
from checks.istio.request.routing import Routing

NO_EFFECT = "none"
_MOST_REQUESTS = 5
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
        """Whether it went through the gateway and no longer does."""
        return self.before.result is Result.THROUGH is not self.after.result

    def __str__(self) -> str:
        return f"{self.request.url} {_words(self.before)} before and {_words(self.after)} after"


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
    ends = sorted((each.share, each.destination, str(each.result)) for each in outcome.ends)
    return outcome.result, outcome.status, ends if outcome.result is not Result.FAILS else ()


def effect_in_words(changed: Iterable[ChangedOutcome]) -> str:
    """The effect on other requests in one line; `none` if no outcome differs."""
    listed = list(dict.fromkeys(map(str, changed)))
    if not listed:
        return NO_EFFECT
    more = f"; and {len(listed) - _MOST_REQUESTS} more" if len(listed) > _MOST_REQUESTS else ""
    return "; ".join(listed[:_MOST_REQUESTS]) + more
