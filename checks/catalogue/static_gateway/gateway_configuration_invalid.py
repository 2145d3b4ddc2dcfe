"""EG403: the spec of the gateway's StaticGatewayConfiguration cannot work."""

import json
import re
from collections.abc import Iterator

from checks.check import Because, check
from checks.commands import SEGDOC, TSG, change, kubectl, look, quoted
from checks.configurations import CONTROLLER, NothingThere, configuration_of
from checks.facts.kubernetes import Event
from checks.facts.reading import number, text
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.knowledge.controller_events import cause_of, complaints
from checks.knowledge.known_issues import issue_actions
from checks.prefixes import covers_everything, parse_cidr

_PREFIX_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/publicIPPrefixes/[^/]+", re.IGNORECASE
)
ROUTES = ("staticEgressGateway", "azureNetworking")
_STOPPED = [Involved("component", CONTROLLER)]


@check(
    code="EG403",
    title="The StaticGatewayConfiguration's spec is invalid",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, Event),
    explains={
        "egress-prefix-unassigned": Because(
            "the controller reconciles nothing of a spec that it refuses, so no prefix comes", share="component"
        ),
        "gateway-server-profile-incomplete": Because(
            "the controller writes no status for a spec that it refuses", share="component"
        ),
        "pod-network-setup-fails": "a refused spec brings no prefix, and a range that is no CIDR breaks the pods' routes",
        "gateway-dataplane-not-ready": Because(
            "gateway nodes serve only what the controller has reconciled", share="component"
        ),
        "source-address-wrong": "the spec's routes lead traffic past the gateway",
    },
)
def gateway_configuration_invalid(facts: Facts) -> Iterator[Observation]:
    """What it looks at: the spec: exactly one of node pool and scale set, the id of an own prefix, each entry of
    excludeCidrs (a mask is required: `10.0.0.5` is accepted by the API server and then breaks every new pod), the default
    route, and a current InvalidSpec event. With defaultRoute azureNetworking the meaning of excludeCidrs turns round: only
    the listed ranges leave through the gateway, and none without a list. That is a warning, and without a list a failure.

    Why it matters: the controller does nothing with a spec that it refuses, pods get no network from ranges that are
    none, and routes that exclude everything lead all traffic past the gateway with another source address.

    What usually fixes it: editing the named field. Routes and ranges take effect in new pods only, so restart the gateway
    afterwards.

    Source: article SEG-1, SEG-6; kube-egress-gateway api/v1alpha1 and pkg/cni/routes."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
        return
    faults = [*_pool(configuration), *_own_prefix(configuration), *_routes(configuration)]
    yield from faults
    broken = any(fault.about for fault in faults)
    if not (broken and facts.gap(Event, configuration.namespace) is not None):
        refused = [] if broken else list(_refused(facts, configuration))
        yield from refused
        if not refused and not faults:
            yield healthy(f"The spec of {configuration.ref} is valid.")


def _pool(configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    scale_set = configuration.scale_set
    edit = '{"spec":{"gatewayNodepoolName":"GATEWAY_POOL","gatewayVmssProfile":null}}'
    if not configuration.pool and not scale_set:
        yield _fault(
            configuration,
            "names neither a node pool nor a scale set",
            "spec.gatewayNodepoolName",
            "(empty)",
            "a pool",
            edit,
        )
    elif configuration.pool and scale_set:
        yield _fault(
            configuration,
            "names a node pool and a scale set at once",
            "spec.gatewayVmssProfile",
            text(scale_set, "vmssName") or "{}",
            "only spec.gatewayNodepoolName",
            '{"spec":{"gatewayVmssProfile":null}}',
        )
    elif scale_set:
        yield from _scale_set(configuration, edit)


def _scale_set(configuration: StaticGatewayConfiguration, edit: str) -> Iterator[Observation]:
    scale_set = configuration.scale_set
    size = number(scale_set, "publicIpPrefixSize") or 0
    empty = [key for key in ("vmssResourceGroup", "vmssName") if not text(scale_set, key)]
    for key in empty:
        path = f"spec.gatewayVmssProfile.{key}"
        yield _fault(configuration, f"names a scale set without its {key}", path, "(empty)", "a name", edit)
    if not 0 <= size <= 31:
        path = "spec.gatewayVmssProfile.publicIpPrefixSize"
        yield _fault(configuration, f"asks for a public IP prefix of size {size}", path, str(size), "0 to 31", edit)
    elif not empty:
        yield warn(
            f"{configuration.ref} names a scale set, which is the open-source operator's way and not that of AKS.",
            subject=configuration.ref,
            evidence=[Evidence(configuration.ref, "spec.gatewayVmssProfile", "set", "spec.gatewayNodepoolName")],
            actions=[_show(configuration), _edit(configuration, edit)],
        )


def _own_prefix(configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    prefix = configuration.public_ip_prefix_id
    drop = '{"spec":{"publicIpPrefixId":null}}'
    if prefix and not configuration.provisions_public_ips:
        yield _fault(
            configuration,
            "asks for private addresses and names a public IP prefix",
            "spec.publicIpPrefixId",
            prefix,
            "(empty) with provisionPublicIps false",
            drop,
        )
    elif prefix and not _PREFIX_ID.fullmatch(prefix):
        yield _fault(
            configuration,
            "names a public IP prefix by something that is no id of one",
            "spec.publicIpPrefixId",
            prefix,
            "/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/publicIPPrefixes/…",
            drop,
        )


def _routes(configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    cidrs = configuration.exclude_cidrs
    networks = {cidr: parse_cidr(cidr) for cidr in cidrs}
    for cidr, network in networks.items():
        if network is None:
            yield _bad_cidr(configuration, cidr)
    if configuration.default_route not in ROUTES:
        yield _route(configuration, f"has the unknown default route {configuration.default_route}")
    elif configuration.default_route == "azureNetworking" and not cidrs:
        yield _route(
            configuration, "sends nothing through the gateway: its default route is Azure's, and it lists no range"
        )
    elif configuration.default_route == "azureNetworking":
        yield warn(
            f"{configuration.ref} sends only the ranges of spec.excludeCidrs through the gateway.",
            subject=configuration.ref,
            evidence=[
                Evidence(configuration.ref, "spec.defaultRoute", "azureNetworking", "staticEgressGateway"),
                Evidence(configuration.ref, "spec.excludeCidrs", ", ".join(cidrs)),
            ],
            actions=[_show(configuration), _edit(configuration, '{"spec":{"defaultRoute":"staticEgressGateway"}}')],
        )
    elif covers_everything(n for n in networks.values() if n is not None):
        yield _everything(configuration)
    if six := [cidr for cidr, network in networks.items() if network is not None and network.version == 6]:
        yield warn(
            f"{configuration.ref} excludes IPv6 ranges, which the gateway does not know.",
            subject=configuration.ref,
            evidence=[Evidence(configuration.ref, "spec.excludeCidrs", ", ".join(six), "IPv4 CIDRs")],
            actions=[_show(configuration)],
        )


def _bad_cidr(configuration: StaticGatewayConfiguration, cidr: str) -> Observation:
    mendable = parse_cidr(f"{cidr}/32") is not None
    return fail(
        f'{configuration.ref} excludes "{cidr}", which is no CIDR, so no new pod gets its routes.',
        subject=configuration.ref,
        evidence=[Evidence(configuration.ref, "spec.excludeCidrs", cidr, f"{cidr}/32" if mendable else "a CIDR")],
        actions=[
            _show(configuration),
            _exclude(
                configuration,
                [
                    f"{cidr}/32" if each == cidr else each
                    for each in configuration.exclude_cidrs
                    if each != cidr or mendable
                ],
            ),
        ],
    )


def _route(configuration: StaticGatewayConfiguration, what: str) -> Observation:
    return fail(
        f"{configuration.ref} {what}.",
        subject=configuration.ref,
        evidence=[
            Evidence(configuration.ref, "spec.defaultRoute", configuration.default_route, "staticEgressGateway"),
            Evidence(configuration.ref, "spec.excludeCidrs", ", ".join(configuration.exclude_cidrs) or "(empty)"),
        ],
        actions=[_show(configuration), _edit(configuration, '{"spec":{"defaultRoute":"staticEgressGateway"}}')],
    )


def _everything(configuration: StaticGatewayConfiguration) -> Observation:
    return fail(
        f"{configuration.ref} excludes the whole Internet, so all traffic goes past the gateway.",
        subject=configuration.ref,
        evidence=[
            Evidence(
                configuration.ref,
                "spec.excludeCidrs",
                ", ".join(configuration.exclude_cidrs),
                "only ranges that are reached without the gateway",
            )
        ],
        actions=[
            _show(configuration),
            _exclude(configuration, [cidr for cidr in configuration.exclude_cidrs if not _half(cidr)]),
            *issue_actions("gateway-configuration-invalid"),
        ],
    )


def _refused(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    """An InvalidSpec about the spec as it is now: what the controller knows and the fields above do not show."""
    changed = configuration.spec_changed
    for event in complaints(facts.events_on(configuration)):
        if event.reason != "InvalidSpec" or (changed and event.last and event.last < changed):
            continue
        meaning = cause_of(event.message).meaning
        yield fail(
            f"The controller refuses the spec of {configuration.ref}: {meaning or event.message}.",
            subject=configuration.ref,
            evidence=[Evidence(configuration.ref, "event InvalidSpec", event.message, "(none)")],
            actions=[
                _show(configuration),
                change(
                    "Correct the field that the event names",
                    kubectl(
                        "edit", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace
                    ),
                    SEGDOC,
                    "a newer event says Reconciling, later Reconciled",
                ),
            ],
            about=_STOPPED,
        )
        return


def _fault(
    configuration: StaticGatewayConfiguration, what: str, path: str, observed: str, expected: str, edit: str
) -> Observation:
    """A spec that the controller refuses: nothing of it is reconciled."""
    return fail(
        f"{configuration.ref} {what}.",
        subject=configuration.ref,
        evidence=[Evidence(configuration.ref, path, observed, expected)],
        actions=[_show(configuration), _edit(configuration, edit)],
        about=_STOPPED,
    )


def _show(configuration: StaticGatewayConfiguration) -> Action:
    return look(
        "See the spec and the controller's events",
        kubectl("describe", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace),
        TSG,
    )


def _exclude(configuration: StaticGatewayConfiguration, cidrs: list[str]) -> Action:
    return change(
        "Correct the excluded ranges, then restart the gateway if it has running pods",
        kubectl("patch", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace)
        + f" --type merge -p {quoted(json.dumps({'spec': {'excludeCidrs': cidrs}}))}",
        SEGDOC,
        "waiting pods get their network within a minute; running ones keep their routes until they are replaced",
    )


def _half(cidr: str) -> bool:
    """Whether a range is the whole Internet or half of it."""
    network = parse_cidr(cidr)
    return network is not None and network.version == 4 and network.prefixlen <= 1


def _edit(configuration: StaticGatewayConfiguration, patch: str) -> Action:
    note = " (write the gateway pool's name for GATEWAY_POOL)" if "GATEWAY_POOL" in patch else ""
    return change(
        f"Correct the spec{note}; a changed route needs a restart of the gateway",
        kubectl("patch", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace)
        + f" --type merge -p {quoted(patch)}",
        SEGDOC,
    )
