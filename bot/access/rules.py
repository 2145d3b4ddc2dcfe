"""Permissions by the access rules, and the reason of a refusal in a sentence."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from checks.config.access_rules import Requester, is_permitted, is_permitted_somewhere
from checks.config.configuration import AccessRule, Config, Permission

_VERBS: dict[Permission, str] = {
    "diagnose": "check",
    "handoff": "post a handoff for",
    "digest": "manage digests and mutes of",
    "probe": "probe gateways on",
    "restart": "restart gateways on",
}

_PERMISSIONS: tuple[Permission, ...] = ("diagnose", "handoff", "digest", "probe", "restart")


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
    partly = is_permitted_somewhere(config.access, requester, permission, cluster)
    subject = f"{cluster} {gateway}" if partly else cluster
    return AccessDecision(False, denial_reason(config, requester, permission, cluster, subject))


def known_clusters(config: Config, requester: Requester) -> tuple[str, ...]:
    """The clusters for which the user has any permission in their channel."""
    return tuple(
        cluster.name
        for cluster in config.clusters
        if any(is_permitted_somewhere(config.access, requester, each, cluster.name) for each in _PERMISSIONS)
    )


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


def denial_reason(config: Config, requester: Requester, permission: Permission, cluster: str, subject: str = "") -> str:
    """The reason why the user has no permission for a cluster, or for a `subject` on it."""
    subject = subject or cluster
    who = {requester.user, *requester.groups}
    elsewhere = [
        channel
        for rule in config.access
        if permission in rule.allow
        and any(user == "*" or user in who for user in rule.users)
        and any(fnmatchcase(cluster, pattern) for pattern in rule.clusters)
        for channel in rule.channels
        if channel != "*" and not any(mark in channel for mark in "*?[")
    ]
    ask = f" Ask {config.ask} for access." if config.ask else " Ask the operator of this bot for access."
    if elsewhere and requester.channel not in elsewhere:
        places = " or ".join(f"<#{channel}>" for channel in dict.fromkeys(elsewhere))
        return f"You have permission to {_VERBS[permission]} {subject} in {places}, not in this channel."
    return f"You don't have permission to {_VERBS[permission]} {subject} in this channel.{ask}"
