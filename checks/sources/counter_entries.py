"""Whether the entries of a bundle's metrics.json are valid (docs/contract.md#metrics)."""

from collections.abc import Mapping
from itertools import pairwise
from types import NoneType
from typing import Any

from checks.facts.fact import ProxyRole
from checks.model.raw_values import parse_moment
from checks.sources.counter_series import LARGEST_COUNT

SOURCES = ("prometheus", "pods")
_TEXTS = ("namespace", "pod", "workload", "service", "problem")
_ROLES = tuple(ProxyRole)
_NUMBERS = {int, float, NoneType}
_MOST_VALUES = 2_000_000


def counters_problem(found: object) -> tuple[str, str] | None:
    """(what is wrong with a metrics.json, what was expected), None if it is valid."""
    if not isinstance(found, list):
        return "not a list", "a list of {source, role, namespace, pod, times, series}"
    size = 0
    for number, entry in enumerate(found, 1):
        if problem := _entry_problem(entry):
            return f"entry {number}: {problem[0]}", problem[1]
        size += len(entry["times"]) * len(entry["series"])
        if size > _MOST_VALUES:
            return f"more than {_MOST_VALUES:,} values", "the counters of one cluster"
    return None


def _entry_problem(entry: Any) -> tuple[str, str] | None:
    if not isinstance(entry, Mapping):
        return "not a mapping", "the keys source, role, namespace, pod, times, series"
    if entry.get("source") not in SOURCES:
        return f"source is {entry.get('source')!r}", " or ".join(SOURCES)
    if entry.get("role") not in _ROLES:
        return f"role is {entry.get('role')!r}", " or ".join(_ROLES)
    if problem := _optional_problem(entry):
        return problem
    times = entry.get("times")
    moments = [parse_moment(each) for each in times] if isinstance(times, list) else [None]
    if None in moments or any(a >= b for a, b in pairwise(moments) if a and b):
        return "times are not a list of increasing times", "RFC 3339 times, the oldest first"
    if not isinstance(entry.get("series"), list):
        return "series is not a list", "a list of {metric, labels, values}"
    for each in entry["series"]:
        if problem := _series_problem(each, len(moments)):
            return problem
    return None


def _optional_problem(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    for key in _TEXTS:
        if not isinstance(entry.get(key, ""), str):
            return f"{key} is {entry[key]!r}", "text"
    if not isinstance(entry.get("left_out", False), bool):
        return f"left_out is {entry['left_out']!r}", "true or false"
    if "scraped" in entry and parse_moment(entry["scraped"]) is None:
        return f"scraped is {entry['scraped']!r}", "an RFC 3339 time"
    return None


def _series_problem(series: Any, length: int) -> tuple[str, str] | None:
    if not isinstance(series, Mapping) or not isinstance(series.get("metric"), str) or not series["metric"]:
        return "a series has no metric", "the keys metric, labels, values"
    name, labels, values = series["metric"], series.get("labels"), series.get("values")
    if not isinstance(labels, Mapping) or not all(isinstance(each, str) for each in labels.values()):
        return f"{name}: labels are not texts", "a mapping from names to texts"
    if not isinstance(values, list) or len(values) != length:
        return f"{name}: {len(values) if isinstance(values, list) else 'no'} values", f"one for each of {length} times"
    if not _NUMBERS.issuperset(map(type, values)):
        return f"{name}: a value is not a count", "numbers of 0 or more, or null"
    if not all(each is None or 0 <= each <= LARGEST_COUNT for each in values):
        return f"{name}: a value is not a count", "numbers of 0 or more, or null"
    return None
