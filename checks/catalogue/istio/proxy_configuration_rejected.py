"""EG503: proxies of the gateway refused configuration, or istiod left part of it out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.engine.check import check
from checks.facts.istio_networking import ROOT_NAMESPACE, Gateway
from checks.facts.label_selectors import selects
from checks.facts.logs import IstiodLog
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.istio_logs import MERGE, PRIVILEGED_PORT, LogLine, Rejection, pushed, rejection
from checks.model.commands import ISTIO_EGW, TSG, change, istiod_log, kubectl, look
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn

SETTLED = timedelta(seconds=10)
"""A refusal follows its push within moments: a push this much later that brought none has been accepted."""


@dataclass(slots=True)
class _Said:
    """What the istiod logs say about proxies and Gateways, read once for the cluster."""

    rejections: dict[tuple[str, str], dict[str, tuple[Rejection, datetime | None, str]]] = field(default_factory=dict)
    """By pod and type: the newest refusal that no later push has put right, its time, and the log it stands in."""
    merges: dict[tuple[str, str], dict[str, tuple[LogLine, str]]] = field(default_factory=dict)
    """By (namespace, name) of the Gateway, "" where the line has no namespace: each text, its row, and its log."""
    ports: dict[tuple[str, str], dict[str, tuple[str, str]]] = field(default_factory=dict)
    """By pod: each privileged port that was skipped, the text and its log."""


@check(
    code="EG503",
    title="The gateway's proxies refused part of their configuration",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, IstiodLog, Gateway),
)
def proxy_configuration_rejected(facts: Facts) -> Iterator[Observation]:
    """What it checks: the last 2,000 lines of each istiod of the gateway's revisions. `ADS:…: ACK ERROR` with one of the
    gateway's pods fails, unless a later push of the same type brought no refusal. A line that leaves out a server of a
    Gateway in the gateway's namespace, or a port that the pods may not open, warns. Lines about credentials belong to
    credential-secret-missing. Skipped while no proxy has ever started.

    Why it matters: a proxy that refuses configuration keeps the last one that it accepted, so that a change never
    arrives, or never opens a listener at all.

    What usually fixes it: the object behind the named resource: often an EnvoyFilter, else a Gateway, DestinationRule or
    VirtualService that Envoy cannot carry out. The line ends with Envoy's own reason.

    Source: article, Istio step 2; Istio `pilot/pkg/xds` and `pilot/pkg/model/gateway.go`; domain.md 5.2.6 and 5.6."""
    pods = [pod for pod in facts.pods() if pod.proxy is not None and pod.proxy.started]
    if not pods:
        yield skip(f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running says why).")
        return
    said = facts.once("istiod's words", _said)
    logs = [log for log in facts.readable(IstiodLog, ROOT_NAMESPACE) if log.lines]
    count = 0
    for group in _refusals(said, pods):
        count += 1
        yield _refused(group)
    for pod in pods:
        for port, (line, source) in said.ports.get(pod.key, {}).items():
            count += 1
            yield _privileged(pod, port, line, source)
    if not facts.gap(IstiodLog, ROOT_NAMESPACE) and not logs:
        yield skip("No istiod of the gateway's revisions has written a log (istiod-unhealthy says whether one runs).")
        return
    if said.merges:
        for gateway in facts.in_namespace(Gateway, facts.gateway.namespace):
            if any(selects(gateway.selector, pod.labels) for pod in pods):
                found = list(_left_out(facts, gateway, said))
                count += len(found)
                yield from found
    facts.in_namespace(IstiodLog, ROOT_NAMESPACE)
    if not count:
        one = "the log of 1 istiod pod" if len(logs) == 1 else f"the logs of {len(logs)} istiod pods"
        yield healthy(f"No proxy of the gateway refused configuration, by {one}.")


def _said(facts: Facts) -> _Said:
    said = _Said()
    pushes: list[tuple[tuple[tuple[str, str], str] | None, datetime | None]] = []
    for log in sorted(facts.readable(IstiodLog, ROOT_NAMESPACE), key=lambda each: each.key):
        for line in log.lines:
            # Most lines say nothing of interest: cheap words first, expressions after.
            if "ACK ERROR" in line.text:
                _note(said, rejection(line.message), line.at, log.ref)
            elif "PUSH" in line.text:
                pushes.append((pushed(line.message), line.at))
            elif "skipping" in line.text:
                _skipped(said, line.message.replace("\t", " "), log.ref)
    # A proxy may reconnect to another istiod: pushes count whichever log they stand in.
    for push, at in pushes:
        _accepted(said, push, at)
    return said


def _note(said: _Said, found: Rejection | None, at: datetime | None, source: str) -> None:
    if found is None:
        return
    by_type = said.rejections.setdefault(found.pod, {})
    known = by_type.get(found.type)
    if known is None or known[1] is None or at is None or known[1] <= at:
        by_type[found.type] = (found, at, source)


def _accepted(said: _Said, push: tuple[tuple[str, str], str] | None, at: datetime | None) -> None:
    """Forgets a refusal that lies well before a push of the same type: refused again, it would be written again."""
    if push is None or at is None:
        return
    pod, kind = push
    known = said.rejections.get(pod, {}).get(kind)
    if known is not None and known[1] is not None and at - known[1] > SETTLED:
        del said.rejections[pod][kind]


def _skipped(said: _Said, message: str, source: str) -> None:
    if found := PRIVILEGED_PORT.pattern.search(message):
        name, _, namespace = found["proxy"].partition(".")
        said.ports.setdefault((namespace, name), {})[found["port"]] = (found[0], source)
        return
    for row in MERGE:
        if found := row.pattern.search(message):
            # Most releases write the Gateway's name alone, some its namespace before it.
            namespace, _, name = found["gateway"].rpartition("/")
            said.merges.setdefault((namespace, name), {})[found[0]] = (row, source)


@dataclass(frozen=True, slots=True)
class _Refusals:
    """The same refusal by one pod or several."""

    rejection: Rejection
    pods: tuple[Pod, ...]
    source: str
    at: datetime | None


def _refusals(said: _Said, pods: list[Pod]) -> list[_Refusals]:
    groups: dict[tuple[str, str, str], list[tuple[Pod, Rejection, datetime | None, str]]] = {}
    for pod in pods:
        by_type: Mapping[str, tuple[Rejection, datetime | None, str]] = said.rejections.get(pod.key, {})
        for found, at, source in by_type.values():
            groups.setdefault((found.type, found.code, found.detail), []).append((pod, found, at, source))
    return [
        _Refusals(
            group[0][1],
            tuple(pod for pod, _, _, _ in group),
            group[0][3],
            max((at for _, _, at, _ in group if at is not None), default=None),
        )
        for group in groups.values()
    ]


def _refused(group: _Refusals) -> Observation:
    found, pods = group.rejection, group.pods
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods)
    who = f"Pod {names}" if len(pods) == 1 else f"Pods {names}"
    last = f", last at {group.at:%Y-%m-%d %H:%M} UTC" if group.at is not None else ""
    first = pods[0]
    return fail(
        f"{who} refused {found.resources} from istiod{last}: {(found.detail or found.code).rstrip('.')}.",
        subject=", ".join(pod.ref for pod in pods),
        evidence=[
            Evidence(group.source, f"ADS:{found.type}: ACK ERROR", f"{found.code}: {found.detail}", "no such line"),
            *(Evidence(pod.ref, "xDS connection", f"{pod.name}.{pod.namespace}") for pod in pods),
        ],
        actions=[
            look("Read the whole refusal", istiod_log(first.revision, f"ACK ERROR.*{first.name}"), TSG),
            look(
                "List EnvoyFilters that may have made it",
                kubectl("get", "envoyfilters", "-A"),
            ),
            change(f"Correct or remove the object behind the refused {found.resources}, then look for a new line"),
        ],
        about=[
            *(Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods),
            *(Involved("revision", pod.revision) for pod in pods if pod.revision),
        ],
    )


def _privileged(pod: Pod, port: str, line: str, source: str) -> Observation:
    return warn(
        f"Istiod opens no listener on port {port} in {pod.ref}, because the pod may not bind ports below 1024.",
        subject=pod.ref,
        evidence=[Evidence(source, "skipping privileged gateway port", line)],
        actions=[
            look("Read the lines", istiod_log(pod.revision, "skipping privileged gateway port")),
            change(PRIVILEGED_PORT.fix[0].upper() + PRIVILEGED_PORT.fix[1:]),
        ],
        about=[Involved("pod", f"{pod.namespace}/{pod.name}"), Involved("revision", pod.revision)],
    )


def _left_out(facts: Facts, gateway: Gateway, said: _Said) -> Iterator[Observation]:
    revision = max(facts.gateway.revisions, default="")
    for namespace in (gateway.namespace, ""):
        for line, (row, source) in said.merges.get((namespace, gateway.name), {}).items():
            whose = gateway.ref if namespace else f"{gateway.ref}, or of a namesake, for the line has no namespace"
            yield warn(
                f"Istiod left out part of {whose}: {line}.",
                subject=gateway.ref,
                evidence=[Evidence(source, "line", line, "no such line")],
                actions=[
                    look("Read the lines", istiod_log(revision, f"skipping .*gateway .*{gateway.name}"), ISTIO_EGW),
                    look("Compare the Gateways by age", kubectl("get", "gateways.networking.istio.io", "-A")),
                    change(row.fix[0].upper() + row.fix[1:]),
                ],
                about=[Involved("revision", revision)],
            )
