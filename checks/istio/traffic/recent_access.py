"""The requests of the last minutes by host, from the gateway's access logs.

Source: docs/domain/istio.md#log-lines; Istio's default access log format, as text and as JSON.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from checks.facts.logs import ProxyLog
from checks.facts.view import Facts
from checks.knowledge.response_flags import FailureSide, ResponseFlag, failed_response
from checks.model.raw_values import number, parse_moment, text

WINDOW = timedelta(minutes=15)
"""The age up to which lines count."""
_NOW = timedelta(minutes=5)
"""If a host has lines this young, older ones do not count: the failure may have ended."""
_TEXT = re.compile(
    r'"(?P<method>[^" ]*)[^"]*" (?P<code>\d{1,3}) (?P<flags>[A-Z][A-Z0-9,]*|-) (?P<details>\S+) \S+ '
    r'"(?P<reason>[^"]*)" \d+ \d+ \d+ \S+ '
    r'"[^"]*" "[^"]*" "[^"]*" "(?P<authority>[^"]*)" "(?P<upstream>[^"]*)" (?P<cluster>\S+)'
)

_OF_CONNECTIONS = ("", "-")
"""The method in the line of a TCP connection, whose code is always 0."""


@dataclass(frozen=True, slots=True)
class RecentRequest:
    """One line: the host, its time, and its failure, None if it succeeded or has no answer."""

    host: str
    at: datetime
    failure: ResponseFlag | None
    log: str
    line: str
    upstream: str = ""
    """The address to which the proxy connected, without the port; "" if it did not."""
    unanswered: bool = False
    """Whether the client closed the request before an answer: no failure, and no success."""


@dataclass(frozen=True, slots=True)
class HostRequests:
    """The recent requests to a host, newest first."""

    host: str
    requests: tuple[RecentRequest, ...]

    @property
    def failed(self) -> tuple[RecentRequest, ...]:
        return tuple(each for each in self.requests if each.failure is not None)

    @property
    def unanswered(self) -> int:
        return sum(each.unanswered for each in self.requests)


def recent_requests(facts: Facts) -> tuple[HostRequests, ...]:
    """The hosts with lines of the last 15 minutes. Reads ProxyLog.

    Only the last 5 minutes count for a host that has lines in them.
    """
    return facts.once("recent requests", _recent, str(facts.gateway))


def _recent(facts: Facts) -> tuple[HostRequests, ...]:
    by_host: dict[str, list[RecentRequest]] = {}
    for log in facts.proxy_logs():
        for each in _lines(log, facts.now):
            by_host.setdefault(each.host, []).append(each)
    found = []
    for host, requests in sorted(by_host.items()):
        current = [each for each in requests if facts.now - each.at <= _NOW] or requests
        found.append(HostRequests(host, tuple(sorted(current, key=lambda each: each.at, reverse=True))))
    return tuple(found)


def recent_upstreams(facts: Facts, host: str) -> tuple[str, ...]:
    """The addresses to which the gateway connected for a host lately, the newest first.

    Reads ProxyLog.
    """
    found = (each.upstream for one in recent_requests(facts) if one.host == host.lower() for each in one.requests)
    return tuple(dict.fromkeys(filter(None, found)))


def no_request_succeeds(facts: Facts) -> bool:
    """Whether all recent requests fail before the destination answers; False without any.

    Requires Pod, Deployment and ProxyLog declared. Raises Unreadable if a log that can decide was not read.
    """
    pods = facts.pods()
    failures = [each.failure for host in recent_requests(facts) for each in host.requests if not each.unanswered]
    answered = any(each is None or each.side is FailureSide.DESTINATION for each in failures)
    for pod in () if answered else pods:
        facts.get(ProxyLog, pod.name, pod.namespace)
    return bool(failures) and not answered


def _lines(log: ProxyLog, now: datetime) -> Iterator[RecentRequest]:
    written = text(log.raw, "text").splitlines()
    for each in reversed(written):
        if not each.startswith(("[", "{")):
            continue
        request = _json(log, each) if each.startswith("{") else _plain(log, each)
        if request is not None and timedelta() <= now - request.at <= WINDOW:
            yield request


def _plain(log: ProxyLog, written: str) -> RecentRequest | None:
    at = parse_moment(written[1 : written.find("]")])
    found = _TEXT.search(written)
    if at is None or found is None:
        return None
    details = f"{found['details']} {found['reason']}"
    failure = failed_response(int(found["code"]), tuple(found["flags"].split(",")), details)
    host = _host(found["authority"], found["cluster"])
    if not host:
        return None
    unanswered = failure is None and int(found["code"]) == 0 and found["method"] not in _OF_CONNECTIONS
    return RecentRequest(host, at, failure, log.ref, written, _address(found["upstream"]), unanswered)


def _json(log: ProxyLog, written: str) -> RecentRequest | None:
    try:
        raw = orjson.loads(written)
    except orjson.JSONDecodeError:
        return None
    at = parse_moment(text(raw, "start_time"))
    if at is None or "response_code" not in raw:
        return None
    flags = tuple(text(raw, "response_flags").split(","))
    details = f"{text(raw, 'response_code_details')} {text(raw, 'upstream_transport_failure_reason')}"
    code = number(raw, "response_code") or 0
    failure = failed_response(code, flags, details)
    host, upstream = _host(text(raw, "authority"), text(raw, "upstream_cluster")), _address(text(raw, "upstream_host"))
    unanswered = failure is None and code == 0 and text(raw, "method") not in _OF_CONNECTIONS
    return RecentRequest(host, at, failure, log.ref, written, upstream, unanswered) if host else None


def _address(written: str) -> str:
    return "" if written in ("", "-") else written.rpartition(":")[0]


def _host(authority: str, cluster: str) -> str:
    """The host of the cluster `outbound|PORT|SUBSET|HOST`, else the authority without port."""
    parts = cluster.split("|")
    if len(parts) == 4 and parts[0] == "outbound":
        return parts[3].lower()
    return "" if authority in ("", "-") else authority.rpartition(":")[0].lower() or authority.lower()
