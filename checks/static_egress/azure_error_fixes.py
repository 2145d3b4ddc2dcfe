"""Actions for an error of Azure: show the obstacle, and fix it."""

import re
from collections.abc import Iterator
from datetime import timedelta

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ErrorKind, ReportedError
from checks.knowledge.azure_obstacles import (
    PolicyAssignment,
    blocking_budget,
    failed_resource,
    locked_group,
    locked_id,
    locked_scope,
    named_resource,
)
from checks.model.commands import LOCKS, NETWORK_FAILED, PDB, SEGDOC, az_aks, quoted
from checks.model.findings import Action, Effect

_CODES_DOC = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors"
_PRINCIPAL = re.compile(r"object id '([^']+)'")
_ACTION = re.compile(r"(?:does(?: not|n't) have (?:authorization|permission) to perform action(?:\(s\))?) '([^']+)'")
_SCOPE = re.compile(r"(?:linked scope\(s\)|over scope) '([^']+)'")
_ROLES = {"microsoft.network": "Network Contributor", "microsoft.compute": "Virtual Machine Contributor"}
"""The role for an action, by the resource provider."""


_EXEMPTED = timedelta(days=30)


def show_obstacle(facts: Facts, error: ReportedError) -> Iterator[Action]:
    """The read-only command that shows the obstacle, or the documentation of an unknown code."""
    if error.known is None:
        yield Action(
            f"Compare with Azure's list of error codes: egress-diag does not know {error.code}",
            effect=Effect.READS,
            url=_CODES_DOC,
        )
    elif error.known.show:
        lock = error.known.kind is ErrorKind.LOCK
        group = locked_group(error.message) if lock else ""
        command = error.known.show.replace("{group}", quoted(group)) if group else error.known.show
        reason = f"the reason for {error.code}" if error.code else "the locks"
        expect = "the name, level and owner of each lock; keep them for the time after the fix" if lock else ""
        yield Action(f"Show {reason}", fill_command(facts, command), Effect.READS, SEGDOC, expect)


def fix_error(facts: Facts, error: ReportedError, pool: str = "") -> Action | None:
    """The fix of a known error, with the names from its message and of the node pool."""
    if (known := error.known) is None:
        return None
    if known.waiting:
        return Action(known.fix, effect=Effect.READS, url=SEGDOC)
    return _named_fix(facts, known.kind, error) or Action(
        known.fix, fill_command(facts, known.command, pool), Effect.CHANGES, SEGDOC
    )


def _named_fix(facts: Facts, kind: ErrorKind, error: ReportedError) -> Action | None:
    """The fix that names what the message names; None if it names nothing."""
    match kind:
        case ErrorKind.ROLE:
            return _grant(facts, error.message)
        case ErrorKind.POLICY:
            return _exempt(facts, error.assignment) if error.assignment is not None else None
        case ErrorKind.LOCK:
            return _unlock(facts, error.message)
        case ErrorKind.STATE:
            return _repeat(failed) if (failed := failed_resource(error.message)) else None
        case ErrorKind.DRAIN:
            return _allow_eviction(budget) if (budget := blocking_budget(error.message)) else None
        case _:
            return None


def _unlock(facts: Facts, message: str) -> Action | None:
    """Delete the locks of the locked scope; None if the message names no scope."""
    scope, group, where = locked_scope(message), locked_group(message), locked_id(message)
    if not scope:
        return None
    subscription = ("--subscription", facts.cluster.subscription) if facts.cluster.subscription else ()
    given = ("--resource-group", group, *subscription) if group else subscription
    chosen = (
        f"[?starts_with(id, '{where}/providers/Microsoft.Authorization/locks/')].id"
        if where
        else _concerned(group, message)
    )
    listed = quoted("az", "lock", "list", *given, "--query", chosen, "-o", "tsv")
    of_group = group and (not where or where.lower().endswith(f"/resourcegroups/{group.lower()}"))
    place = given if of_group or not group else ("--resource", where)
    return Action(
        f"Remove the lock on {scope}",
        f"az lock delete --ids $({listed})",
        Effect.CHANGES,
        LOCKS,
        "the controller's next attempt, within minutes, is not refused. The owner of the lock must agree; a lock that returns "
        "stops the next change of the gateway nodes too"
        + ("" if where else ". For a lock on a resource, the undo command takes --resource with its ID"),
        undo=f"{quoted('az', 'lock', 'create', *place)} {_LOCK}" if place else "",
    )


def _concerned(group: str, message: str) -> str:
    """The query for the locks of a group itself and of the resources that the message names.

    Locks on other resources of the group do not stop the change.
    """
    locks = [f"contains(id, '/resourceGroups/{group}/providers/Microsoft.Authorization/locks/')"]
    locks += [f"contains(id, '/{name}/providers/')" for name in dict.fromkeys(_RESOURCE_NAME.findall(message))]
    return f"[?{' || '.join(locks)}].id"


_RESOURCE_NAME = re.compile(r"(?:public ip prefix|vmss|vm|lb|load balancer)\(([\w.-]+)\)", re.IGNORECASE)
"""A resource as the controller's errors name it."""

_LOCK = '--name "${LOCK_NAME:?name of the lock}" --lock-type "${LOCK_LEVEL:?CanNotDelete or ReadOnly}"'
"""The values that the list of locks shows."""


def _exempt(facts: Facts, assignment: PolicyAssignment) -> Action:
    """Exempt only the node resource group from the assignment that denies the change."""
    return exempt_node_resources(
        facts,
        f"from policy assignment {assignment.name}",
        quoted(assignment.id) if assignment.id else "",
        f"the controller retries within minutes. {_owner_agrees(assignment.scope)}: afterwards the policy denies changes of "
        "the gateway nodes",
    )


def exempt_listed_assignment(facts: Facts, listed: str) -> Action:
    """Exempt the node resource group from the assignment that a command prints."""
    return exempt_node_resources(
        facts,
        "from the first listed assignment (only if one is listed)",
        f'"$({listed})"',
        "within 30 minutes the policy changes no resource of the cluster's nodes any more; wait that long before the next "
        f"step. {_owner_agrees('')}",
    )


def exempt_node_resources(facts: Facts, which: str, assignment: str, expect: str) -> Action:
    """Exempt the node resource group from a policy assignment for 30 days.

    `assignment` is its ID as the shell reads it, "" if it is not known.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    group, subscription = (cluster.node_resource_group, cluster.subscription) if cluster else ("", "")
    command, until = "", facts.now + _EXEMPTED
    if assignment and group and subscription:
        scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
        named = ("--name", "egress-gateway", "--exemption-category", "Waiver")
        ends = ("--expires-on", f"{until:%Y-%m-%dT%H:%M:%SZ}", "--scope", scope)
        command = f"az policy exemption create {quoted(*named)} --policy-assignment {assignment} {quoted(*ends)}"
    return Action(
        f"Exempt the cluster's node resource group {which} until {until:%Y-%m-%d}",
        command,
        Effect.CHANGES,
        SEGDOC,
        f"{expect}. The policy still applies outside the node resource group",
    )


def _owner_agrees(scope: str) -> str:
    """The sentence about who must agree to an exemption, and what ends it."""
    return f"The owner of {scope or 'the assignment'} must agree, and exclude the resource group in it before that day"


def _repeat(resource: str) -> Action:
    """Repeat the update of a resource whose last one failed."""
    return Action(
        f"Repeat the update of {resource.rpartition('/')[2]}, whose state is Failed: it does not change by waiting",
        quoted("az", "resource", "update", "--ids", resource),
        Effect.CHANGES,
        NETWORK_FAILED,
        "its provisioningState is Succeeded, and the controller's next attempt succeeds",
    )


def _allow_eviction(budget: str) -> Action:
    """Let a PodDisruptionBudget allow an eviction."""
    return Action(
        f"Let PodDisruptionBudget {budget} allow an eviction, with more ready pods or a lower minimum; then repeat the "
        "operation",
        effect=Effect.CHANGES,
        url=PDB,
        expect="its status.disruptionsAllowed is 1 or more",
    )


def _grant(facts: Facts, message: str) -> Action | None:
    """The role assignment that the message requires."""
    principal, action, scope = _PRINCIPAL.search(message), _ACTION.search(message), _SCOPE.search(message)
    where = scope[1] if scope is not None else named_resource(message)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    who = principal[1] if principal is not None else cluster.identity_principal if cluster is not None else ""
    if not where or not who:
        return None
    provider = action[1] if action is not None else where.partition("/providers/")[2]
    role = _ROLES.get(provider.partition("/")[0].lower(), "Contributor")
    lacks = f": it lacks {action[1]}" if action is not None else ""
    identity = ("--assignee-object-id", who, "--assignee-principal-type", "ServicePrincipal")
    return Action(
        f"Grant the cluster's identity {role} on {where.rsplit('/', 1)[-1]}{lacks}",
        quoted("az", "role", "assignment", "create", *identity, "--role", role, "--scope", where),
        Effect.CHANGES,
        SEGDOC,
        "the controller retries within minutes and assigns the egress IP prefix",
    )


def fill_command(facts: Facts, command: str, pool: str = "") -> str:
    """A command of the table with the names of the cluster and of the node pool."""
    if not command:
        return ""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    group, location = (cluster.node_resource_group, cluster.location) if cluster else ("", "")
    _, _, options = az_aks(facts.cluster, "show").partition(" show ")
    name = quoted(pool) if pool else '"$NODE_POOL"'
    filled = command.format(
        aks=options,
        pool=f"{options.replace('--name ', '--cluster-name ')} --nodepool-name {name}",
        group=quoted(group) if group else '"$NODE_RESOURCE_GROUP"',
        location=quoted(location) if location else '"$LOCATION"',
    )
    subscription = facts.cluster.subscription
    if not subscription or "--subscription" in filled:
        return filled
    return f"{filled} --subscription {quoted(subscription)}"
