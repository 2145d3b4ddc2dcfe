"""The outcomes of requests and connections by host, from the increase of counters."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from checks.facts.counter_names import OPENED, REQUESTS
from checks.facts.proxy_traffic import CounterWindow, Increase
from checks.istio.traffic.counted_denials import CountedOutcome, OutcomesByHost, with_denials
from checks.knowledge.response_flags import ResponseFlag, failed_response

_METRIC_OF_DURATION = "istio_request_duration_milliseconds"
_NEEDED = {REQUESTS: ("response_code", "response_flags"), OPENED: ("response_flags",)}
"""The labels that show whether requests or connections succeed."""
_NO_DESTINATION = ("", "unknown", "BlackHoleCluster", "PassthroughCluster")


def failure_shown_by(outcome: CountedOutcome) -> ResponseFlag | None:
    """The failure that a code and flags show, None if they show none."""
    code, flags = outcome
    return failed_response(int(code) if code.isdecimal() else 0, tuple(flags.split(",")), "")


def outcomes_by_host(increases: Sequence[Increase]) -> OutcomesByHost:
    """The outcomes of one proxy and window by host, those of TCP connections by themselves."""
    found: OutcomesByHost = defaultdict(Counter)
    for each in increases:
        if each.metric in (REQUESTS, OPENED):
            outcome = (each.labels.get("response_code", "0"), each.labels.get("response_flags", "-"))
            found[(_host(each), each.metric == OPENED)][outcome] += round(each.amount)
    return with_denials(found, increases)


def missing_label(increases: Iterable[Increase]) -> str:
    """The missing label that shows whether requests succeed, "" if none is missing."""
    for each in increases:
        needed = _NEEDED.get(each.metric, ())
        if (name := next((label for label in needed if label not in each.labels), None)) is not None:
            return name
    return ""


def _host(increase: Increase) -> str:
    """The destination, "" if there was none.

    The request matched no route then, or was passed through.
    """
    if increase.labels.get("destination_service_name", "-") in _NO_DESTINATION:
        return ""
    host = increase.labels.get("destination_service", "").lower()
    return "" if host in _NO_DESTINATION else host.partition(":")[0]


def durations_of_failures(windows: Iterable[CounterWindow]) -> dict[str, float]:
    """The mean duration of the failed requests to each host in milliseconds."""
    totals: dict[str, float] = defaultdict(float)
    numbers: dict[str, float] = defaultdict(float)
    for window in windows:
        for each in window.increases:
            if not each.metric.startswith(_METRIC_OF_DURATION):
                continue
            outcome = (each.labels.get("response_code", "0"), each.labels.get("response_flags", "-"))
            if failure_shown_by(outcome) is None:
                continue
            found = totals if each.metric.endswith("_sum") else numbers
            found[_host(each)] += each.amount
    return {host: totals[host] / number for host, number in numbers.items() if number}


def host_of_cluster(increase: Increase) -> str:
    """The host of the cluster `outbound|PORT|SUBSET|HOST`."""
    parts = increase.labels.get("cluster_name", "").split("|")
    return parts[3].lower() if len(parts) == 4 and parts[0] == "outbound" else ""


def failing_since(steps: dict[datetime, list[int]], first: datetime | None) -> datetime | None:
    """The end of the first step of the latest time in which most requests failed.

    `steps` has [all, failed] by the end of each step with requests. None if the newest did not fail, and if it failed from
    `first` on, the end of the first step that is known: then it began before.
    """
    begin: datetime | None = None
    for at in sorted(steps, reverse=True):
        total, failed = steps[at]
        if failed * 2 <= total:
            break
        begin = at
    return begin if begin != first else None
