"""Error texts in the events of the static egress controller, with meaning and fix.

Source: docs/domain/operator-messages.md#controller-events.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from checks.knowledge.azure_errors import ReportedError, reported_error
from checks.knowledge.azure_replies import step_before


class ControllerFault(StrEnum):
    """A fault that a controller reports and another check finds, by the slug of that check."""

    POOL_MISSING = "gateway-pool-missing"
    CONFIGURATION_INVALID = "gateway-configuration-invalid"
    OWN_PREFIX_UNUSABLE = "own-prefix-unusable"


@dataclass(frozen=True, slots=True)
class ControllerText:
    """An error text: its meaning, the fault if another check finds it, and the fix."""

    pattern: re.Pattern[str]
    meaning: str
    fault: ControllerFault | None
    fix: str
    waiting: bool = False
    """Whether the fix is to wait, which changes nothing."""
    show: str = ""
    """The command of a read-only fix, with `{group}`."""


def _row(
    pattern: str, meaning: str, fault: ControllerFault | None, fix: str, *, waiting: bool = False, show: str = ""
) -> ControllerText:
    return ControllerText(re.compile(pattern, re.IGNORECASE), meaning, fault, fix, waiting, show)


_SUPPORT = "Open a support request with this text; do not edit resources of the node resource group"
_RECREATE = "Create a new StaticGatewayConfiguration for the gateway; do not edit resources of the node resource group"
_NO_PREFIX_SIZE = r"nodepool does not have IP prefix size|failed to parse nodepool IP prefix size"
_RETRY = "Wait; the controller retries by itself"
_SHOW_SCALE_SETS = "az vmss list --resource-group {group} -o table"
_SHOW_NICS = "az network nic list --resource-group {group} -o table"

CONTROLLER_TEXTS: tuple[ControllerText, ...] = (
    # validation of the spec
    _row(
        r"Either GatewayNodepoolName or GatewayVmssProfile must be provided",
        "it names no node pool",
        ControllerFault.CONFIGURATION_INVALID,
        "Name one",
    ),
    _row(
        r"Only one of GatewayNodepoolName and GatewayVmssProfile",
        "it names a node pool and a scale set",
        ControllerFault.CONFIGURATION_INVALID,
        "Remove gatewayVmssProfile",
    ),
    _row(
        r"Gateway vmss resource group is empty|Gateway vmss name is empty",
        "gatewayVmssProfile lacks the name or resource group of the scale set",
        ControllerFault.CONFIGURATION_INVALID,
        "Name a node pool instead",
    ),
    _row(
        r"public ip prefix size should be between 0 and 31",
        "the prefix size in gatewayVmssProfile is not between 0 and 31",
        ControllerFault.CONFIGURATION_INVALID,
        "Name a node pool instead",
    ),
    _row(
        r"PublicIpPrefixId should be empty when ProvisionPublicIps is false",
        "it sets publicIpPrefixId although provisionPublicIps is false",
        ControllerFault.CONFIGURATION_INVALID,
        "Remove one of the two",
    ),
    # the pool and its load balancer
    _row(
        r"gateway agent pool not found|gateway VMSS not found",
        "the node resource group has no scale set or VM of the named node pool",
        ControllerFault.POOL_MISSING,
        "Name a node pool of mode Gateway that exists and has nodes",
    ),
    _row(
        _NO_PREFIX_SIZE,
        "the node pool lacks the tag with the prefix size: it is not of mode Gateway, or a tag policy removed the tag",
        ControllerFault.POOL_MISSING,
        "Create a node pool of mode Gateway with a prefix size",
    ),
    _row(r"gateway node pool does not have UID", "the scale set has no unique ID", None, _RETRY, waiting=True),
    _row(
        r"lb property is empty|found frontend\(\w*\) with unexpected configuration|frontend ip not found even after",
        "the load balancer kubeegressgateway-ilb was changed by hand, or Azure updated it only in part",
        None,
        _RECREATE,
    ),
    _row(
        r"found rule with invalid LB port",
        "the load balancer kubeegressgateway-ilb has a rule that the controller did not create",
        None,
        "Delete the rule that was added to kubeegressgateway-ilb by hand",
    ),
    _row(
        r"No available ports",
        "1000 StaticGatewayConfigurations use all ports from 6000 to 6999",
        None,
        "Delete unused StaticGatewayConfigurations",
    ),
    # public IP prefixes
    _row(
        r"failed to parse public ip prefix id",
        "spec.publicIpPrefixId is not the ID of a public IP prefix",
        ControllerFault.CONFIGURATION_INVALID,
        "Set the full resource ID of the prefix",
    ),
    _row(
        r"public ip prefix subscription\(.*is not in the same subscription",
        "the prefix in spec.publicIpPrefixId is in another subscription than the cluster",
        ControllerFault.OWN_PREFIX_UNUSABLE,
        "Use a prefix in the cluster's subscription",
    ),
    _row(
        r"failed to get public ip prefix\(",
        "the controller cannot read the prefix in spec.publicIpPrefixId",
        ControllerFault.OWN_PREFIX_UNUSABLE,
        "Grant the cluster's identity Network Contributor on the prefix",
    ),
    _row(
        r"provided public ip prefix has invalid length",
        "the length of the prefix in spec.publicIpPrefixId is not the node pool's prefix size",
        ControllerFault.OWN_PREFIX_UNUSABLE,
        "Use a prefix whose length equals the node pool's prefix size",
    ),
    _row(
        r"public ip prefix(\(.*\))? has empty properties",
        "Azure returned an incomplete resource",
        None,
        _RETRY,
        waiting=True,
    ),
    _row(
        r"failed to (get|create) managed public ip prefix",
        "Azure did not provide a public IP prefix",
        None,
        "Fix the Azure error after the colon",
    ),
    _row(
        r"failed to (parse/)?delete (managed )?public ip prefix.*(context deadline exceeded|timed? ?out)",
        "Azure needs more time for the deletion of the prefix",
        None,
        "Wait until the deletion ends by itself: the controller repeats it",
        waiting=True,
    ),
    _row(
        r"failed to (parse/)?delete (managed )?public ip prefix|failed to parse managed public ip prefix",
        "the prefix is still attached",
        None,
        "Wait until its addresses are detached",
        waiting=True,
    ),
    # nodes
    _row(
        r"no subnetID found for NIC|nic\(.*has empty properties|failed to update nic\(",
        "a NIC of a gateway node could not be updated",
        None,
        "Check the NICs of the gateway nodes and their subnet",
        show=_SHOW_NICS,
    ),
    _row(
        r"failed to update vmss\(|failed to reconcile vmss interface|vmss has empty network profile"
        r"|failed to get vm instances from vmss",
        "the scale set of the gateway node pool could not be updated",
        None,
        "Check the scale set for locks, policies and running operations",
        show=_SHOW_SCALE_SETS,
    ),
    _row(
        r"failed to find private IP from vmss",
        "a gateway node lacks the IP configuration of the StaticGatewayConfiguration",
        None,
        "Scale the gateway node pool up by one node and back down, so that the controller updates its nodes again; the prefix "
        "must have an address for the additional node",
    ),
    _row(
        r"failed to update vmss instance|failed to get vmss\(.*\bnic\(|vmss vm\(.*has empty|has empty ip configurations",
        "one gateway node could not be updated",
        None,
        "Check the free addresses of the subnet and the health of the node",
        show=_SHOW_SCALE_SETS,
    ),
    _row(
        r"vmss\(vm\) primary (network interface|ipConfig) not found",
        "a gateway node has an unexpected NIC layout",
        None,
        _SUPPORT,
    ),
    _row(r"failed to update vm config status", "the API server refused a write", None, _RETRY, waiting=True),
)


@dataclass(frozen=True, slots=True)
class EventCause:
    """The meaning of an event's message, and the fix.

    The meaning is "" for an unknown text. With the fault if another check finds it, and Azure's error if the message has
    one.
    """

    meaning: str
    fault: ControllerFault | None
    fix: str
    error: ReportedError | None
    waiting: bool = False
    """Whether the fix is to wait, which changes nothing."""
    show: str = ""
    """The command of a read-only fix, with `{group}`; "" for other fixes."""

    @property
    def explained(self) -> bool:
        """Whether Azure's error is known: another StaticGatewayConfiguration would get it too."""
        return self.error is not None and self.error.known is not None

    @property
    def reason(self) -> str:
        """The meaning without the step that failed, if Azure's error explains it."""
        return self.error.meaning if self.error is not None and self.explained else self.meaning


def event_cause(message: str) -> EventCause:
    """The cause in one message.

    The fix for Azure's own error comes before the fix for the step that it stopped.
    """
    text = next((each for each in CONTROLLER_TEXTS if each.pattern.search(message)), None)
    error = reported_error(message)
    parts = [text.meaning] if text else []
    if error:
        parts.append(error.meaning)
    source = (error.known if error else None) or text
    return EventCause(
        "; ".join(parts),
        text.fault if text else None,
        source.fix if source else "",
        error,
        waiting=source is not None and source.waiting,
        show=text.show if text is not None and source is text else "",
    )


def lacks_prefix_size(message: str) -> bool:
    """Whether the controller reports that the pool has no valid tag with the prefix size."""
    return re.search(_NO_PREFIX_SIZE, message) is not None


def event_line(message: str) -> str:
    """The message in one line: the step that failed, and Azure's error as `CODE: message`."""
    error = reported_error(message)
    step = step_before(message)
    if error is None or not error.message or not step:
        return " ".join(message.split())
    return f"{step}: {error.shown}"
