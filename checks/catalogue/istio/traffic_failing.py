"""EG524: requests through the gateway fail now."""

from collections import Counter
from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.logs import ProxyLog
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.recent_access import HostRequests, recent_requests
from checks.knowledge.response_flags import FailureSide
from checks.model.commands import HOWTO, ISTIO_LOG, change, inspect, kubectl, quoted
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.requested_host import requested_host

_SHOWN_LINES = 3
_FEWEST = 2
"""The fewest failed requests that are a failure; one is a warning."""
_NO_ROUTE = ("NR", "NC")


@check(
    code="EG524",
    title="Requests through the gateway fail now",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, ProxyLog),
)
def traffic_failing(facts: Facts) -> Iterator[Observation]:
    """What it checks: the access logs of the gateway's pods in the last 15 minutes, by host; if a host has requests in
    the last 5 minutes, only these count. A request fails if Envoy's response flag, the details or a 5xx code say so. It
    fails if most requests to a host (2 or more) fail in the cluster or in the network. It warns if some do, if the
    destination is what fails, or if the gateway has no route for a host that is not in the question. Without a line in
    this time it does not apply: there was no traffic, or the access log is off.

    Why it matters: this is what applications see now. Other checks find why; if none of them fails, the location
    (cluster, network or destination) shows where to search.

    What usually fixes it: the fault that explains it; for connections that time out, a firewall that does not allow the
    egress IP prefix.

    Source: article IST-2; Envoy's page on access logging (response flags)."""
    proxies = [pod for pod in facts.pods() if pod.proxy is not None and pod.proxy.started]
    if not proxies:
        yield skip(f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running).")
        return
    hosts = [each for each in recent_requests(facts) if _requested(facts, each.host)]
    failing = [each for each in hosts if each.failed]
    yield from (_failing(facts, each) for each in failing)
    known = {log.key for log in facts.readable(ProxyLog, facts.gateway.namespace)}
    for pod in proxies:
        if pod.key not in known:
            facts.get(ProxyLog, pod.name, pod.namespace)
    if failing:
        return
    if not hosts:
        yield skip(
            f"The access logs of {facts.gateway.ref} have no request from the last 15 minutes: there was no traffic, or they "
            "are off (access-log-off)."
        )
        return
    count = sum(len(each.requests) for each in hosts)
    yield healthy(
        f"None of {count} recent requests through {facts.gateway.ref} failed.",
        evidence=[Evidence(f"host {each.host}", "requests", str(len(each.requests))) for each in hosts[:10]],
    )


def _requested(facts: Facts, host: str) -> bool:
    wanted = facts.question.host
    return not wanted or requested_host(wanted).name.lower() == host


def _failing(facts: Facts, found: HostRequests) -> Observation:
    failed, total = found.failed, len(found.requests)
    counted = Counter(each.failure for each in failed if each.failure is not None)
    main = counted.most_common(1)[0][0]
    got = f"{len(failed)} of {total} recent requests to {found.host} failed: {main.meaning} ({main.name})"
    evidence = [Evidence(each.log, "access log", each.line) for each in failed[:_SHOWN_LINES]]
    about = [Involved("host", found.host)]
    actions = list(_actions(facts, found.host, main.side))
    # Requests for a host for which the gateway is not configured are no failure of the gateway.
    ours = main.side is not FailureSide.DESTINATION and (main.name not in _NO_ROUTE or bool(facts.question.host))
    if ours and len(failed) >= _FEWEST and len(failed) * 2 > total:
        return fail(
            f"{got}. The failure is {main.side}.",
            subject=f"host {found.host}",
            evidence=evidence,
            actions=actions,
            about=about,
        )
    return warn(
        f"{got}. The failure is {main.side}.",
        subject=f"host {found.host}",
        evidence=evidence,
        actions=actions,
        about=about,
        severity=Severity.DEGRADES,
    )


def _actions(facts: Facts, host: str, side: FailureSide) -> Iterator[Action]:
    gateway = facts.gateway
    for name in gateway.deployments:
        words = ("logs", f"deployment/{name}", "--all-pods=true", "-c", "istio-proxy", "--since=15m")
        yield inspect(
            f"Show the recent log lines about {host}",
            f"{kubectl(*words, namespace=gateway.namespace)} | grep -F {quoted(host)}",
            ISTIO_LOG,
        )
    yield inspect(
        f"Diagnose the route of {host}",
        quoted("egress-diag", "diagnose", facts.cluster.name, str(gateway), "--host", host),
        HOWTO,
    )
    if side is FailureSide.NETWORK:
        yield change(
            "Request the source IP address from a pod outside the mesh, which separates the network from Istio",
            quoted("egress-diag", "probe", facts.cluster.name, str(gateway)),
            url=HOWTO,
        )
        yield change(
            f"Allow the egress IP prefix in every firewall before {host} and in its allow-list, if only requests through this "
            "gateway fail",
            url=HOWTO,
        )
