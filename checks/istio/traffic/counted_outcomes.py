"""The outcomes of requests and connections by host, from the increase of counters."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from checks.facts.counter_growth import GRPC, CounterWindow, Increase
from checks.facts.counter_names import DENIED_CONNECTIONS, DENIED_REQUESTS, OPENED, REQUESTS
from checks.istio.traffic.counted_denials import CountedOutcome, OutcomesByHost, with_denials
from checks.knowledge.response_flags import ResponseFlag, failed_grpc, failed_response

_METRIC_OF_DURATION = "istio_request_duration_milliseconds"
_CODE = "response_code"
_NEEDED = {REQUESTS: (_CODE, "response_flags"), OPENED: ("response_flags",)}
"""The labels that show whether requests or connections succeed."""
_DENIALS = (*DENIED_REQUESTS, *DENIED_CONNECTIONS)
_DIGITS = 3


@lru_cache(maxsize=4096)
def failure_shown_by(outcome: CountedOutcome) -> ResponseFlag | None:
    """The failure that a code and flags show, None if they show none."""
    code, flags = outcome
    if code.startswith(GRPC):
        return failed_grpc(code.removeprefix(GRPC), tuple(flags.split(",")))
    return failed_response(int(code) if is_code(code) else 0, tuple(flags.split(",")), "")


def is_unanswered(outcome: CountedOutcome) -> bool:
    """Whether its client closed a request before an answer (code 0, mostly DC).

    Such a request did not succeed. It is no failure of its own either: how long the client waited decides.
    """
    code = outcome[0]
    return is_code(code) and int(code) == 0 and failure_shown_by(outcome) is None


def is_code(code: str) -> bool:
    """Whether a label is the code of a response; "0" stands for none."""
    return code.isascii() and code.isdecimal() and len(code) <= _DIGITS


def outcomes_by_host(increases: Sequence[Increase]) -> OutcomesByHost:
    """The outcomes of one proxy and window by host, those of TCP connections by themselves."""
    found: OutcomesByHost = defaultdict(Counter)
    for each in increases:
        counter = each.counter
        if counter.metric in _NEEDED:
            found[counter.host, counter.metric == OPENED][counter.code, counter.flags] += round(each.amount)
    return with_denials(found, increases)


def totals_by_host(increases: Sequence[Increase]) -> dict[tuple[str, bool], list[int]]:
    """[all, failed, unanswered] requests of one proxy and window by host.

    TCP connections are counted by themselves.
    """
    found: dict[tuple[str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
    if any(each.metric in _DENIALS for each in increases):
        for key, counts in outcomes_by_host(increases).items():
            found[key][0] += sum(counts.values())
            found[key][1] += sum(count for outcome, count in counts.items() if failure_shown_by(outcome))
            if not key[1]:
                found[key][2] += sum(count for outcome, count in counts.items() if is_unanswered(outcome))
        return found
    for counter, amount in increases:
        if counter.metric in _NEEDED:
            here = found[counter.host, counter.metric == OPENED]
            here[0] += round(amount)
            if failure_shown_by((counter.code, counter.flags)) is not None:
                here[1] += round(amount)
            elif counter.metric == REQUESTS and is_unanswered((counter.code, counter.flags)):
                here[2] += round(amount)
    return found


def missing_label(increases: Iterable[Increase]) -> str:
    """The label without a usable value that shows whether requests succeed, "" for none."""
    for each in increases:
        for label in _NEEDED.get(each.metric, ()):
            value = each.labels.get(label, "")
            usable = is_code(value) if label == _CODE else bool(value)
            if not usable and failure_shown_by((each.counter.code, each.counter.flags)) is None:
                return label
    return ""


def durations_by_failure(windows: Iterable[CounterWindow]) -> dict[tuple[str, str], float]:
    """The mean duration of failed requests in milliseconds, by host and failure.

    The failure "" is for unanswered ones.
    """
    totals: dict[tuple[str, str], float] = defaultdict(float)
    numbers: dict[tuple[str, str], float] = defaultdict(float)
    for window in windows:
        for each in window.increases:
            counter = each.counter
            if not counter.metric.startswith(_METRIC_OF_DURATION):
                continue
            outcome = (counter.code, counter.flags)
            failure = failure_shown_by(outcome)
            if failure is not None or is_unanswered(outcome):
                found = totals if counter.metric.endswith("_sum") else numbers
                found[counter.host, failure.name if failure is not None else ""] += each.amount
    return {key: totals[key] / number for key, number in numbers.items() if number}


def host_of_cluster(increase: Increase) -> str:
    """The host of the cluster `outbound|PORT|SUBSET|HOST`."""
    parts = increase.labels.get("cluster_name", "").split("|")
    return parts[3].lower() if len(parts) == 4 and parts[0] == "outbound" else ""


def failing_since(steps: dict[datetime, list[int]], first: datetime | None) -> datetime | None:
    """The end of the first step of the latest time in which most requests failed.

    `steps` has [all, failed, unanswered] by the end of each step with requests. None if the newest did not fail, and if it
    failed from `first` on, the end of the first step that is known: then it began before.
    """
    begin: datetime | None = None
    for at in sorted(steps, reverse=True):
        total, failed, unanswered = steps[at]
        if total > unanswered and failed * 2 <= total - unanswered:
            break
        if failed:
            begin = at
    return begin if begin != first else None
