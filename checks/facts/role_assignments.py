"""Role assignments and role definitions in Azure: what the cluster's identity may do.

Reading them is an optional right (docs/permissions.md#azure-optional).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from checks.facts.fact import ArmResource, FactsRead, derived
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import ArmFact
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.model.raw_values import items, text, texts

_PROVIDER = "providers/Microsoft.Authorization"


def assignments_id(scope: str, principal: str) -> str:
    """The id of the list of role assignments that apply to a principal at a scope.

    Those of its groups are included.
    """
    return f"{scope}/{_PROVIDER}/roleAssignments?assignedTo={principal}"


def _lists(store: FactsRead) -> Iterable[str]:
    """The lists for the cluster's identity on customers' own public IP prefixes."""
    principals = {each.identity_principal for each in store.known(ManagedCluster) if each.identity_principal}
    prefixes = {
        each.public_ip_prefix_id for each in store.known(StaticGatewayConfiguration) if each.public_ip_prefix_id
    }
    return {assignments_id(prefix, principal) for prefix in prefixes for principal in principals}


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role definition by its id, and the condition on it ("" if there is none)."""

    definition_id: str
    condition: str


class RoleAssignmentList(ArmFact):
    """The role assignments of the cluster's identity on one public IP prefix.

    Inherited ones are included.
    """

    __slots__ = ()
    origin = ArmResource(
        "Microsoft.Authorization/roleAssignments/read",
        (StaticGatewayConfiguration, ManagedCluster),
        _lists,
        optional=True,
    )

    @derived
    def assignments(self) -> tuple[RoleAssignment, ...]:
        return tuple(
            RoleAssignment(text(each, "roledefinitionid"), text(each, "condition")) for each in items(self.raw, "value")
        )


def _definitions(store: FactsRead) -> Iterable[str]:
    return {
        each.definition_id
        for found in store.known(RoleAssignmentList)
        for each in found.assignments
        if each.definition_id
    }


class RoleDefinition(ArmFact):
    """A role: the actions that it allows."""

    __slots__ = ()
    origin = ArmResource(
        "Microsoft.Authorization/roleDefinitions/read", (RoleAssignmentList,), _definitions, optional=True
    )

    @derived
    def role_name(self) -> str:
        return text(self.raw, "rolename") or self.name

    def allows(self, action: str) -> bool:
        """Whether the role allows an action: `*` in an action stands for any characters."""
        return any(
            _matches(texts(each, "actions"), action) and not _matches(texts(each, "notactions"), action)
            for each in items(self.raw, "permissions")
        )


def _matches(patterns: Iterable[str], action: str) -> bool:
    return any(fnmatchcase(action.lower(), each.lower()) for each in patterns)
