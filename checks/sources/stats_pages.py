"""Pages of counters in the text format of Prometheus, as proxies and istiod serve them.

Sources: prometheus.io, "Exposition formats"; Envoy documentation, "Administration interface" (`/stats/prometheus`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from prometheus_client.parser import text_fd_to_metric_families

from checks.sources.counter_series import Sample, add, key_of
from checks.sources.expected_answers import WRONG_ANSWER
from checks.sources.replies import Failure

MAX_PAGE = 16 * 1024 * 1024
_MOST_LINES = 50_000
"""Lines of the wanted metrics."""
_EVERY = 500
"""Lines after which the deadline is compared."""


def page_sample(page: bytes, wanted: Collection[str], still_in_time: Callable[[], object]) -> Sample:
    """The wanted counters of a page.

    Raises Failure (502) if it is none, and what `still_in_time` raises.

    Only the wanted lines are parsed: pages of busy proxies have megabytes of histograms.
    """
    sample: Sample = {}
    names = tuple(f"{each}{mark}" for each in wanted for mark in "{ \t")
    lines = page.decode("utf-8", "replace").splitlines()
    if not any(each.startswith("# TYPE ") for each in lines):
        raise Failure(WRONG_ANSWER, "the answer is not a page of metrics")
    chosen = _checked((each for each in lines if each.startswith(names)), still_in_time)
    try:
        for family in text_fd_to_metric_families(chosen):  # type: ignore[arg-type]  # it only iterates
            for name, labels, value, *_ in family.samples:
                if labels.get("reporter", "source") == "source":
                    add(sample, key_of(name, labels), value)
    except (ValueError, IndexError, TypeError):
        raise Failure(WRONG_ANSWER, "the page of metrics cannot be parsed") from None
    return sample


def _checked(lines: Iterable[str], still_in_time: Callable[[], object]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number >= _MOST_LINES:
            raise Failure(WRONG_ANSWER, f"the page has more than {_MOST_LINES:,} counters of traffic")
        if number % _EVERY == 0:
            still_in_time()
        yield line
