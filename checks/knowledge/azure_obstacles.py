"""The obstacle that an error of Azure names.

It is a policy assignment, a lock, a resource in state Failed, or a PodDisruptionBudget.

Sources: Microsoft, "RequestDisallowedByPolicy error when deploying an AKS cluster" and "Lock your resources to protect your
infrastructure"; the public issues in tables/azure-errors.yaml, for the forms of the messages.
"""

import re
from itertools import pairwise
from typing import NamedTuple

_ASSIGNMENT_ID = re.compile(r'"(/[^"]*/policyAssignments/[^"]+)"', re.IGNORECASE)
_ASSIGNMENT_NAME = re.compile(r'"policyAssignment": ?\{ ?"name": ?"([^"]+)"|"policyAssignmentName": ?"([^"]+)"')
_LOCKED = re.compile(r"scope\(s\) are locked: '(?P<scope>[^']+)'|Resource group '(?P<group>[^']+)' .*is locked")
_FAILED = re.compile(r"because resource (?P<id>/\S+) used by .*Resource is in Failed state", re.DOTALL)
_BUDGET = re.compile(r"(?P<namespace>[\w.-]+)/[\w.-]+ blocked by pdb (?P<name>[\w.-]+)")
_USED_PREFIX = re.compile(
    r"InUsePublicIpPrefixCannotBeDeleted.*?/publicIPPrefixes/(?P<name>[\w-]+)", re.DOTALL | re.IGNORECASE
)
_RESOURCE = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w().-]+/providers/[\w.]+(?:/[\w-]+/[\w-]+)+", re.IGNORECASE
)


class PolicyAssignment(NamedTuple):
    """The assignment of an Azure policy that denies a change: its name and its id, or ""."""

    name: str
    id: str

    @property
    def scope(self) -> str:
        """The scope of the assignment, such as `management group NAME`.

        It is "" if the id does not show it.
        """
        before = re.split(r"/providers/Microsoft\.Authorization/", self.id, flags=re.IGNORECASE)[0].rstrip("/")
        kind, _, name = before.rpartition("/")
        what = _SCOPES.get(kind.rpartition("/")[2].lower())
        return f"{what} {name}" if what and name else ""


_SCOPES = {"managementgroups": "management group", "resourcegroups": "resource group", "subscriptions": "subscription"}


def policy_assignment(text: str) -> PolicyAssignment | None:
    """The policy assignment that a denial names: in its message, or in the details behind it.

    If only its id is named, the name is the last segment of the id.
    """
    plain = text.replace("\\", "")
    found, named = _ASSIGNMENT_ID.search(plain), _ASSIGNMENT_NAME.search(plain)
    known = found[1] if found is not None else ""
    name = next(filter(None, named.groups())) if named is not None else known.rpartition("/")[2]
    return PolicyAssignment(name, known) if name else None


def locked_scope(message: str) -> str:
    """The scope that a lock protects, such as `resource group NAME`, "" without one."""
    found = _LOCKED.search(message)
    if found is None:
        return ""
    if found["group"]:
        return f"resource group {found['group']} or on a resource in it"
    scope = found["scope"].split(",")[0].strip().strip("'").rstrip("/")
    kind, _, name = scope.rpartition("/")
    return f"{_SCOPES.get(kind.rpartition('/')[2].lower(), kind.rpartition('/')[2])} {name}".strip()


def locked_id(message: str) -> str:
    """The id of the resource, resource group or subscription with the lock.

    It is "" if only a name is known.
    """
    found = _LOCKED.search(message)
    return "" if found is None or found["group"] else found["scope"].split(",")[0].strip("' ").rstrip("/")


def locked_group(message: str) -> str:
    """The resource group of the locked scope, "" for another scope."""
    found = _LOCKED.search(message)
    if found is None:
        return ""
    if found["group"]:
        return str(found["group"])
    parts = found["scope"].split(",")[0].strip("' ").split("/")
    return next((name for kind, name in pairwise(parts) if kind.lower() == "resourcegroups"), "")


def failed_resource(message: str) -> str:
    """The id of the resource in state Failed that stops a change, "" without one."""
    found = _FAILED.search(message)
    whole = _RESOURCE.match(found["id"]) if found is not None else None
    return whole[0].split("/ipConfigurations/")[0] if whole is not None else ""


def blocking_budget(message: str) -> str:
    """The PodDisruptionBudget that blocked a drain, as `namespace/name`, "" without one."""
    found = _BUDGET.search(message)
    return f"{found['namespace']}/{found['name']}" if found is not None else ""


def used_prefix(text: str) -> str:
    """The name of the public IP prefix whose addresses stop its deletion, "" without one."""
    found = _USED_PREFIX.search(text)
    return str(found["name"]) if found is not None else ""


def named_resource(message: str) -> str:
    """The id of the last resource that a message names, "" without one."""
    found = _RESOURCE.findall(message)
    return str(found[-1]) if found else ""
