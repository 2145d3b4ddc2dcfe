"""The requests of the Resource Manager that read a resource or list by its ID.

Each has the check of its answer.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from checks.sources.expected_answers import network_interfaces, network_resource, role_assignments, role_definition

NETWORK_API = "2024-05-01"
_INTERFACES_API = "2018-10-01"
"""The version in which Azure lists the network interfaces of scale sets."""
_ROLES_API = "2022-04-01"

_ARM_ID = re.compile(
    r"(/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Network)((/[\w.-]+){2,6})", re.IGNORECASE
)

_INTERFACES_ID = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Compute/virtualMachineScaleSets/[\w.-]+"
    r"/virtualMachines/\d+/networkInterfaces",
    re.IGNORECASE,
)

_ROLE_LIST_ID = re.compile(
    r"(/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Network/publicIPPrefixes/[\w.-]+"
    r"/providers/Microsoft\.Authorization/roleAssignments)\?assignedTo=([0-9a-f-]{36})",
    re.IGNORECASE,
)
_ROLE_ID = re.compile(
    r"(/subscriptions/[\w-]+)?/providers/Microsoft\.Authorization/roleDefinitions/[0-9a-f-]{36}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """A GET request of the Resource Manager, and the check of its answer."""

    path: str
    parameters: Mapping[str, str]
    answer: Callable[[Any], tuple[Any, ...]]
    verb: str = "get"


def arm_request(resource_id: str) -> ArmRequest | None:
    """The request for a resource or list; None for any other ID."""
    if _INTERFACES_ID.fullmatch(resource_id):
        return ArmRequest(resource_id, {"api-version": _INTERFACES_API}, network_interfaces, "list")
    if (named := _ROLE_LIST_ID.fullmatch(resource_id)) is not None:
        parameters = {"api-version": _ROLES_API, "$filter": f"assignedTo('{named[2]}')"}
        return ArmRequest(named[1], parameters, lambda found: (role_assignments(found, resource_id),), "list")
    if _ROLE_ID.fullmatch(resource_id):
        return ArmRequest(
            resource_id, {"api-version": _ROLES_API}, lambda found: (role_definition(found, resource_id),)
        )
    if _ARM_ID.fullmatch(resource_id):
        return ArmRequest(
            resource_id, {"api-version": NETWORK_API}, lambda found: (network_resource(found, resource_id),)
        )
    return None
