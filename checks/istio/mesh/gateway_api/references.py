"""References between Gateway API objects, and the ReferenceGrants that allow them.

A reference to another namespace needs a ReferenceGrant there.

Source: Istio `gatewaycommon/references.go`; Gateway API, ReferenceGrant.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.gateway_api import GATEWAY_API, ReferenceGrant
from checks.facts.istio_networking import NETWORKING
from checks.model.raw_values import Raw, items, text


@dataclass(frozen=True, slots=True)
class GroupKind:
    """An API group and a kind."""

    group: str
    kind: str


KUBERNETES_GATEWAY = GroupKind(GATEWAY_API, "Gateway")
LISTENER_SET = GroupKind(GATEWAY_API, "ListenerSet")
SERVICE = GroupKind("", "Service")
SECRET = GroupKind("", "Secret")
CONFIG_MAP = GroupKind("", "ConfigMap")
SERVICE_ENTRY = GroupKind(NETWORKING, "ServiceEntry")
HOSTNAME = GroupKind(NETWORKING, "Hostname")

_GRANTABLE = frozenset({CONFIG_MAP, SECRET, SERVICE})


def normalized(reference: Raw, default: GroupKind) -> GroupKind:
    """The group and kind of a reference: `NormalizeReference`."""
    group, kind = reference.get("group"), reference.get("kind")
    return GroupKind(default.group if group is None else str(group), default.kind if kind is None else str(kind))


class ReferenceGrants:
    """The references that ReferenceGrants allow."""

    def __init__(self, grants: Iterable[ReferenceGrant]) -> None:
        self._allowed: set[tuple[GroupKind, str, GroupKind, str, str]] = set()
        for grant in grants:
            for source in items(grant.raw, "spec", "from"):
                for target in items(grant.raw, "spec", "to"):
                    self._add(grant, source, target)

    def _add(self, grant: ReferenceGrant, source: Raw, target: Raw) -> None:
        wanted = normalized(target, SERVICE)
        if wanted in _GRANTABLE:
            place = text(source, "namespace")
            self._allowed.add(
                (normalized(source, KUBERNETES_GATEWAY), place, wanted, grant.namespace, text(target, "name"))
            )

    def allows(self, source: GroupKind, namespace: str, target: GroupKind, place: str, name: str) -> bool:
        """Whether an object of a namespace may name an object of another one."""
        found = ((source, namespace, target, place, each) for each in ("", name))
        return any(each in self._allowed for each in found)
