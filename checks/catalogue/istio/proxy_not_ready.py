"""EG502: a proxy of the gateway runs but is not ready."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from checks.engine.check import Because, check
from checks.facts.logs import LogText, ProxyLog
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.istio_logs import LogLine, Readiness, readiness, trouble, why_not_ready
from checks.model.commands import TSG, change, istiod_log, kubectl, look, restart
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import moment

STARTING = timedelta(seconds=30)
"""A first start takes a few seconds: two periods of the chart's readiness probe (15 s) are given."""


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A gateway pod whose proxy has started, and what its log says last about readiness."""

    pod: Pod
    log: LogText | None
    said: Readiness | None

    @property
    def not_ready(self) -> bool:
        """The newest word counts; where the log has none, the kubelet's own probe of the same endpoint does."""
        if self.said is not None and not self.said.ready:
            return not (self.pod.ready and self._became_ready_later(self.said))
        container = self.pod.proxy
        return not self.pod.ready and container is not None and not container.ready and self.running

    @property
    def running(self) -> bool:
        return self.pod.proxy is not None and self.pod.proxy.running_since is not None

    def _became_ready_later(self, said: Readiness) -> bool:
        since = moment(self.pod.condition("Ready"), "lastTransitionTime")
        return since is not None and said.line.at is not None and said.line.at < since


@check(
    code="EG502",
    title="A proxy of the gateway is not ready",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, ProxyLog),
    explains={
        "gateway-pods-not-running": Because(
            "the pod runs, but the kubelet does not count it as ready while its proxy says that it is not", share="pod"
        ),
    },
)
def proxy_not_ready(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Ready condition of the gateway's pods and the newest of `Envoy proxy is ready` and `Envoy proxy
    is NOT ready: …` in the last 500 lines of each `istio-proxy`. A proxy whose newest word is NOT ready fails, and so
    does one that the kubelet's probe finds not ready. A ready pod without either line passes: the line is written once
    for each start, and logs rotate. A log that cannot be read leaves a ready pod unknown. Skipped while no proxy has
    ever started.

    Why it matters: a proxy that is not ready gets no traffic, and what it says tells whether istiod cannot be reached,
    its configuration was refused, or its certificate cannot be made.

    What usually fixes it: what the line names: istiod and the way to its port 15012, the refused object, or the
    certificate authority. A restart helps only after that.

    Source: article, Istio step 2; Istio `pkg/istio-agent` and `pilot/cmd/pilot-agent/status`; domain.md 5.6."""
    pods = facts.pods()
    started = [pod for pod in pods if pod.proxy is not None and pod.proxy.started]
    if not started:
        yield skip(_nothing(facts, pods))
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
        # A log that could not be read may hold a newer word than the condition: this pod is not known to be well.
        if each not in failing and each.log is None:
            facts.get(ProxyLog, each.pod.name, each.pod.namespace)
    if not failing:
        yield _well(proxies)


def _proxy(pod: Pod, log: LogText | None) -> _Proxy:
    return _Proxy(pod, log, readiness(log) if log is not None else None)


def _nothing(facts: Facts, pods: tuple[Pod, ...]) -> str:
    if not pods:
        return (
            f"Egress gateway {facts.gateway} has no pods (gateway-pods-not-running, deployment-not-available say why)."
        )
    return f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running says why)."


def _cause(proxy: _Proxy) -> LogLine:
    if proxy.said is not None and not proxy.said.ready:
        return why_not_ready(proxy.said.reason)
    if proxy.log is None:
        return why_not_ready("the readiness probe fails, and the log could not be read")
    seen = trouble(proxy.log)
    return seen[0][0] if seen else why_not_ready("the readiness probe fails, and the log does not say why")


def _well(proxies: list[_Proxy]) -> Observation:
    waiting = [each.pod.name for each in proxies if not each.pod.ready]
    if len(waiting) == len(proxies):
        return skip(
            f"No proxy says that it is not ready, yet no pod is Ready: {', '.join(waiting)} "
            "(gateway-pods-not-running says why)."
        )
    unheard = [each.pod.name for each in proxies if each.said is None and each.pod.ready]
    ready = sum(1 for each in proxies if each.pod.ready)
    note = f"; the line is not in the log window of {', '.join(unheard)}" if unheard else ""
    one = "1 proxy is ready" if ready == 1 else f"{ready} proxies are ready"
    return healthy(f"{one}{note}.")


def _finding(facts: Facts, group: list[_Proxy]) -> Observation:
    cause = _cause(group[0])
    names = ", ".join(each.pod.key[0] + "/" + each.pod.name for each in group)
    what = f"Pod {names} is" if len(group) == 1 else f"Pods {names} are"
    evidence = [line for each in group for line in _evidence(each)]
    about = [Involved("pod", f"{each.pod.namespace}/{each.pod.name}") for each in group]
    about += [Involved("revision", each.pod.revision) for each in group if each.pod.revision]
    summary = f"{what} not ready: {cause.meaning}."
    subject = ", ".join(each.pod.ref for each in group)
    if all(_just_started(facts, each) for each in group):
        return warn(
            f"{summary[:-1]}; the proxy started less than {STARTING.seconds} seconds ago.",
            subject=subject,
            evidence=evidence,
            actions=_actions(group[0].pod, cause)[:1],
            about=about,
            severity=Severity.DEGRADES,
            pending=True,
        )
    return fail(summary, subject=subject, evidence=evidence, actions=_actions(group[0].pod, cause), about=about)


def _just_started(facts: Facts, proxy: _Proxy) -> bool:
    container = proxy.pod.proxy
    if container is None or container.restarts or container.running_since is None:
        return False
    return facts.now - container.running_since < STARTING


def _evidence(proxy: _Proxy) -> Iterator[Evidence]:
    pod = proxy.pod
    yield Evidence(pod.ref, "status.conditions[Ready]", "True" if pod.ready else "False", "True")
    if proxy.log is None:
        yield Evidence(pod.ref, "log of istio-proxy", "could not be read")
        return
    if proxy.said is not None and not proxy.said.ready:
        yield Evidence(
            proxy.log.ref, "newest line about readiness", f"Envoy proxy is NOT ready: {proxy.said.reason}", "is ready"
        )
    for row, line in trouble(proxy.log):
        if proxy.said is None or not proxy.said.ready or line != proxy.said.line:
            yield Evidence(proxy.log.ref, row.meaning, line.message.replace("\t", " "))


def _actions(pod: Pod, cause: LogLine) -> list[Action]:
    found = [
        look(
            "Read the proxy's log",
            kubectl("logs", pod.name, "-c", "istio-proxy", "--tail=500", namespace=pod.namespace)
            + " | grep -E 'ready|error|warn'",
            TSG,
        )
    ]
    rev = pod.revision
    if cause.maps_to == "istiod-unhealthy" and rev:
        found.append(
            look(
                f"Look at istiod of {rev}",
                kubectl(
                    "get", "pods", "-l", f"app=istiod,istio.io/rev={rev}", "-o", "wide", namespace="aks-istio-system"
                ),
            )
        )
    if cause.maps_to == "proxy-configuration-rejected" and rev:
        found.append(look("Find what istiod sent and the proxy refused", istiod_log(rev, f"ACK ERROR|{pod.name}")))
    if cause.fix:
        found.append(change(cause.fix[0].upper() + cause.fix[1:]))
    else:
        log = kubectl("logs", pod.name, "-c", "istio-proxy", namespace=pod.namespace)
        found.append(look("Read the log from its start", f"{log} | head -n 100"))
    owner = pod.owner[1].rpartition("-")[0] if pod.owner[0] == "ReplicaSet" else ""
    return [*found, restart(owner, pod.namespace)] if owner else found
