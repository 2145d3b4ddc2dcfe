"""EG502: a proxy of the gateway runs but is not ready."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from checks.engine.check import Because, check
from checks.facts.logs import LogText, ProxyLog
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.istiod_connection import (
    CONNECTION_READS,
    IstiodConnection,
    connection_evidence,
    connection_steps,
    istiod_connection,
)
from checks.knowledge.proxy_logs import LogLine, ProxyFault, Readiness, readiness, readiness_failures, why_not_ready
from checks.kubernetes.times_of_faults import first_of, unready_since
from checks.model.commands import TSG, change, disrupt, inspect, istiod_log, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import moment

_STARTING = timedelta(seconds=30)
"""The time for a first start, which takes a few seconds.

It is two periods of the chart's readiness probe (15 s).
"""


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A gateway pod with a started proxy, and its newest log line about readiness."""

    pod: Pod
    log: LogText | None
    newest: Readiness | None

    @property
    def not_ready(self) -> bool:
        """The newest log line decides; without one the kubelet's probe of the same endpoint."""
        if self.newest is not None and not self.newest.ready:
            return not (self.pod.ready and self._became_ready_later(self.newest))
        container = self.pod.proxy
        return not self.pod.ready and container is not None and not container.ready and self.running

    @property
    def running(self) -> bool:
        return self.pod.proxy is not None and self.pod.proxy.running_since is not None

    def _became_ready_later(self, newest: Readiness) -> bool:
        since = moment(self.pod.condition("Ready"), "lastTransitionTime")
        return since is not None and newest.line.at is not None and newest.line.at < since


@check(
    code="EG502",
    title="A proxy of the gateway is not ready",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, ProxyLog, *CONNECTION_READS),
    explains={
        "gateway-pods-not-running": Because(
            "the kubelet does not mark a pod as ready while its proxy is not ready", share="pod"
        ),
    },
)
def proxy_not_ready(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Ready condition of the gateway's pods, and the newest of `Envoy proxy is ready` and `Envoy
    proxy is NOT ready: …` in the last 500 lines of each `istio-proxy`. It fails for a proxy whose newest line is NOT
    ready, and for one that fails the kubelet's probe. A ready pod without either line passes: the line is logged once
    per start, and logs rotate. A ready pod with an unreadable log is not checked. It does not apply while no proxy has
    ever started.

    Why it matters: a proxy that is not ready gets no traffic. Its log shows whether istiod is not reachable,
    configuration was rejected, or the certificate is missing.

    What usually fixes it: the fault that the line names: istiod or the connection to its port 15012, the rejected
    object, or the certificate authority. A restart helps only after that.

    Source: article IST-2; Istio `pkg/istio-agent` and `pilot/cmd/pilot-agent/status`;
    docs/domain/istio.md#log-lines."""
    pods = facts.pods()
    started = [pod for pod in pods if pod.proxy is not None and pod.proxy.started]
    if not started:
        yield skip(_no_proxy(facts, pods))
        return
    logs = {log.key: log for log in facts.readable(ProxyLog, facts.gateway.namespace)}
    proxies = [_proxy(pod, logs.get(pod.key)) for pod in started]
    failing = [each for each in proxies if each.not_ready]
    groups: dict[str, list[_Proxy]] = {}
    for each in failing:
        groups.setdefault(_cause(each).meaning, []).append(each)
    for group in groups.values():
        yield _finding(facts, group)
    for each in proxies:
        # An unreadable log may have a line that is newer than the condition: the pod is not known to be ready.
        if each not in failing and each.log is None:
            facts.get(ProxyLog, each.pod.name, each.pod.namespace)
    if not failing:
        yield _healthy(proxies)


def _proxy(pod: Pod, log: LogText | None) -> _Proxy:
    return _Proxy(pod, log, readiness(log) if log is not None else None)


def _no_proxy(facts: Facts, pods: tuple[Pod, ...]) -> str:
    if not pods:
        return f"Egress gateway {facts.gateway} has no pods (gateway-pods-not-running, deployment-not-available)."
    return f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running)."


def _cause(proxy: _Proxy) -> LogLine:
    if proxy.newest is not None and not proxy.newest.ready:
        return why_not_ready(proxy.newest.reason)
    if proxy.log is None:
        return why_not_ready("the readiness probe fails, and the log is not readable")
    seen = readiness_failures(proxy.log)
    return seen[0][0] if seen else why_not_ready("the readiness probe fails, and the log gives no reason")


def _healthy(proxies: list[_Proxy]) -> Observation:
    waiting = [each.pod.name for each in proxies if not each.pod.ready]
    if len(waiting) == len(proxies):
        return skip(
            f"No proxy reports that it is not ready, but no pod is Ready: {', '.join(waiting)} "
            "(gateway-pods-not-running)."
        )
    without_line = [each.pod.name for each in proxies if each.newest is None and each.pod.ready]
    ready = sum(1 for each in proxies if each.pod.ready)
    note = f"; no line about readiness in the log of {', '.join(without_line)}" if without_line else ""
    one = "1 proxy is ready" if ready == 1 else f"{ready} proxies are ready"
    return healthy(f"{one}{note}.")


def _finding(facts: Facts, group: list[_Proxy]) -> Observation:
    cause = _cause(group[0])
    names = ", ".join(each.pod.key[0] + "/" + each.pod.name for each in group)
    what = f"Pod {names} is" if len(group) == 1 else f"Pods {names} are"
    evidence = [line for each in group for line in _evidence(each)]
    between = _connection(facts, group, cause)
    evidence += connection_evidence(facts, between) if between is not None else ()
    about = [Involved("pod", f"{each.pod.namespace}/{each.pod.name}") for each in group]
    about += [Involved("revision", each.pod.revision) for each in group if each.pod.revision]
    summary = f"{what} not ready: {cause.meaning}."
    subject = ", ".join(each.pod.ref for each in group)
    since = first_of(unready_since(each.pod) for each in group)
    if all(_just_started(facts, each) for each in group):
        return warn(
            f"{summary[:-1]}; the proxy started less than {_STARTING.seconds} seconds ago.",
            subject=subject,
            evidence=evidence,
            actions=_actions(facts, group, cause, None)[:1],
            about=about,
            severity=Severity.DEGRADES,
            pending=not any(pod.ready for pod in facts.pods()),
            since=since,
        )
    actions = _actions(facts, group, cause, between)
    return fail(summary, subject=subject, evidence=evidence, actions=actions, about=about, since=since)


def _just_started(facts: Facts, proxy: _Proxy) -> bool:
    container = proxy.pod.proxy
    if container is None or container.restarts or container.running_since is None:
        return False
    return facts.now - container.running_since < _STARTING


def _evidence(proxy: _Proxy) -> Iterator[Evidence]:
    pod = proxy.pod
    yield Evidence(pod.ref, "status.conditions[Ready]", "True" if pod.ready else "False", "True")
    if proxy.log is None:
        yield Evidence(pod.ref, "log of istio-proxy", "(not readable)")
        return
    if proxy.newest is not None and not proxy.newest.ready:
        yield Evidence(
            proxy.log.ref, "newest line about readiness", f"Envoy proxy is NOT ready: {proxy.newest.reason}", "is ready"
        )
    for row, line in readiness_failures(proxy.log):
        if proxy.newest is None or not proxy.newest.ready or line != proxy.newest.line:
            yield Evidence(proxy.log.ref, row.meaning, line.message.replace("\t", " "))


def _connection(facts: Facts, group: Sequence[_Proxy], cause: LogLine) -> IstiodConnection | None:
    """The connection to a ready istiod, if that is what the log lacks."""
    if cause.fault is not ProxyFault.ISTIOD_UNHEALTHY or not group[0].pod.revision:
        return None
    return istiod_connection(facts, [each.pod for each in group], [each.log for each in group if each.log is not None])


def _actions(facts: Facts, group: Sequence[_Proxy], cause: LogLine, between: IstiodConnection | None) -> list[Action]:
    pods = [each.pod for each in group]
    pod = pods[0]
    found = [
        inspect(
            "Show the proxy's log",
            kubectl("logs", pod.name, "-c", "istio-proxy", "--tail=500", namespace=pod.namespace)
            + " | grep -E 'ready|error|warn'",
            TSG,
        )
    ]
    rev = pod.revision
    if cause.fault is ProxyFault.ISTIOD_UNHEALTHY and rev:
        found.append(
            inspect(
                f"List the istiod pods of {rev}",
                kubectl(
                    "get", "pods", "-l", f"app=istiod,istio.io/rev={rev}", "-o", "wide", namespace="aks-istio-system"
                ),
            )
        )
    if cause.fault is ProxyFault.CONFIGURATION_REJECTED and rev:
        found.append(
            inspect("Show the configuration that the proxy rejected", istiod_log(rev, f"ACK ERROR|{pod.name}"))
        )
    if between is not None:
        return [*found, *connection_steps(facts, between)]
    if cause.fault is not None:  # a new pod has the same fault
        return [*found, *([change(cause.fix[0].upper() + cause.fix[1:])] if cause.fix else [])]
    log = kubectl("logs", pod.name, "-c", "istio-proxy", namespace=pod.namespace)
    return [*found, inspect("Show the log from its start", f"{log} | head -n 100"), _replace(pods)]


def _replace(pods: Sequence[Pod]) -> Action:
    """Delete only these pods: a restart of the Deployment would replace those that serve, too."""
    names, namespace = [each.name for each in pods], pods[0].namespace
    command = kubectl("delete", "pod", *names, namespace=namespace)
    one = len(pods) == 1
    expect = f"the ReplicaSet creates {'another pod' if one else 'other pods'}, Ready within a minute"
    what = f"{'Pod' if one else 'Pods'} {', '.join(f'{namespace}/{each}' for each in names)}"
    if any(each.ready for each in pods):
        title = f"Delete {what} if still not live after a minute; open connections are closed"
        return disrupt(title, command, TSG, expect)
    return change(f"Delete {what}, which get{'s' if one else ''} no traffic; the log is lost", command, TSG, expect)
