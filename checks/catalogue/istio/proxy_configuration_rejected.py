"""EG503: proxies of the gateway rejected configuration, or istiod left part of it out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from checks.engine.check import Because, check
from checks.facts.istio_networking import ROOT_NAMESPACE, EnvoyFilter, Gateway
from checks.facts.label_selectors import selects
from checks.facts.logs import IstiodLog
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.filter_removal import delete_filter, naming_filters
from checks.istio.istiod_log_lines import IstiodLogLines, read_istiod_logs
from checks.knowledge.istiod_logs import PRIVILEGED_PORT, Rejection
from checks.model.commands import ISTIO_EGW, TSG, change, inspect, istiod_log, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn


@check(
    code="EG503",
    title="The gateway's proxies rejected part of their configuration",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, IstiodLog, Gateway, EnvoyFilter),
    explains={
        "traffic-failing": Because("the proxies use older configuration, or none, for what was rejected", succeeds=True)
    },
)
def proxy_configuration_rejected(facts: Facts) -> Iterator[Observation]:
    """What it checks: the last 2,000 log lines of each istiod pod of the gateway's revisions. `ADS:…: ACK ERROR` (NACK) of
    one of the gateway's pods fails, unless a later push of the same type was accepted. A line about an ignored server of a
    Gateway in the gateway's namespace, or about a port that the pods may not bind, warns. Lines about credentials belong to
    credential-secret-missing. Messages of istiod's own analysis (from 1.30 on) about objects of the namespace are evidence:
    other checks decide about these objects. It does not apply while no proxy has ever started.

    Why it matters: a proxy that rejects configuration keeps the last accepted one, so a change has no effect or a listener
    never opens.

    What usually fixes it: the object that produces the named resource: often an EnvoyFilter, otherwise a Gateway,
    DestinationRule or VirtualService that Envoy rejects. The line ends with Envoy's reason.

    Source: article IST-2; Istio `pilot/pkg/xds` and `pilot/pkg/model/gateway.go`; docs/domain/istio.md#gateway-merging;
    docs/domain/istio.md#log-lines."""
    pods = [pod for pod in facts.pods() if pod.proxy is not None and pod.proxy.started]
    if not pods:
        yield skip(f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running).")
        return
    found_lines = facts.once("istiod log lines about proxies", read_istiod_logs)
    logs = [log for log in facts.readable(IstiodLog, ROOT_NAMESPACE) if log.lines]
    count = 0
    for group in _nacks(found_lines, pods):
        count += 1
        yield _rejected(facts, group)
    for pod in pods:
        for port, (line, source) in found_lines.ports.get(pod.key, {}).items():
            count += 1
            yield _privileged(pod, port, line, source)
    if not facts.gap(IstiodLog, ROOT_NAMESPACE) and not logs:
        yield skip("No istiod of the gateway's revisions has a log (istiod-unhealthy).")
        return
    if found_lines.merges:
        for gateway in facts.in_namespace(Gateway, facts.gateway.namespace):
            if any(selects(gateway.selector, pod.labels) for pod in pods):
                found = list(_left_out(facts, gateway, found_lines))
                count += len(found)
                yield from found
    facts.in_namespace(IstiodLog, ROOT_NAMESPACE)
    if not count:
        where = "the log of 1 istiod pod" if len(logs) == 1 else f"the logs of {len(logs)} istiod pods"
        analysis = list(_analysis(facts, found_lines))
        note = (
            f"; istiod's analysis has messages about objects of namespace {facts.gateway.namespace}" if analysis else ""
        )
        yield healthy(f"No rejected configuration (NACK) in {where}{note}.", evidence=analysis[:20])


def _analysis(facts: Facts, found_lines: IstiodLogLines) -> Iterator[Evidence]:
    """The messages of istiod's own analysis about objects of the gateway's namespace."""
    for (kind, namespace, name), messages in sorted(found_lines.analysis.items()):
        if namespace == facts.gateway.namespace:
            for text, (code, source) in sorted(messages.items()):
                yield Evidence(f"{kind} {namespace}/{name}", f"{code} in {source}", text)


@dataclass(frozen=True, slots=True)
class _Nacks:
    """The same NACK of one or several pods."""

    rejection: Rejection
    pods: tuple[Pod, ...]
    source: str
    at: datetime | None


def _nacks(found_lines: IstiodLogLines, pods: list[Pod]) -> list[_Nacks]:
    groups: dict[tuple[str, str, str], list[tuple[Pod, Rejection, datetime | None, str]]] = {}
    for pod in pods:
        by_type: Mapping[str, tuple[Rejection, datetime | None, str]] = found_lines.rejections.get(pod.key, {})
        for found, at, source in by_type.values():
            groups.setdefault((found.type, found.code, found.detail), []).append((pod, found, at, source))
    return [
        _Nacks(
            group[0][1],
            tuple(pod for pod, _, _, _ in group),
            group[0][3],
            max((at for _, _, at, _ in group if at is not None), default=None),
        )
        for group in groups.values()
    ]


def _rejected(facts: Facts, group: _Nacks) -> Observation:
    found, pods = group.rejection, group.pods
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods)
    who = f"Pod {names}" if len(pods) == 1 else f"Pods {names}"
    last = f", last at {group.at:%Y-%m-%d %H:%M} UTC" if group.at is not None else ""
    first = pods[0]
    named = tuple(naming_filters(facts, first, found.detail))
    return fail(
        f"{who} rejected {found.resources} from istiod{last}: {(found.detail or found.code).rstrip('.')}.",
        subject=", ".join(pod.ref for pod in pods),
        evidence=[
            Evidence(group.source, f"ADS:{found.type}: ACK ERROR", f"{found.code}: {found.detail}", "no such line"),
            *(Evidence(pod.ref, "xDS connection", f"{pod.name}.{pod.namespace}") for pod in pods),
            *(Evidence(each.ref, "spec.configPatches", name, "a name that Envoy knows") for each, name in named),
        ],
        actions=[
            inspect("Show the whole NACK", istiod_log(first.revision, f"ACK ERROR.*{first.name}"), TSG),
            *(delete_filter(each, f"which contains {name}, the rejected name") for each, name in named),
            *(() if named else _unnamed(found.resources)),
        ],
        about=[
            *(Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods),
            *(Involved("revision", pod.revision) for pod in pods if pod.revision),
        ],
    )


def _unnamed(resources: str) -> Iterator[Action]:
    yield inspect("List the EnvoyFilters, a possible cause", kubectl("get", "envoyfilters", "-A"))
    yield change(f"Correct or delete the object that produces the rejected {resources}; a NACK is logged for each push")


def _privileged(pod: Pod, port: str, line: str, source: str) -> Observation:
    return warn(
        f"Istiod opens no listener on port {port} in {pod.ref}: the pod may not bind ports below 1024.",
        subject=pod.ref,
        evidence=[Evidence(source, "skipping privileged gateway port", line)],
        actions=[
            inspect("Show the lines", istiod_log(pod.revision, "skipping privileged gateway port")),
            change(PRIVILEGED_PORT.fix[0].upper() + PRIVILEGED_PORT.fix[1:]),
        ],
        about=[Involved("pod", f"{pod.namespace}/{pod.name}"), Involved("revision", pod.revision)],
    )


def _left_out(facts: Facts, gateway: Gateway, found_lines: IstiodLogLines) -> Iterator[Observation]:
    revision = max(facts.gateway.revisions, default="")
    for namespace in (gateway.namespace, ""):
        for line, (row, source) in found_lines.merges.get((namespace, gateway.name), {}).items():
            whose = (
                gateway.ref
                if namespace
                else f"{gateway.ref}, or of a Gateway with the same name (the line has no namespace)"
            )
            yield warn(
                f"Istiod left out part of {whose}: {line}.",
                subject=gateway.ref,
                evidence=[Evidence(source, "line", line, "no such line")],
                actions=[
                    inspect("Show the lines", istiod_log(revision, f"skipping .*gateway .*{gateway.name}"), ISTIO_EGW),
                    inspect("List the Gateways with their age", kubectl("get", "gateways.networking.istio.io", "-A")),
                    change(row.fix[0].upper() + row.fix[1:]),
                ],
                about=[Involved("revision", revision)],
            )
