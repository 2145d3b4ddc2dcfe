"""Who may do what: the configuration's rules, in order, the first match wins, none means no. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from checks.config.configuration import AccessRule, Config, Permission


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, from where. `groups` are the ids of the user groups (S…) that the user is in."""

    user: str
    channel: str
    groups: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether something may be done, and the sentence that a person is told when not."""

    allowed: bool
    reason: str = ""


def check_access(
    config: Config, requester: Requester, permission: Permission, cluster: str, gateway: str | None = None
) -> AccessDecision:
    """Whether the asker may do this to this cluster (and gateway) in this channel. The first rule that fits user, channel,
    cluster and gateway decides, whatever rules follow."""
    for rule in config.access:
        if _fits(rule, requester, cluster, gateway):
            if permission in rule.allow:
                return AccessDecision(True)
            break
    return AccessDecision(False, _refusal(config, requester, permission, cluster))


def visible_clusters(config: Config, requester: Requester) -> tuple[str, ...]:
    """The clusters that the asker may diagnose in this channel."""
    return tuple(c.name for c in config.clusters if check_access(config, requester, "diagnose", c.name).allowed)


def granting_rules(config: Config, requester: Requester) -> tuple[AccessRule, ...]:
    """The rules that let somebody do something, somewhere: for the App Home, where there is no channel."""
    who = {requester.user, *requester.groups}
    return tuple(rule for rule in config.access if rule.allow and any(u == "*" or u in who for u in rule.users))


def visible_anywhere(config: Config, requester: Requester) -> frozenset[str]:
    """The clusters that somebody may diagnose in some channel."""
    named = {channel for rule in config.access for channel in rule.channels}
    return frozenset(
        cluster.name
        for cluster in config.clusters
        for channel in named
        if check_access(config, Requester(requester.user, channel, requester.groups), "diagnose", cluster.name).allowed
    )


def groups_needed(config: Config) -> frozenset[str]:
    """The user groups that the rules name: only these need to be looked up in Slack."""
    return frozenset(user for rule in config.access for user in rule.users if user.startswith("S"))


def _fits(rule: AccessRule, requester: Requester, cluster: str, gateway: str | None) -> bool:
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
    ask = f" Ask {config.ask} for access." if config.ask else " Ask whoever runs this bot for access."
    if elsewhere and requester.channel not in elsewhere:
        places = " or ".join(f"<#{channel}>" for channel in dict.fromkeys(elsewhere))
        return f"{cluster} is not answered in this channel; you may {permission} it in {places}."
    return f"You may not {permission} {cluster} here.{ask}"
