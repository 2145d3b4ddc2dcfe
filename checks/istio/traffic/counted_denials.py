"""The requests and connections that AuthorizationPolicies denied at a proxy, by host.

Envoy counts denials without their host, and answers a denied request with 403 without a response flag, as a destination can.
"""

from collections import Counter
from collections.abc import Iterable

from checks.facts.counter_names import DENIED_CONNECTIONS, DENIED_REQUESTS
from checks.facts.proxy_traffic import Increase
from checks.knowledge.response_flags import DENIED

CountedOutcome = tuple[str, str]
"""Response code ("0" for a connection) and response flags."""
OutcomesByHost = dict[tuple[str, bool], Counter[CountedOutcome]]
"""By host, and whether they are those of TCP connections.

The host is "" if the counters do not name it.
"""


def with_denials(found: OutcomesByHost, increases: Iterable[Increase]) -> OutcomesByHost:
    """The outcomes of one proxy and window, with its denials as outcomes of their own.

    They belong to a host if all requests that can be denied ones were denied, or if it is the only one with such requests.
    Else these requests are counted without a host.
    """
    counted: Counter[bool] = Counter()
    for each in increases:
        if each.metric in (*DENIED_REQUESTS, *DENIED_CONNECTIONS):
            counted[each.metric in DENIED_CONNECTIONS] += round(each.amount)
    for connections, denied in counted.items():
        if denied:
            _assign(found, denied, connections=connections)
    return found


def _assign(found: OutcomesByHost, denied: int, *, connections: bool) -> None:
    answer = ("0", "-") if connections else ("403", "-")
    shown = (answer[0], DENIED)
    candidates = [key for key, counts in found.items() if key[1] is connections and counts[answer]]
    possible = sum(found[key][answer] for key in candidates)
    unnamed = found.setdefault(("", connections), Counter())
    if denied < possible and len(candidates) > 1:
        if not connections:
            # The hosts of the denied ones are not known, so all of these lose theirs: each request counts once.
            for key in candidates:
                unnamed[answer] += found[key].pop(answer) if found[key] is not unnamed else 0
            unnamed[answer] -= denied
        unnamed[shown] += denied
        return
    left = denied
    for key in candidates:
        here = min(left, found[key][answer])
        found[key][answer] -= here
        found[key][shown] += here
        left -= here
    unnamed[shown] += left
