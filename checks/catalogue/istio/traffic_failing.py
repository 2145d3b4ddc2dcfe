"""EG524: requests through the gateway fail now."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.fact import Unreadable
from checks.facts.logs import ProxyLog
from checks.facts.pods import Pod
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.traffic.host_traffic import NO_ROUTE, GatewayTraffic, HostTraffic, failing_together, gateway_traffic
from checks.istio.traffic.requested_traffic import perhaps_requested, requested_traffic
from checks.istio.traffic.unanswered_requests import network_actions, unanswered_requests
from checks.istio.traffic_objects import TRAFFIC_OBJECT_READS, objects_of_failure
from checks.knowledge.response_flags import FailureSide, ResponseFlag
from checks.model.commands import HOWTO, ISTIO_LOG, KEGTS, inspect, kubectl, quoted
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.model.requested_host import requested_host
from checks.static_egress.procedures import replace_pods

_FEWEST = 2
"""The fewest failed requests that are a failure; one is a warning."""
_LISTED = 10
_LISTED_PODS = 3
_OF_ADDRESSES = ("UH", "DF", "UO")
"""Failures of requests to a host whose addresses the gateway lacks or does not use."""
_NO_COUNTER = "there was no traffic since the proxies started, or the source does not keep istio_requests_total"


@check(
    code="EG524",
    title="Requests through the gateway fail now",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, ProxyLog, ProxyTraffic, *TRAFFIC_OBJECT_READS),
)
def traffic_failing(facts: Facts) -> Iterator[Observation]:
    """What it checks: the counters of the gateway's proxies, if the configuration has a source for them (`metrics`), over
    the last 5 minutes, or 15 for a host without requests in them; and the access logs of its pods in the same times. Of
    both, what saw more requests to a host counts. A request fails if Envoy's response flag, the details, a 5xx code or
    the counters of denials say so. It fails if most requests or connections to a host (2 or more) fail in the cluster or
    in the network. It warns if some do, if none fails any more, if the destination is what fails, if clients close most
    requests to a host before an answer, or if the gateway has no route for a host that is not in the question; with a host
    in the question also if requests without a known host fail. If only some of the gateway's pods fail, they are named. If
    counters are missing, old or reset, it is not checked. Without traffic it does not apply.

    Why it matters: this is what applications see now. Other checks find why; if none of them fails, the location
    (cluster, gateway pod, network or destination) shows where to search.

    What usually fixes it: the fault that explains it; for connections that time out, a firewall that does not allow the
    egress IP prefix.

    Source: article IST-2; Envoy's page on access logging (response flags); Istio's page on standard metrics."""
    proxies = [pod for pod in facts.pods() if pod.proxy is not None and pod.proxy.started]
    if not proxies:
        yield skip(f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running).")
        return
    traffic = gateway_traffic(facts)
    hosts = list(requested_traffic(facts, traffic.hosts))
    failing = [each for each in hosts if each.failed]
    unread = facts.gap(ProxyLog, facts.gateway.namespace) is not None
    yield from (_failing(facts, each, hosts, decided=not unread or _decided(each)) for each in failing)
    known = [each for each in hosts if not perhaps_requested(facts, each)]
    if not known or not all(each.counted and (not each.failed or _decided(each)) for each in hosts):
        _require_logs(facts)
    else:
        facts.disregard(ProxyLog)  # the counters decide
    silent = [each for each in hosts if each.mostly_unanswered]
    yield from (unanswered_requests(facts, each) for each in silent)
    if traffic.unusable:
        yield from _unusable(facts, traffic)
        return
    if failing or silent:
        return
    if not hosts or traffic.left_out:
        yield skip(_no_traffic(facts, traffic))
        return
    counted = sum(each.total for each in hosts)
    if all(each.stopped is not None for each in hosts):
        last = max(each.stopped for each in hosts if each.stopped is not None)
        yield skip(
            f"No request through {facts.gateway.ref} since {last:%H:%M}Z; none of {counted:,} before that failed."
        )
        return
    closed = sum(each.unanswered for each in hosts)
    more = f" Clients closed {closed:,} of them before an answer." if closed else ""
    yield healthy(
        f"None of {counted:,} recent requests through {facts.gateway.ref} failed.{more}",
        evidence=[Evidence(f"host {each.host}", f"{each.noun}s", str(each.total)) for each in hosts[:_LISTED]],
    )


def _decided(found: HostTraffic) -> bool:
    """Whether the counters alone show that requests fail, and on whose side.

    The log can show more requests, or who closed a connection (UF).
    """
    main = found.failure
    return found.counted and found.failed >= _FEWEST and main is not None and main.name != "UF"


def _require_logs(facts: Facts) -> None:
    """Raises Unreadable if the log of a pod was not read."""
    known = {log.key for log in facts.readable(ProxyLog, facts.gateway.namespace)}
    for pod in facts.pods():
        if pod.proxy is not None and pod.proxy.started and pod.key not in known:
            facts.get(ProxyLog, pod.name, pod.namespace)


def _unusable(facts: Facts, traffic: GatewayTraffic) -> Iterator[Observation]:
    """Counters of some pods may show a failure. Raises Unreadable for a failed read."""
    if (gap := facts.gap(ProxyTraffic, facts.gateway.namespace)) is not None:
        raise Unreadable(gap)
    reason = traffic.unusable[0]
    more = f", and {len(traffic.unusable) - 1} more" if len(traffic.unusable) > 1 else ""
    yield unknown(f"Not checked: {reason}{more}.", subject=facts.gateway.ref)


def _no_traffic(facts: Facts, traffic: GatewayTraffic) -> str:
    if traffic.left_out:
        unread = f"{traffic.left_out} pod{'s' if traffic.left_out > 1 else ''}"
        seen = sum(each.total for each in traffic.hosts if each.counted)
        others = f" None of {seen:,} recent requests in the others failed." if seen else ""
        return f"Not read, to limit the load: the counters of {unread}.{others}"
    if traffic.pods:
        reason = "there was no traffic" if traffic.counts_requests else _NO_COUNTER
        return f"The counters of {facts.gateway.ref} show no request {traffic.period}: {reason}."
    logs = f"The access logs of {facts.gateway.ref} have no request from the last 15 minutes"
    if traffic.configured:
        return f"{logs}, and no counters of its proxies were found: there was no traffic, or both are off."
    return (
        f"{logs}: there was no traffic, or they are off (access-log-off). Counters are not read: the cluster's "
        "configuration has no `metrics`."
    )


def _failing(facts: Facts, found: HostTraffic, hosts: list[HostTraffic], *, decided: bool) -> Observation:
    main = found.failure
    assert main is not None  # noqa: S101 - something failed
    subject = f"host {found.host}" if found.host else facts.gateway.ref
    about = [Involved("host", found.host)] if found.host else []
    objects = objects_of_failure(facts, found.host, main.name, main.meaning)
    evidence = [*found.evidence, *objects, *_nodes(facts, found)]
    actions = list(_actions(facts, found, main))
    # Requests for a host for which the gateway is not configured are no failure of the gateway.
    ours = main.side not in (FailureSide.DESTINATION, FailureSide.BEYOND) and (
        main.name not in NO_ROUTE or bool(facts.question.host)
    )
    most = "all" if sum(each.failed for each in found.pods) == found.failed else "nearly all"
    where = f", {most} in {_pods(found)}" if found.pods else ""
    words = f"{_share(facts, found)}{where}: {main.meaning} ({_named(found, main.name)}). The failure is {main.side}"
    if main.side is FailureSide.NETWORK and failing_together(hosts):
        words += ": connections to all hosts fail"
    words += "."
    if found.recovered is not None:
        words += f" None failed since {found.recovered:%H:%M}Z."
    if perhaps := perhaps_requested(facts, found):
        words += f" Requests to {facts.question.host} can be among them."
    if ours and decided and not perhaps and found.failed >= _FEWEST and found.mostly_fails:
        return fail(words, subject=subject, evidence=evidence, actions=actions, about=about, since=found.since)
    return warn(
        words,
        subject=subject,
        evidence=evidence,
        actions=actions,
        about=about,
        severity=Severity.DEGRADES,
        since=found.since,
    )


def _named(found: HostTraffic, name: str) -> str:
    return found.shown if found.counted and found.shown else name


def _pods(found: HostTraffic) -> str:
    """The pods in which all of these failed, with their nodes."""
    shown = [f"{each.name} (node {each.pod.node})" if each.pod and each.pod.node else each.name for each in found.pods]
    more = f" and {len(shown) - _LISTED_PODS} more" if len(shown) > _LISTED_PODS else ""
    return f"pod{'s' if len(shown) > 1 else ''} {', '.join(shown[:_LISTED_PODS])}{more}"


def _nodes(facts: Facts, found: HostTraffic) -> Iterator[Evidence]:
    """The nodes of the pods that fail, beside those of the pods that work."""
    names = {each.name for each in found.pods}
    working = (
        {pod.node for pod in facts.pods() if pod.node and names.isdisjoint((pod.name, pod.ip))} if names else set()
    )
    for each in found.pods[:_LISTED_PODS]:
        if each.pod is not None:
            others = ", ".join(sorted(working)[:_LISTED_PODS])
            yield Evidence(each.pod.ref, "spec.nodeName", each.pod.node, f"the other pods reach it from {others}")


def _pod_actions(facts: Facts, found: HostTraffic) -> Iterator[Action]:
    """Steps for single pods: their tunnels, then new pods in their place."""
    names, namespace = [each.name for each in found.pods], facts.gateway.namespace
    yield inspect(
        f"Show the node and the restarts of {' and '.join(names)}",
        kubectl("get", "pods", *names, "-o", "wide", namespace=namespace),
        ISTIO_LOG,
    )
    kind = "podendpoints.egressgateway.kubernetes.azure.com"
    yield inspect(
        "Show the tunnels of these pods",
        kubectl("get", kind, *names, "-o", "yaml", namespace=namespace),
        KEGTS,
        "spec.podIpAddress is the pod's IP; compare with a pod that works",
    )
    yield from replace_pods(facts, [each.pod for each in found.pods if each.pod is not None])


def _share(facts: Facts, found: HostTraffic) -> str:
    to = f"to {found.host}" if found.host else f"through {facts.gateway.ref} without a known host"
    if not found.counted:
        return f"{found.failed} of {found.total} recent requests {to} failed"
    return f"{found.failed:,} of {found.total:,} {found.noun}s {to} failed {found.period}"


def _actions(facts: Facts, found: HostTraffic, main: ResponseFlag) -> Iterator[Action]:
    gateway, host, side = facts.gateway, found.host, main.side
    for name in gateway.deployments:
        if found.counted:
            request = ("pilot-agent", "request", "GET", "stats/prometheus")
            page = kubectl(
                "exec", f"deployment/{name}", "-c", "istio-proxy", "--", *request, namespace=gateway.namespace
            )
            counters = f"{page} | grep ^istio_"
            yield inspect(
                f"Show the counters of {name}", f"{counters} | grep -F {quoted(host)}" if host else counters, ISTIO_LOG
            )
        if host and main.name in _OF_ADDRESSES:
            request = ("pilot-agent", "request", "GET", "clusters")
            known = kubectl(
                "exec", f"deployment/{name}", "-c", "istio-proxy", "--", *request, namespace=gateway.namespace
            )
            yield inspect(
                f"Show the addresses of {host} at {name}, and their health",
                f"{known} | grep -F {quoted(host)}",
                ISTIO_LOG,
                "an address with health_flags::healthy; without any, the name is not resolved (DNS)",
            )
        about = host or (requested_host(facts.question.host).name if facts.question.host else "")
        words = ("logs", f"deployment/{name}", "--all-pods=true", "-c", "istio-proxy", "--since=15m")
        lines = kubectl(*words, namespace=gateway.namespace)
        yield inspect(
            f"Show the recent log lines about {about}" if about else f"Show the recent log lines of {name}",
            f"{lines} | grep -F {quoted(about)}" if about else lines,
            ISTIO_LOG,
        )
    if host:
        yield inspect(
            f"Diagnose the route of {host}",
            quoted("egress-diag", "diagnose", facts.cluster.name, str(gateway), "--host", host),
            HOWTO,
        )
    if side is FailureSide.POD:
        yield from _pod_actions(facts, found)
    if side in (FailureSide.NETWORK, FailureSide.BEYOND, FailureSide.UNCLEAR):
        yield from network_actions(facts, host)
