"""The access rules of the configuration: the first rule that matches decides.

Without one, access is denied.

A rule matches a person, a channel, a cluster and a gateway. A question about a whole cluster is therefore one of two: has
the person the permission for at least one of its gateways, or for every gateway?
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from checks.config.configuration import AccessRule, Permission


@dataclass(frozen=True, slots=True)
class Requester:
    """A person in a channel. `groups` are the ids of the user groups (S…) that they are in."""

    user: str
    channel: str
    groups: Collection[str] = ()


def is_permitted(
    rules: Sequence[AccessRule], requester: Requester, permission: Permission, cluster: str, gateway: str
) -> bool:
    """Whether the person has this permission for a gateway in their channel.

    The gateway is `name` or `namespace/name`. Its case does not matter, because a worker finds it regardless of case.
    """
    name = gateway.rpartition("/")[2].lower()
    for rule in _rules_for(rules, requester, cluster):
        if any(fnmatchcase(name, pattern.lower()) for pattern in rule.gateways):
            return permission in rule.allow
    return False


def nameable_gateways(rules: Sequence[AccessRule], requester: Requester, cluster: str) -> Callable[[str], bool]:
    """A test whether an answer may name a gateway: the person may diagnose it."""
    return lambda gateway: is_permitted(rules, requester, "diagnose", cluster, gateway)


def is_permitted_to_someone(
    rules: Sequence[AccessRule], channel: str, permission: Permission, cluster: str, gateway: str
) -> bool:
    """Whether anyone has this permission for a gateway in the channel."""
    name = gateway.rpartition("/")[2].lower()
    for rule in rules:
        if (
            any(fnmatchcase(channel, pattern) for pattern in rule.channels)
            and any(fnmatchcase(cluster, pattern) for pattern in rule.clusters)
            and any(fnmatchcase(name, pattern.lower()) for pattern in rule.gateways)
        ):
            if permission in rule.allow:
                return True
            if "*" in rule.users:
                return False
    return False


def is_permitted_somewhere(
    rules: Sequence[AccessRule], requester: Requester, permission: Permission, cluster: str
) -> bool:
    """Whether the person has this permission for at least one possible gateway."""
    denied: list[str] = []
    for rule in _rules_for(rules, requester, cluster):
        if permission not in rule.allow:
            denied += rule.gateways
        elif not all(_is_covered(pattern, denied) for pattern in rule.gateways):
            return True
    return False


def is_permitted_everywhere(
    rules: Sequence[AccessRule], requester: Requester, permission: Permission, cluster: str
) -> bool:
    """Whether the person has this permission for every possible gateway."""
    granted: list[str] = []
    for rule in _rules_for(rules, requester, cluster):
        if permission in rule.allow:
            granted += rule.gateways
        elif not all(_is_covered(pattern, granted) for pattern in rule.gateways):
            return False
        if _is_covered("*", granted):
            return True
    return False


def clusters_with_permission(
    rules: Sequence[AccessRule], requester: Requester, permission: Permission, clusters: Sequence[str]
) -> tuple[str, ...]:
    """The clusters with at least one gateway for which the person has this permission."""
    return tuple(each for each in clusters if is_permitted_somewhere(rules, requester, permission, each))


def _rules_for(rules: Sequence[AccessRule], requester: Requester, cluster: str) -> Iterator[AccessRule]:
    """The rules for the person, the channel and the cluster, whatever their gateways are."""
    who = {requester.user, *requester.groups}
    for rule in rules:
        if (
            any(user == "*" or user in who for user in rule.users)
            and any(fnmatchcase(requester.channel, pattern) for pattern in rule.channels)
            and any(fnmatchcase(cluster, pattern) for pattern in rule.clusters)
        ):
            yield rule


def _is_covered(pattern: str, others: Sequence[str]) -> bool:
    """Whether one of the patterns matches every name that this one matches.

    A pattern in which only `*` is special matches another pattern, read as a name, if it covers it.
    """
    return any(
        pattern.lower() == other.lower()
        or (not any(mark in other for mark in "?[") and fnmatchcase(pattern.lower(), other.lower()))
        for other in others
    )
