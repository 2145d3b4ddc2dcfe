"""The traffic of the last hours as a value of the report.

Source: docs/contract.md#json.
"""

from datetime import timedelta

from checks.facts.view import Facts
from checks.istio.traffic.past_traffic import past_of
from checks.istio.traffic.requested_traffic import requested_names
from checks.model.traffic import TrafficHistory

_STEP = timedelta(minutes=15)
_NUMBER = 24


def history_of(facts: Facts) -> TrafficHistory | None:
    """The last 6 hours of the requested hosts; None if no step is known. Reads ProxyTraffic."""
    sampled = past_of(facts).sampled
    if not sampled.ends:
        return None
    last = sampled.ends[-1]
    names = requested_names(facts, {host for host, _ in sampled.by_host})
    totals: list[int | None] = [None] * _NUMBER
    failed: list[int | None] = [None] * _NUMBER

    def place(number: int, total: int, failures: int) -> None:
        totals[number] = (totals[number] or 0) + total
        failed[number] = (failed[number] or 0) + failures

    numbers = {at: _NUMBER - 1 - (last - at) // _STEP for at in sampled.ends}
    for number in numbers.values():
        if number >= 0:
            place(number, 0, 0)
    for (host, _), steps in sampled.by_host.items():
        for at, (total, failures, _) in steps.items():
            if host in names and numbers[at] >= 0:
                place(numbers[at], total, failures)
    return TrafficHistory(last, int(_STEP.total_seconds()), tuple(totals), tuple(failed))
