"""Permissions by the access rules, and the reason of a refusal in a sentence."""

from dataclasses import dataclass

from checks.config.access_rules import Requester, is_permitted, is_permitted_somewhere
from checks.config.configuration import AccessRule, Config, Permission

_VERBS: dict[Permission, str] = {
    "diagnose": "check",
    "handoff": "post a handoff for",
    "digest": "manage digests and mutes of",
    "probe": "probe gateways on",
    "restart": "restart gateways on",
}


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether something is permitted, and the reason for a refusal as a sentence."""

    allowed: bool
    reason: str = ""


def check_access(
    config: Config, requester: Requester, permission: Permission, cluster: str, gateway: str
) -> AccessDecision:
    """Whether the user has this permission for a gateway in their channel."""
    if is_permitted(config.access, requester, permission, cluster, gateway):
        return AccessDecision(True)
    if not is_visible(config, requester, cluster, permission):
        return AccessDecision(False, no_such_cluster(config, cluster))
    partly = is_permitted_somewhere(config.access, requester, permission, cluster)
    subject = f"{cluster} {gateway}" if partly else cluster
    return AccessDecision(False, denial_reason(config, permission, subject))


def is_visible(config: Config, requester: Requester, cluster: str, permission: Permission = "diagnose") -> bool:
    """Whether the user may learn of the cluster in their channel.

    `list` shows it, or they have this permission for it.
    """
    return any(is_permitted_somewhere(config.access, requester, each, cluster) for each in {"diagnose", permission})


def no_such_cluster(config: Config, typed: str) -> str:
    """The answer to the name of a cluster that does not exist.

    It has the same words for one that the user may not learn of.
    """
    ask = f" Ask {config.ask} for access to others." if config.ask else ""
    return f'No cluster "{typed}". `/egress-diag list` shows the clusters that you may check in this channel.{ask}'


def known_clusters(config: Config, requester: Requester, permission: Permission = "diagnose") -> tuple[str, ...]:
    """The clusters that an answer to the user may name.

    Those that `list` shows, and those with this permission.
    """
    return tuple(each.name for each in config.clusters if is_visible(config, requester, each.name, permission))


def granting_rules(config: Config, requester: Requester) -> tuple[AccessRule, ...]:
    """The rules that grant the user a permission in any channel: the App Home has none."""
    who = {requester.user, *requester.groups}
    return tuple(rule for rule in config.access if rule.allow and any(u == "*" or u in who for u in rule.users))


def own_channels(config: Config, requester: Requester) -> frozenset[str]:
    """The channels of the rules that name the user or one of their groups.

    A rule for everyone in a channel names no one: only the members of the channel have its permissions.
    """
    who = {requester.user, *requester.groups}
    return frozenset(channel for rule in config.access if who.intersection(rule.users) for channel in rule.channels)


def groups_needed(config: Config) -> frozenset[str]:
    """The user groups in the rules, whose members must be looked up in Slack."""
    return frozenset(user for rule in config.access for user in rule.users if user.startswith("S"))


def denial_reason(config: Config, permission: Permission, subject: str) -> str:
    """The reason why the user has no permission for a `subject`, which the answer may name."""
    ask = f" Ask {config.ask} for access." if config.ask else " Ask the operator of this bot for access."
    return f"You don't have permission to {_VERBS[permission]} {subject} in this channel.{ask}"
