"""Doctor's requirement of the source of the proxies' counters."""

from collections.abc import Iterator

from checks.config.configuration import ClusterConfig
from checks.doctor.requirement_lines import DoctorLine
from checks.doctor.requirements import COUNTERS
from checks.facts.fact import CountersWanted, Gap, ProxyGroup, ProxyRole
from checks.sources.live import LiveSource
from checks.sources.questions import ApiServerQuestions
from checks.sources.replies import Failure


def counters_lines(entry: ClusterConfig, source: LiveSource, deadline: float) -> Iterator[DoctorLine]:
    """A line for the source of counters, none if the configuration has none."""
    if entry.metrics == "none":
        return
    if entry.metrics == "pods":
        yield _permission(entry, source, deadline)
        return
    answer = source.proxy_counters(CountersWanted((ProxyGroup(ProxyRole.COMPONENT, ""),)), deadline)
    if isinstance(answer, Gap):
        yield COUNTERS.failed(f"{answer}: {answer.message}" if answer.message else str(answer), entry.name)
    else:
        yield COUNTERS.passed("the Prometheus answers queries", entry.name)


def _permission(entry: ClusterConfig, source: LiveSource, deadline: float) -> DoctorLine:
    subject = f"{entry.name} get pods/proxy"
    try:
        allowed = ApiServerQuestions(source.access).allowed("", "pods/proxy", "get", deadline)
    except Failure as failure:
        return COUNTERS.not_checked(f"{failure.status} {failure.message}", subject)
    return COUNTERS.passed("allowed", subject) if allowed else COUNTERS.failed("forbidden", subject)
