"""The requests and connections that AuthorizationPolicies denied at a proxy, by host.

Envoy counts denials without their host, and answers a denied request with 403 without a response flag, as a destination can.
"""

from collections import Counter
from collections.abc import Iterable

from checks.facts.counter_growth import GRPC, Increase
from checks.facts.counter_names import DENIED_CONNECTIONS, DENIED_REQUESTS
from checks.knowledge.response_flags import DENIED

CountedOutcome = tuple[str, str]
"""Response code ("0" for a connection) and response flags."""
OutcomesByHost = dict[tuple[str, bool], Counter[CountedOutcome]]
"""By host, and whether they are those of TCP connections.

The host is "" if the counters do not name it.
"""


_ANSWERS = {False: (("403", "-"), (f"{GRPC}7", "-")), True: (("0", "-"),)}
"""The outcomes of denied requests, and of denied connections (True).

gRPC answers with the status PERMISSION_DENIED.
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
    answers, shown = _ANSWERS[connections], ("0" if connections else "403", DENIED)
    candidates = [
        (key, answer) for key, counts in found.items() for answer in answers if key[1] is connections and counts[answer]
    ]
    possible = sum(found[key][answer] for key, answer in candidates)
    unnamed = ("", connections)
    found.setdefault(unnamed, Counter())
    if denied < possible and len({key for key, _ in candidates}) > 1:
        if connections:
            found[unnamed][shown] += denied
            return
        # The hosts of the denied ones are not known, so all of these lose theirs: each request counts once.
        for key, answer in candidates:
            if key != unnamed:
                found[unnamed][answer] += found[key].pop(answer)
        candidates = [(unnamed, answer) for answer in answers]
    left = denied
    for key, answer in candidates:
        here = min(left, found[key][answer])
        found[key][answer] -= here
        found[key][shown] += here
        left -= here
    found[unnamed][shown] += left
