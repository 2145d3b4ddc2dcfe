"""Findings about a component of the static egress gateway: no ready pod, faults on nodes."""

from collections.abc import Iterable
from datetime import datetime

from checks.azure.node_outbound import with_node_path
from checks.facts.events import Event
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.refusals import WEBHOOK, refusal_reason
from checks.kubernetes.create_refusals import component_refusals
from checks.kubernetes.times_of_faults import first_of, unready_since
from checks.model.commands import KEGTS, TSG, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, warn
from checks.static_egress.component_fixes import component_fixes
from checks.static_egress.component_state import NodeFault, on_nodes
from checks.static_egress.components import Component
from checks.static_egress.pod_moves import moved_pods, returned_nodes


def none_ready(component: Component) -> bool:
    """Whether the component should have pods and none of them is ready."""
    daemon_set = component.daemon_set
    wanted = daemon_set is not None and (daemon_set.desired > 0 or bool(component.pods))
    return wanted and not any(pod.ready for pod in component.pods.values())


def no_ready_pod(facts: Facts, component: Component, faults: list[NodeFault], about: Iterable[Involved]) -> Observation:
    """The failure of a component without a ready pod."""
    refused, involved = _refusals(facts, component)
    desired = component.daemon_set.desired if component.daemon_set is not None else 0
    counted = Evidence(component.ref, "status.numberReady", "0", str(desired or "1 or more"))
    where = " on the gateway's nodes" if any(one.kind == "pool" for one in about) else ""
    reasons = "; ".join(dict.fromkeys(each.why for each in faults if each.why))
    return fail(
        f"{component.ref} has no ready pod{where}{f': {reasons}' if reasons else ''}.",
        subject=component.ref,
        evidence=[counted, *refused, *(line for each in faults for line in each.evidence)],
        actions=_actions(facts, component, faults),
        about=[Involved("component", component.short), *about, *involved],
        since=_since(faults),
    )


def no_working_pod(
    facts: Facts, component: Component, faults: list[NodeFault], pool: str, about: Iterable[Involved]
) -> Observation:
    """The failure of a component whose ready pods all report why their node serves nothing.

    Source: docs/rulings.md#ruling-42.
    """
    reported = [each.reported for each in faults if each.reported is not None]
    meanings = "; ".join(dict.fromkeys(each.meaning for each in reported))
    actions = _actions(facts, component, faults)
    return fail(
        f"On every node of gateway node pool {pool} the {component.short} reports: {meanings}.",
        subject=component.ref,
        evidence=[line for each in faults for line in each.evidence],
        actions=actions,
        about=[Involved("component", component.short), *about],
    )


def component_finding(
    facts: Facts, component: Component, faults: list[NodeFault], blocks: bool, about: Iterable[Involved] = ()
) -> Observation:
    """One finding for faults on several nodes: a failure if it blocks, otherwise a warning."""
    missing = any(each.pod is None for each in faults)
    refused, involved = _refusals(facts, component) if missing else ([], [])
    by_what: dict[str, list[str]] = {}
    for each in faults:
        by_what.setdefault(each.what, []).append(each.node)
    parts = [
        f"Node{'s' if len(n) > 1 else ''} {', '.join(n)} {'have' if len(n) > 1 else 'has'} {what}"
        for what, n in by_what.items()
    ]
    summary = "; ".join([parts[0], *(part[0].lower() + part[1:] for part in parts[1:])]) + "."
    evidence = [*(line for each in faults for line in each.evidence), *refused]
    actions = _actions(facts, component, faults)
    everything = [
        Involved("component", component.short),
        *on_nodes(component.short, [each.node for each in faults]),
        *about,
        *involved,
    ]
    since = _since(faults)
    if blocks:
        return fail(summary, subject=component.ref, evidence=evidence, actions=actions, about=everything, since=since)
    down = any(each.down or (each.reported is not None and each.reported.of_node) for each in faults)
    severity = Severity.DEGRADES if down else Severity.RISKS
    return warn(
        summary,
        subject=component.ref,
        evidence=evidence,
        actions=actions,
        about=everything,
        severity=severity,
        since=since,
    )


def _since(faults: Iterable[NodeFault]) -> datetime | None:
    return first_of(unready_since(each.pod) for each in faults if each.pod is not None)


def _refusals(facts: Facts, component: Component) -> tuple[list[Evidence], list[Involved]]:
    """Return the reasons why its pods are not created, and the webhooks that deny them."""
    if component.daemon_set is None or facts.gap(Event, component.namespace):
        return [], []
    refusals = component_refusals(facts, [component.daemon_set])
    reasons = [found for each in refusals if (found := refusal_reason(each.message)) is not None]
    involved = [Involved("webhook", name) for reason, name in reasons if reason.kind == WEBHOOK]
    return [Evidence(each.ref, each.field, each.message, "its pods are created") for each in refusals], involved


def _show_pod(component: Component, pod: Pod) -> Action:
    """Show the log of a component's pod, or its events if the container has no log."""
    if any(each.name == component.container and not each.started for each in pod.containers):
        describe = kubectl("describe", "pod", pod.name, namespace=component.namespace)
        return inspect(f"Describe its pod on {pod.node}, which has no log yet", describe, KEGTS)
    logs = kubectl("logs", pod.name, "-c", component.container, "--tail=200", namespace=component.namespace)
    return inspect(f"Show its log on {pod.node}", logs, KEGTS)


def _actions(facts: Facts, component: Component, faults: list[NodeFault]) -> list[Action]:
    """The fixes of the faults, and commands that show more.

    Gateway pods that wait for a cni-manager are moved to a node whose cni-manager works. Pods that the API server refuses
    have the fix in the finding about the refusal.
    """
    namespace = component.namespace
    show = kubectl("get", "daemonsets,pods", "-o", "wide", namespace=namespace)
    looks = [inspect("List both DaemonSets and their pods", show, TSG)]
    pod = next((each.pod for each in faults if each.pod is not None), None)
    if pod is not None:
        looks.insert(0, _show_pod(component, pod))
    else:
        describe = kubectl("describe", "daemonset", component.name, namespace=namespace)
        looks.insert(0, inspect("Describe the DaemonSet, which reports why pods are not created", describe, KEGTS))
    down = [each.node for each in faults if each.down]
    missing = all(each.pod is None for each in faults)
    refused, _ = _refusals(facts, component) if missing else ([], [])
    fixes = [] if refused else component_fixes(facts, component, faults)
    fixes = with_node_path(facts, fixes, [each.node for each in faults])
    replaced = any("delete-machines" in each.command for each in fixes)
    back = returned_nodes(facts, component, down) if fixes and not replaced else []
    return [*moved_pods(facts, component, down), *fixes, *back, *looks]
