"""The part of a cluster's state that a digest or handoff of one person may contain. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from checks.config.access_rules import Requester, is_permitted
from checks.config.configuration import AccessRule, Permission
from workers.fleet.cluster_state import ClusterState

IsVisible = Callable[[str, str], bool]
"""Whether a gateway (cluster, `namespace/name`) may be shown."""


def visibility(access: Sequence[AccessRule], requester: Requester | None, permission: Permission) -> IsVisible:
    """The gateways for which the person has the permission in their channel.

    None stands for the configuration file, whose digests contain every gateway.
    """
    if requester is None:
        return lambda _cluster, _gateway: True
    return lambda cluster, gateway: is_permitted(access, requester, permission, cluster, gateway)


def visible_state(known: ClusterState, visible: IsVisible) -> ClusterState:
    """The state of a cluster without the gateways that may not be shown."""

    def shown(gateway: str) -> bool:
        return visible(known.cluster, gateway)

    return replace(
        known,
        states={name: state for name, state in known.states.items() if shown(name)},
        events=tuple(each for each in known.events if shown(each.gateway)),
        owners={name: owner for name, owner in known.owners.items() if shown(name)},
        days={name: marks for name, marks in known.days.items() if shown(name)},
        canaries=tuple(each for each in known.canaries if not each.gateway or shown(each.gateway)),
    )
