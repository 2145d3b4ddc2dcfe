"""The obstacle that an error of Azure names."""

import pytest

from checks.knowledge.azure_obstacles import (
    PolicyAssignment,
    blocking_budget,
    failed_resource,
    locked_group,
    locked_scope,
    named_resource,
    policy_assignment,
    used_prefix,
)

_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/MC_rg_aks_westeurope"
_ID = (
    "/providers/Microsoft.Management/managementGroups/corp/providers/Microsoft.Authorization/policyAssignments/Deny-IP"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            f"""Policy identifiers: '[{{"policyAssignment":{{"name":"No public IPs","id":"{_ID}"}}}}]'.""",
            PolicyAssignment("No public IPs", _ID),
        ),
        (
            f"""Policy identifiers: '[{{\\"policyAssignment\\":{{\\"name\\":\\"No IPs\\",\\"id\\":\\"{_ID}\\"}}}}]'.""",
            PolicyAssignment("No IPs", _ID),
        ),
        (f'"policyAssignmentId":"{_ID}","policyAssignmentName":"Deny-IP"', PolicyAssignment("Deny-IP", _ID)),
        (f'"policyAssignmentId": "{_ID}"', PolicyAssignment("Deny-IP", _ID)),
        ('"policyAssignment":{"name":"No public IPs"}', PolicyAssignment("No public IPs", "")),
        ("Resource 'x' was disallowed by policy.", None),
    ],
)
def test_the_assignment_of_a_denial(text: str, found: PolicyAssignment | None) -> None:
    assert policy_assignment(text) == found


@pytest.mark.parametrize(
    ("message", "scope", "group"),
    [
        (f"following scope(s) are locked: '{_GROUP}'.", "resource group MC_rg_aks_westeurope", "MC_rg_aks_westeurope"),
        (
            f"scope(s) are locked: '{_GROUP}/', '/subscriptions/s'.",
            "resource group MC_rg_aks_westeurope",
            "MC_rg_aks_westeurope",
        ),
        ("scope(s) are locked: '/subscriptions/s'.", "subscription s", ""),
        (
            f"scope(s) are locked: '{_GROUP}/providers/Microsoft.Network/publicIPPrefixes/pfx'.",
            "publicIPPrefixes pfx",
            "MC_rg_aks_westeurope",
        ),
        (
            "Resource group 'MC_rg' under subscription: 's' is locked, so that it cannot be changed.",
            "resource group MC_rg or on a resource in it",
            "MC_rg",
        ),
        ("The scope is locked.", "", ""),
    ],
)
def test_the_locked_scope(message: str, scope: str, group: str) -> None:
    assert (locked_scope(message), locked_group(message)) == (scope, group)


def test_the_resource_whose_last_operation_failed() -> None:
    interface = f"{_GROUP}/providers/Microsoft.Network/networkInterfaces/nic-1"
    used = f"because resource {interface}/ipConfigurations/ip1 used by resource {_GROUP}/x is not in Succeeded state."
    assert failed_resource(f"Cannot proceed {used} Resource is in Failed state and …") == interface
    assert failed_resource(f"Cannot proceed {used} Resource is in Updating state and …") == ""


def test_the_budget_that_blocks_a_drain() -> None:
    assert blocking_budget("Eviction of team-a/web-7 blocked by pdb web (MaxUnavailable: 0)") == "team-a/web"
    assert blocking_budget("Too many evictions") == ""


def test_the_prefix_that_is_in_use() -> None:
    prefix = f"{_GROUP}/providers/Microsoft.Network/publicIPPrefixes/egressgateway-1"
    assert used_prefix(f"InUsePublicIpPrefixCannotBeDeleted: Prefix {prefix} is in use.") == "egressgateway-1"
    assert used_prefix(f"ScopeLocked: Prefix {prefix}") == ""


def test_the_last_resource_that_a_message_names() -> None:
    table = f"{_GROUP}/providers/Microsoft.Network/routeTables/rt"
    assert named_resource(f"The identity of {_GROUP}/providers/Microsoft.X/y/z needs write on {table}.") == table
    assert named_resource("no resource") == ""
