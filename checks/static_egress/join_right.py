"""Whether the cluster's identity may join a customer's own public IP prefix.

Its role assignments decide.
"""

from dataclasses import dataclass

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.role_assignments import RoleAssignmentList, RoleDefinition, assignments_id
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts

JOIN = "Microsoft.Network/publicIPPrefixes/join/action"
"""The action that attaches an address of a prefix to a gateway node.

Source: Azure documentation, "Azure permissions for Networking".
"""


@dataclass(frozen=True, slots=True)
class JoinRight:
    """`allowed` is None if it is not known, and `why` is then the reason.

    `roles` are the names of the roles of the identity on the prefix.
    """

    allowed: bool | None
    why: str = ""
    roles: tuple[str, ...] = ()


def join_right(facts: Facts, configuration: StaticGatewayConfiguration) -> JoinRight:
    """The right of the cluster's identity on the prefix of a StaticGatewayConfiguration.

    Requires ManagedCluster, RoleAssignmentList and RoleDefinition declared.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    principal = cluster.identity_principal if cluster is not None else ""
    if not principal:
        return JoinRight(None, "Azure's answer does not name the object ID of the cluster's identity")
    wanted = assignments_id(configuration.public_ip_prefix_id, principal).lower()
    listed = next((each for each in facts.readable(RoleAssignmentList) if each.id.lower() == wanted), None)
    if listed is None:
        return JoinRight(None, _unread(facts, RoleAssignmentList, "role assignments"))
    known = {each.id.rsplit("/", 1)[-1].lower(): each for each in facts.readable(RoleDefinition)}
    found = [(each, known.get(each.definition_id.rsplit("/", 1)[-1].lower())) for each in listed.assignments]
    roles = tuple(dict.fromkeys(role.role_name for _, role in found if role is not None))
    allowing = [each for each, role in found if role is not None and role.allows(JOIN)]
    if any(not each.condition for each in allowing):
        return JoinRight(True, roles=roles)
    if allowing:
        return JoinRight(None, "the role assignment has a condition", roles)
    if any(role is None for _, role in found):
        return JoinRight(None, _unread(facts, RoleDefinition, "role definitions"), roles)
    return JoinRight(False, roles=roles)


def _unread(facts: Facts, kind: type[RoleAssignmentList | RoleDefinition], what: str) -> str:
    gap = facts.gap(kind)
    if gap is None:
        return f"{what} are not read"
    return str(gap).replace(gap.resource, what)
