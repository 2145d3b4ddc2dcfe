"""Error codes of the Azure Resource Manager that the static egress gateway's controller passes on in its events."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AzureError:
    """One ARM error code: what it means here, what to do about it, and a command that shows what stands in the way, with
    `{group}` for the node resource group and `{location}` for the region ("" where only the message tells)."""

    code: str
    meaning: str
    fix: str
    look: str = ""


AZURE_ERRORS: tuple[AzureError, ...] = (
    AzureError(
        "LinkedAuthorizationFailed",
        "the cluster's identity may change the resource itself, but not one that it is linked to",
        "Grant the cluster's identity Network Contributor on the linked resource that the message names",
    ),
    AzureError(
        "AuthorizationFailed",
        "the cluster's identity lacks a permission on the resource that the message names",
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
        "a lock on the resource or its group forbids the change",
        "Remove the lock from the cluster's node resource group",
        "az lock list --resource-group {group} -o table",
    ),
    AzureError(
        "PublicIPPrefixCountLimitReached",
        "the subscription's limit for public IP prefixes in this region is reached",
        "Delete unused public IP prefixes or ask for more quota",
        "az network list-usages --location {location} -o table",
    ),
    AzureError(
        "PublicIPCountLimitReached",
        "the subscription's limit for public IP addresses in this region is reached",
        "Delete unused public IP addresses or ask for more quota",
        "az network list-usages --location {location} -o table",
    ),
    AzureError(
        "QuotaExceeded",
        "a quota of the subscription is exhausted",
        "Ask for more quota in this region",
        "az network list-usages --location {location} -o table",
    ),
    AzureError(
        "InUsePublicIpPrefixCannotBeDeleted",
        "the public IP prefix is still attached to a node",
        "Wait until the addresses are detached; the controller tries again by itself",
    ),
    AzureError(
        "SubnetIsFull",
        "the gateway node pool's subnet has no free address: each configuration takes one more on each node",
        "Free addresses in the gateway pool's subnet, or use a gateway pool in a larger one",
    ),
    AzureError(
        "OperationNotAllowed",
        "Azure does not allow the change in the present state, often because another operation is running",
        "Wait for the running operation of the node pool or cluster to end",
        "az vmss list --resource-group {group} -o table",
    ),
    AzureError(
        "AnotherOperationInProgress",
        "another operation on the same resource is running",
        "Wait for it to end; the controller tries again by itself",
    ),
    AzureError(
        "TooManyRequests", "Azure throttles the cluster's requests", "Wait; the controller tries again by itself"
    ),
    AzureError(
        "AllocationFailed",
        "Azure has no capacity for the node size in this region",
        "Use another node size or zone for the gateway pool",
    ),
    AzureError(
        "ResourceNotFound",
        "the resource that the message names does not exist",
        "Create the resource again, or name one that exists",
    ),
)
"""Longer names before those that they contain."""

_CODE = re.compile(r"(?<!rpc error: )\bcode\\?[\"']?\s*[=:]\s*\\?[\"']?([A-Za-z]{4,})", re.IGNORECASE)


def code_of(message: str) -> str:
    """The ARM error code in a message: a known one wherever it stands, else what follows `Code=` or `ERROR CODE:`;
    "" where there is none."""
    known = error_in(message)
    if known is not None:
        return known.code
    found = _CODE.search(message)
    return found.group(1) if found else ""


def error_in(message: str) -> AzureError | None:
    """The known error whose code the message contains."""
    return next((each for each in AZURE_ERRORS if re.search(rf"\b{each.code}\b", message)), None)
