"""Findings about addresses that should be outside the tunnel, with their fixes."""

from collections.abc import Callable, Iterator, Sequence

from checks.azure.cluster_upgrades import newer_components
from checks.facts.fact import before_unreadable
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.known_issues import LOCAL_DNS_TUNNELLED, SERVICES_TUNNELLED_WITH_CILIUM
from checks.model.commands import SEGDOC, alternatives, change, restart
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, warn
from checks.static_egress.components import CNI_MANAGER_SET, NAMESPACE, cni_manager
from checks.static_egress.egress_addresses import RESTORING_KUBERNETES
from checks.static_egress.operator_version import operator_version, written_version
from checks.static_egress.procedures import describe, patch_spec
from checks.static_egress.tunnelled_ranges import (
    LOCAL_DNS,
    SERVICES_OUTSIDE,
    TunnelledRange,
    exception_ranges,
    tunnelled_ranges,
)


def tunnel_findings(
    facts: Facts, configuration: StaticGatewayConfiguration, requests_fail: Callable[[], bool]
) -> Iterator[Observation]:
    """A finding for each kind of address.

    `requests_fail`: whether no recent request succeeds. A finding fails if it blocks, and requests fail or no pod is ready.

    A ready pod shows that its own network still works, for example because it is older than the setting. Raises Unreadable
    if the pods, or the logs that can show failing requests, were not read.
    """
    found, unread = before_unreadable(tunnelled_ranges(facts, configuration))
    # Those that block come last: a failed read of pods or logs hides whether they fail.
    found.sort(key=lambda each: each.severity is Severity.BLOCKS)
    pods = [p for p in facts.readable(Pod, facts.gateway.namespace) if p.deployment in facts.gateway.deployments]
    add = tuple(dict.fromkeys(cidr for each in found if not each.example for cidr in each.ranges))
    for each in found:
        summary = f"{configuration.ref} sends {each.what}: {each.consequence}."
        evidence = list(_evidence(facts, configuration, each))
        actions = _actions(facts, configuration, each, add)
        about = [Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods]
        if each.severity is Severity.BLOCKS and (not any(pod.ready for pod in facts.pods()) or requests_fail()):
            yield fail(summary, subject=configuration.ref, evidence=evidence, actions=actions, about=about)
        else:
            severity = Severity.RISKS if each.severity is Severity.RISKS else Severity.DEGRADES
            yield warn(
                summary, subject=configuration.ref, evidence=evidence, actions=actions, about=about, severity=severity
            )
    if unread is not None:
        raise unread


def _evidence(facts: Facts, configuration: StaticGatewayConfiguration, each: TunnelledRange) -> Iterator[Evidence]:
    excluded = ", ".join(configuration.exclude_cidrs) or "(empty)"
    if each.by_operator:
        version = operator_version(facts)
        yield Evidence(configuration.ref, "spec.defaultRoute", configuration.default_route, "staticEgressGateway")
        if version is not None:
            field = "the image tags of its DaemonSets"
            expected = f"{written_version(SERVICES_OUTSIDE)} or newer"
            yield Evidence("static egress operator", field, written_version(version), expected)
        return
    if each.through:
        yield Evidence(configuration.ref, "spec.excludeCidrs", ", ".join(each.through), f"not {', '.join(each.ranges)}")
        return
    yield Evidence(configuration.ref, "spec.excludeCidrs", excluded, ", ".join(each.ranges))
    exceptions = exception_ranges(cni_manager(facts)) or ()
    ref = f"DaemonSet {NAMESPACE}/{CNI_MANAGER_SET}"
    yield Evidence(ref, "--exception-cidrs", ", ".join(exceptions) or "(empty)", ", ".join(each.ranges))


def _actions(
    facts: Facts, configuration: StaticGatewayConfiguration, each: TunnelledRange, add: Sequence[str]
) -> list[Action]:
    """The fix of one finding.

    Its patch adds what all of them lack, because a merge patch replaces the list.
    """
    gateway = facts.gateway
    restarts = [restart(name, gateway.namespace) for name in gateway.deployments]
    if each.by_operator:
        return [
            describe(configuration),
            *alternatives(
                [
                    patch_spec(
                        configuration,
                        "Patch spec.defaultRoute to staticEgressGateway: everything outside the excluded ranges then uses the "
                        "gateway",
                        {"defaultRoute": "staticEgressGateway", "excludeCidrs": []},
                        "new pods reach Services without the tunnel",
                    ),
                    *restarts,
                ],
                newer_components(
                    facts,
                    RESTORING_KUBERNETES,
                    "whose operator keeps Services out of the tunnel",
                    f"the image tags of the DaemonSets are {written_version(SERVICES_OUTSIDE)} or newer",
                ),
            ),
            SERVICES_TUNNELLED_WITH_CILIUM.compare,
        ]
    if each.through:
        kept = [cidr for cidr in configuration.exclude_cidrs if cidr not in each.through]
        title = f"Patch spec.excludeCidrs without {', '.join(each.through)}; list only destinations of the gateway"
        return [describe(configuration), patch_spec(configuration, title, {"excludeCidrs": kept}, _EXPECT), *restarts]
    return [
        describe(configuration),
        *([_EXCLUDE_NETWORK] if each.example else [_exclude(configuration, add)]),
        *restarts,
        *([LOCAL_DNS_TUNNELLED.compare] if LOCAL_DNS in each.ranges else []),
    ]


_EXCLUDE_NETWORK = change(
    "Add the address ranges of the virtual network's subnets to spec.excludeCidrs, if the gateway's pods need them",
    url=SEGDOC,
)
_EXPECT = "new pods get the corrected routes"


def _exclude(configuration: StaticGatewayConfiguration, ranges: Sequence[str]) -> Action:
    title = f"Patch spec.excludeCidrs to add {', '.join(ranges)}"
    return patch_spec(configuration, title, {"excludeCidrs": [*configuration.exclude_cidrs, *ranges]}, _EXPECT)
