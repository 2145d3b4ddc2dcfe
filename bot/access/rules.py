"""Permissions by the access rules: the first match decides; without one, access is denied."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from checks.config.configuration import AccessRule, Config, Permission

_VERBS: dict[Permission, str] = {
    "diagnose": "check",
    "handoff": "post a handoff for",
    "digest": "manage digests and mutes of",
    "probe": "probe gateways on",
    "restart": "restart gateways on",
}


@dataclass(frozen=True, slots=True)
class Requester:
    """A person in a channel. `groups` are the ids of the user groups (S…) that they are in."""

    user: str
    channel: str
    groups: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether something is permitted, and the reason for a refusal as a sentence."""

    allowed: bool
    reason: str = ""


def check_access(
    config: Config, requester: Requester, permission: Permission, cluster: str, gateway: str | None = None
) -> AccessDecision:
    """Whether the person has this permission for a cluster or gateway in their channel.

    The first rule that matches user, channel, cluster and gateway decides; later rules do not count.
    """
    for rule in config.access:
        if _matches(rule, requester, cluster, gateway):
            if permission in rule.allow:
                return AccessDecision(True)
            break
    return AccessDecision(False, _refusal(config, requester, permission, cluster))


def visible_clusters(config: Config, requester: Requester) -> tuple[str, ...]:
    """The clusters that the person may diagnose in their channel."""
    return tuple(c.name for c in config.clusters if check_access(config, requester, "diagnose", c.name).allowed)


def granting_rules(config: Config, requester: Requester) -> tuple[AccessRule, ...]:
    """The rules that grant the person a permission in any channel: the App Home has none."""
    who = {requester.user, *requester.groups}
    return tuple(rule for rule in config.access if rule.allow and any(u == "*" or u in who for u in rule.users))


def visible_anywhere(config: Config, requester: Requester) -> frozenset[str]:
    """The clusters that the person may diagnose in at least one channel."""
    named = {channel for rule in config.access for channel in rule.channels}
    return frozenset(
        cluster.name
        for cluster in config.clusters
        for channel in named
        if check_access(config, Requester(requester.user, channel, requester.groups), "diagnose", cluster.name).allowed
    )


def groups_needed(config: Config) -> frozenset[str]:
    """The user groups in the rules, whose members must be looked up in Slack."""
    return frozenset(user for rule in config.access for user in rule.users if user.startswith("S"))


def _matches(rule: AccessRule, requester: Requester, cluster: str, gateway: str | None) -> bool:
    who = {requester.user, *requester.groups}
    return (
        any(user == "*" or user in who for user in rule.users)
        and any(fnmatchcase(requester.channel, pattern) for pattern in rule.channels)
        and any(fnmatchcase(cluster, pattern) for pattern in rule.clusters)
        and (gateway is None or any(fnmatchcase(gateway, pattern) for pattern in rule.gateways))
    )


def _refusal(config: Config, requester: Requester, permission: Permission, cluster: str) -> str:
    elsewhere = [
        channel
        for rule in config.access
        if permission in rule.allow
        and any(user == "*" or user in {requester.user, *requester.groups} for user in rule.users)
        and any(fnmatchcase(cluster, pattern) for pattern in rule.clusters)
        for channel in rule.channels
        if channel != "*" and not any(mark in channel for mark in "*?[")
    ]
    ask = f" Ask {config.ask} for access." if config.ask else " Ask the operator of this bot for access."
    if elsewhere and requester.channel not in elsewhere:
        places = " or ".join(f"<#{channel}>" for channel in dict.fromkeys(elsewhere))
        return f"You have permission to {_VERBS[permission]} {cluster} in {places}, not in this channel."
    return f"You don't have permission to {_VERBS[permission]} {cluster} in this channel.{ask}"
