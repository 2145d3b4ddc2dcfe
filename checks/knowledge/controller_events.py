"""What the static egress gateway's controller writes on a StaticGatewayConfiguration: reasons and texts of its events.

Its log is out of reach on AKS, so these events are all it says (domain.md 3.1; kube-egress-gateway controllers/manager).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from checks.facts.events import Event
from checks.knowledge.azure_errors import AzureError, code_of, error_in

CONFIGURATION, BALANCER, MACHINES = (
    "staticGatewayConfiguration-controller",
    "gatewayLBConfiguration-controller",
    "gatewayVMConfiguration-controller",
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One event reason. `settles`: it ends what the same controller complained of before."""

    name: str
    controller: str
    meaning: str
    complains: bool = False
    settles: bool = False


REASONS: tuple[Reason, ...] = (
    Reason("InvalidSpec", CONFIGURATION, "nothing is reconciled until the spec is edited", complains=True),
    Reason("ReconcileError", CONFIGURATION, "the key's Secret or a child object could not be created", complains=True),
    # Written even in a pass that also recorded an error: no sign of health, and it settles nothing but InvalidSpec.
    Reason("Reconciling", CONFIGURATION, "the controller has looked at it, and there is no prefix yet"),
    Reason("Reconciled", CONFIGURATION, "the prefix has been assigned", settles=True),
    Reason("ReconcileGatewayLBConfigurationError", BALANCER, "the load balancer or pool failed", complains=True),
    Reason("ReconcileGatewayLBConfigurationSuccess", BALANCER, "the load balancer is set up", settles=True),
    Reason("EnsureDeleteGatewayLBConfigurationError", BALANCER, "its load balancer rule stays", complains=True),
    Reason("ReconcileGatewayVMConfigurationError", MACHINES, "prefix, scale set or NIC failed", complains=True),
    Reason("ReconcileGatewayVMConfigurationSuccess", MACHINES, "the gateway nodes are set up", settles=True),
    Reason("EnsureDeleteGatewayVMConfigurationError", MACHINES, "prefix or node addresses stay", complains=True),
)
_BY_NAME = {each.name: each for each in REASONS}


@dataclass(frozen=True, slots=True)
class ControllerText:
    """A text inside an event: what it means, the check that finds the fault itself ("" where none does), what helps."""

    pattern: re.Pattern[str]
    meaning: str
    maps_to: str
    fix: str


def _row(pattern: str, meaning: str, maps_to: str, fix: str) -> ControllerText:
    return ControllerText(re.compile(pattern, re.IGNORECASE), meaning, maps_to, fix)


_POOL, _SPEC, _PREFIX = "gateway-pool-missing", "gateway-configuration-invalid", "own-prefix-unusable"
_SUPPORT = "Open a support request with this text; do not edit resources of the node resource group"
_RECREATE = "Give the gateway a new configuration; do not edit resources of the node resource group"
_AGAIN = "Wait; the controller tries again by itself"

TEXTS: tuple[ControllerText, ...] = (
    # validation of the spec
    _row(r"Either GatewayNodepoolName or GatewayVmssProfile must be provided", "no pool is named", _SPEC, "Name one"),
    _row(r"Only one of GatewayNodepoolName and GatewayVmssProfile", "two pools are named", _SPEC, "Keep only the pool"),
    _row(
        r"Gateway vmss resource group is empty|Gateway vmss name is empty",
        "the scale set is not fully named",
        _SPEC,
        "Name a node pool instead",
    ),
    _row(
        r"public ip prefix size should be between 0 and 31",
        "the prefix size is out of range",
        _SPEC,
        "Name a node pool instead",
    ),
    _row(
        r"PublicIpPrefixId should be empty when ProvisionPublicIps is false",
        "private addresses and a public prefix are asked for at once",
        _SPEC,
        "Remove one of the two",
    ),
    # the pool and its load balancer
    _row(
        r"gateway agent pool not found|gateway VMSS not found",
        "no scale set or machine of the node resource group belongs to the named pool",
        _POOL,
        "Name a pool of mode Gateway that exists and has nodes",
    ),
    _row(
        r"nodepool does not have IP prefix size|failed to parse nodepool IP prefix size",
        "the pool carries no prefix size, so it is not of mode Gateway, or a tag policy took the tag away",
        _POOL,
        "Create a pool of mode Gateway with a prefix size",
    ),
    _row(r"gateway node pool does not have UID", "the scale set has no unique id", "", _AGAIN),
    _row(
        r"lb property is empty|found frontend\(\w*\) with unexpected configuration|frontend ip not found even after",
        "the load balancer kubeegressgateway-ilb has been changed by hand, or Azure updated it only in part",
        "",
        _RECREATE,
    ),
    _row(
        r"found rule with invalid LB port",
        "the load balancer kubeegressgateway-ilb carries a foreign rule",
        "",
        "Remove the rule that somebody added to kubeegressgateway-ilb",
    ),
    _row(
        r"No available ports",
        "1000 configurations use all of the ports 6000 to 6999",
        "",
        "Delete configurations that nothing uses",
    ),
    # public IP prefixes
    _row(
        r"failed to parse public ip prefix id",
        "spec.publicIpPrefixId is no id of a public IP prefix",
        _SPEC,
        "Write the whole id of the prefix",
    ),
    _row(
        r"public ip prefix subscription\(.*is not in the same subscription",
        "the own prefix lies in another subscription than the cluster",
        _PREFIX,
        "Use a prefix of the cluster's subscription",
    ),
    _row(
        r"failed to get public ip prefix\(",
        "the own public IP prefix cannot be read",
        _PREFIX,
        "Let the cluster's identity read and join the prefix",
    ),
    _row(
        r"provided public ip prefix has invalid length",
        "the own prefix has another length than the pool's prefix size",
        _PREFIX,
        "Use a prefix whose length is the pool's prefix size",
    ),
    _row(r"public ip prefix(\(.*\))? has empty properties", "Azure answered without content", "", _AGAIN),
    _row(
        r"failed to (get|create) managed public ip prefix",
        "Azure did not give a public IP prefix",
        "",
        "Mend what Azure names after the colon",
    ),
    _row(
        r"failed to (parse/)?delete (managed )?public ip prefix|failed to parse managed public ip prefix",
        "the prefix is still attached",
        "",
        "Wait until its addresses are detached",
    ),
    # nodes
    _row(
        r"no subnetID found for NIC|nic\(.*has empty properties|failed to update nic\(",
        "a NIC of a gateway node could not be updated",
        "",
        "Look at the gateway nodes' NICs and their subnet",
    ),
    _row(
        r"failed to update vmss\(|failed to reconcile vmss interface|vmss has empty network profile"
        r"|failed to get vm instances from vmss",
        "the gateway pool's scale set could not be updated",
        "",
        "Look for locks, policies and running operations on the scale set",
    ),
    _row(
        r"failed to update vmss instance|failed to get vmss\(.*\bnic\(|vmss vm\(.*has empty|has empty ip configurations"
        r"|failed to find private IP from vmss",
        "a single gateway node could not be updated",
        "",
        "Look at the subnet's free addresses and at the node",
    ),
    _row(r"vmss\(vm\) primary (network interface|ipConfig) not found", "a gateway node has no usual NIC", "", _SUPPORT),
    _row(r"failed to update vm config status", "the API server refused a write", "", _AGAIN),
)


@dataclass(frozen=True, slots=True)
class Cause:
    """What an event's message says: its meaning ("" for a text that nobody knows), the check that finds the fault, what
    helps, and Azure's error code where there is one."""

    meaning: str
    maps_to: str
    fix: str
    azure: AzureError | None
    code: str


def cause_of(message: str) -> Cause:
    """Reads one message. Azure's own error says more than the step that it stopped, so its remedy goes first."""
    known = next((each for each in TEXTS if each.pattern.search(message)), None)
    azure = error_in(message)
    parts = [known.meaning] if known else []
    if azure:
        parts.append(f"{azure.code}, {azure.meaning}" if known else f"{azure.code}: {azure.meaning}")
    fix = azure.fix if azure else known.fix if known else ""
    return Cause("; ".join(parts), known.maps_to if known else "", fix, azure, code_of(message))


def controller_of(event: Event) -> str:
    """The controller that wrote the event; "" for anybody else's."""
    if reason := _BY_NAME.get(event.reason):
        return reason.controller
    return event.component if event.component in (CONFIGURATION, BALANCER, MACHINES) else ""


def complaints(events: Iterable[Event]) -> tuple[Event, ...]:
    """The controller's warnings that are still current, newest first, each message once: no success of the same
    controller is newer. An InvalidSpec also ends when the controller goes on to reconcile."""
    mine = [event for event in events if controller_of(event)]
    settled = _latest(e for e in mine if (reason := _BY_NAME.get(e.reason)) is not None and reason.settles)
    tried = _latest(e for e in mine if e.reason == "Reconciling")
    current: dict[tuple[str, str], Event] = {}
    for event in sorted(mine, key=lambda e: (e.last is not None, e.last, e.name) if e.last else (False, None, e.name)):
        controller = controller_of(event)
        ended = [settled.get(controller)] + ([tried.get(controller)] if event.reason == "InvalidSpec" else [])
        if _complains(event) and not any(_newer(at, event.last) for at in ended):
            current.pop((event.reason, event.message), None)
            current[(event.reason, event.message)] = event
    return tuple(reversed(current.values()))


def _complains(event: Event) -> bool:
    reason = _BY_NAME.get(event.reason)
    return reason.complains if reason else event.type == "Warning"


def _latest(events: Iterable[Event]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for event in events:
        if (at := event.last) is not None and (controller := controller_of(event)):
            found[controller] = max(at, found.get(controller, at))
    return found


def _newer(at: datetime | None, than: datetime | None) -> bool:
    return at is not None and (than is None or at > than)
