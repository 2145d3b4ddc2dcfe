"""The permissions that each kind of record needs, by its own gateways and channel.

Listeners get records only through `InteractionHandler.find` and `visible`, which ask here. The permission for a command is
not enough for a record: the user needs it for each gateway of the record, in the channel that the record belongs to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.access.rules import AccessDecision, denial_reason
from checks.config.access_rules import (
    Requester,
    clusters_with_permission,
    is_permitted,
    is_permitted_everywhere,
    is_permitted_somewhere,
)
from checks.config.configuration import Config, Permission
from workers.records.action import ActionRecord
from workers.records.handoff import Handoff
from workers.records.run import Run, Target
from workers.records.schedule import Schedule, selected_clusters
from workers.records.watch import Watch

Record = Run | Watch | Schedule | Handoff | ActionRecord
"""The records that buttons, forms and commands name by an id.

An owner and a file belong to their run; a mute and a listing are named by their gateway and cluster.
"""


@dataclass(frozen=True, slots=True)
class Protection:
    """The permission that the use of a record needs.

    `permission` is needed in `channel`: for each of `gateways`, and for at least one gateway of each of `clusters` (for all of
    them if `whole`). `user` may use the record in a direct message, too.
    """

    permission: Permission
    channel: str
    gateways: tuple[tuple[str, str], ...] = ()
    clusters: tuple[str, ...] = ()
    whole: bool = False
    user: str = ""


def protection_of(record: Record, config: Config, user: str) -> Protection:
    """The permission that this user needs to use a record."""
    match record:
        case Run():
            target = checked_target(record)
            return Protection(
                "diagnose", record.order.channel, ((target.cluster, target.gateway),), user=record.order.user
            )
        case Watch():
            gateway = (record.target.cluster, record.target.gateway)
            return Protection("diagnose", record.channel, (gateway,), user=record.user)
        case ActionRecord():
            target = record.order.target
            return Protection(record.order.kind.permission, record.order.channel, ((target.cluster, target.gateway),))
        case Schedule():
            # A digest that another user has added may contain gateways that this one has no permission for.
            named, _ = selected_clusters(record.clusters, [each.name for each in config.clusters])
            return Protection("digest", record.channel, clusters=named, whole=record.user != user)
        case Handoff():
            open_ = [(line.cluster, line.gateway) for line in record.owned]
            watched = [(watch.cluster, watch.gateway) for watch in record.watching]
            return Protection("handoff", record.order.channel, (*open_, *watched), record.order.clusters)


def check_record(config: Config, requester: Requester, record: Record) -> AccessDecision | None:
    """Whether the user may use a record; None if it belongs to another channel.

    A record of another channel does not exist for them.
    """
    needed = protection_of(record, config, requester.user)
    privately = requester.channel.startswith("D") and requester.user == needed.user
    if requester.channel != needed.channel and not privately:
        return None
    there = Requester(requester.user, needed.channel, requester.groups)
    for cluster, gateway in needed.gateways:
        if not is_permitted(config.access, there, needed.permission, cluster, gateway):
            # The names are those of the record, which the user may not learn.
            return AccessDecision(False, denial_reason(config, needed.permission, "this gateway"))
    holds = is_permitted_everywhere if needed.whole else is_permitted_somewhere
    for cluster in needed.clusters:
        if not holds(config.access, there, needed.permission, cluster):
            return AccessDecision(False, denial_reason(config, needed.permission, "all of its clusters"))
    if not needed.gateways and not needed.clusters:
        return check_any_cluster(config, there, needed.permission)
    return AccessDecision(True)


def may_see(config: Config, requester: Requester, record: Record) -> bool:
    """Whether the user may see that a record exists, in a list of records of their channel."""
    if isinstance(record, Schedule):
        named, _ = selected_clusters(record.clusters, [each.name for each in config.clusters])
        permissions: tuple[Permission, ...] = ("digest", "diagnose")
        return record.channel == requester.channel and any(
            clusters_with_permission(config.access, requester, each, named) for each in permissions
        )
    decision = check_record(config, requester, record)
    return decision is not None and decision.allowed


def check_any_cluster(config: Config, requester: Requester, permission: Permission) -> AccessDecision:
    """Whether the user has the permission for at least one configured cluster."""
    names = [each.name for each in config.clusters]
    if clusters_with_permission(config.access, requester, permission, names):
        return AccessDecision(True)
    return AccessDecision(False, denial_reason(config, permission, "any cluster"))


def permitted_gateways(
    config: Config, requester: Requester, permission: Permission, cluster: str, names: Iterable[str]
) -> tuple[str, ...]:
    """The gateways (`namespace/name`) for which the user has the permission."""
    return tuple(name for name in names if is_permitted(config.access, requester, permission, cluster, name))


def checked_target(run: Run) -> Target:
    """The target of a run, with the names from the cluster once they are known."""
    order = run.order.target
    if run.report is None:
        return order
    return Target(order.cluster, run.report.gateway, run.report.namespace, order.host, order.client)
