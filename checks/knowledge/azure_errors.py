"""Azure Resource Manager error codes, with meaning and fix.

They occur in the events of the static egress gateway's controller.

Source: docs/domain/operator-messages.md#arm-error-codes.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AzureError:
    """One ARM error code: its meaning, the fix, and a command that shows the obstacle.

    The command is read-only, "" if there is none.

    The command has `{group}` for the node resource group and `{location}` for the region.
    """

    code: str
    meaning: str
    fix: str
    show: str = ""
    waiting: bool = False
    """Whether the fix is to wait, which changes nothing."""


AZURE_ERRORS: tuple[AzureError, ...] = (
    AzureError(
        "LinkedAuthorizationFailed",
        "the cluster's identity has permission on the resource but not on a resource linked to it",
        "Grant the cluster's identity Network Contributor on the linked resource that the message names",
    ),
    AzureError(
        "AuthorizationFailed",
        "the cluster's identity lacks permission on the resource that the message names",
        "Grant the cluster's identity Network Contributor on that resource",
    ),
    AzureError(
        "RequestDisallowedByPolicy",
        "an Azure Policy assignment denies the change",
        "Exempt the cluster's node resource group from the policy that the message names",
        "az policy assignment list --resource-group {group} --disable-scope-strict-match -o table",
    ),
    AzureError(
        "ScopeLocked",
        "a lock on the resource or its resource group forbids the change",
        "Remove the lock from the cluster's node resource group",
        "az lock list --resource-group {group} -o table",
    ),
    AzureError(
        "PublicIPPrefixCountLimitReached",
        "the subscription has reached its limit of public IP prefixes in this region",
        "Delete unused public IP prefixes or request more quota",
        "az network list-usages --location {location} -o table",
    ),
    AzureError(
        "PublicIPCountLimitReached",
        "the subscription has reached its limit of public IP addresses in this region",
        "Delete unused public IP addresses or request more quota",
        "az network list-usages --location {location} -o table",
    ),
    AzureError(
        "QuotaExceeded",
        "a quota of the subscription is exhausted",
        "Request more quota in this region",
        "az network list-usages --location {location} -o table",
    ),
    AzureError(
        "InUsePublicIpPrefixCannotBeDeleted",
        "the public IP prefix is still attached to a node",
        "Wait until the addresses are detached; the controller retries by itself",
        waiting=True,
    ),
    AzureError(
        "SubnetIsFull",
        "the gateway node pool's subnet has no free address: each StaticGatewayConfiguration takes one on every gateway node",
        "Free addresses in the gateway node pool's subnet, or use a gateway node pool in a larger subnet",
    ),
    AzureError(
        "OperationNotAllowed",
        "Azure does not allow the change in the current state, often because another operation is running",
        "Wait until the running operation on the node pool or cluster ends",
        "az vmss list --resource-group {group} -o table",
        waiting=True,
    ),
    AzureError(
        "AnotherOperationInProgress",
        "another operation on the same resource is running",
        "Wait until it ends; the controller retries by itself",
        waiting=True,
    ),
    AzureError(
        "TooManyRequests",
        "Azure throttles the cluster's requests",
        "Wait; the controller retries by itself",
        waiting=True,
    ),
    AzureError(
        "AllocationFailed",
        "Azure has no capacity for the node size in this region",
        "Use another node size or zone for the gateway node pool",
    ),
    AzureError(
        "ResourceNotFound",
        "the resource that the message names does not exist",
        "Create the resource, or name one that exists",
    ),
)
"""A code that contains another one comes before it."""

_CODE = re.compile(r"(?<!rpc error: )\bcode\\?[\"']?\s*[=:]\s*\\?[\"']?([A-Za-z]{4,})", re.IGNORECASE)


def code_of(message: str) -> str:
    """The ARM error code in a message, "" if there is none.

    It is a known code anywhere in the message, or else the word after `Code=` or `ERROR CODE:`.
    """
    known = error_in(message)
    if known is not None:
        return known.code
    found = _CODE.search(message)
    return found.group(1) if found else ""


def error_in(message: str) -> AzureError | None:
    """The known error whose code the message contains, None if there is none."""
    return next((each for each in AZURE_ERRORS if re.search(rf"\b{each.code}\b", message)), None)
