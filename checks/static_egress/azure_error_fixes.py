"""Actions for an error of Azure: show the obstacle, and fix it."""

import re
from collections.abc import Iterator

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ErrorKind, ReportedError
from checks.model.commands import SEGDOC, az_aks, quoted
from checks.model.findings import Action, Effect

_CODES_DOC = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors"
_PRINCIPAL = re.compile(r"object id '([^']+)'")
_ACTION = re.compile(r"(?:does not have (?:authorization|permission) to perform action(?:\(s\))?) '([^']+)'")
_SCOPE = re.compile(r"(?:linked scope\(s\)|over scope) '([^']+)'")
_ASSIGNMENT = re.compile(r'"policyAssignment": ?\{"name": ?"([^"]+)"')
_ROLES = {"microsoft.network": "Network Contributor", "microsoft.compute": "Virtual Machine Contributor"}
"""The role for an action, by the resource provider."""


def show_obstacle(facts: Facts, error: ReportedError) -> Iterator[Action]:
    """The read-only command that shows the obstacle, or the documentation of an unknown code."""
    if error.known is None:
        yield Action(
            f"Compare with Azure's list of error codes: egress-diag does not know {error.code}",
            effect=Effect.READS,
            url=_CODES_DOC,
        )
    elif error.known.show:
        yield Action(f"Show the reason for {error.code}", fill_command(facts, error.known.show), Effect.READS, SEGDOC)


def fix_error(facts: Facts, error: ReportedError) -> Action | None:
    """The fix of a known error, with the names from its message."""
    if (known := error.known) is None:
        return None
    if known.waiting:
        return Action(known.fix, effect=Effect.READS, url=SEGDOC)
    if known.kind is ErrorKind.ROLE and (grant := _grant(error.message)) is not None:
        return grant
    assignment = _ASSIGNMENT.search(error.message)
    if known.kind is ErrorKind.POLICY and assignment is not None:
        title = f"Exempt the cluster's node resource group from policy assignment {assignment[1]}"
        return Action(title, effect=Effect.CHANGES, url=SEGDOC)
    return Action(known.fix, fill_command(facts, known.command), Effect.CHANGES, SEGDOC)


def _grant(message: str) -> Action | None:
    """The role assignment that the message requires."""
    principal, action, scope = _PRINCIPAL.search(message), _ACTION.search(message), _SCOPE.search(message)
    if principal is None or action is None or scope is None:
        return None
    role = _ROLES.get(action[1].partition("/")[0].lower(), "Contributor")
    who = ("--assignee-object-id", principal[1], "--assignee-principal-type", "ServicePrincipal")
    return Action(
        f"Grant the cluster's identity {role} on {scope[1].rsplit('/', 1)[-1]}: it lacks {action[1]}",
        quoted("az", "role", "assignment", "create", *who, "--role", role, "--scope", scope[1]),
        Effect.CHANGES,
        SEGDOC,
        "the controller retries within minutes and assigns the egress IP prefix",
    )


def fill_command(facts: Facts, command: str) -> str:
    """A command of the table with the cluster's names."""
    if not command:
        return ""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    group, location = (cluster.node_resource_group, cluster.location) if cluster else ("", "")
    _, _, options = az_aks(facts.cluster, "show").partition(" show ")
    filled = command.format(
        aks=options,
        pool=f'{options.replace("--name ", "--cluster-name ")} --nodepool-name "$NODE_POOL"',
        group=quoted(group) if group else '"$NODE_RESOURCE_GROUP"',
        location=quoted(location) if location else '"$LOCATION"',
    )
    subscription = facts.cluster.subscription
    if not subscription or "--subscription" in filled:
        return filled
    return f"{filled} --subscription {quoted(subscription)}"
