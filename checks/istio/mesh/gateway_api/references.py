"""References between Gateway API objects, and the ReferenceGrants that allow them.

A reference to another namespace needs a ReferenceGrant there.

Source: Istio `gatewaycommon/references.go`; Gateway API, ReferenceGrant.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

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
    """The references that ReferenceGrants allow, read when there is one between namespaces."""

    def __init__(self, grants: Callable[[], Iterable[ReferenceGrant]]) -> None:
        self._grants = grants

    @cached_property
    def _allowed(self) -> frozenset[tuple[GroupKind, str, GroupKind, str, str]]:
        return frozenset(
            (normalized(source, KUBERNETES_GATEWAY), text(source, "namespace"), wanted, grant.namespace, name)
            for grant in self._grants()
            for source in items(grant.raw, "spec", "from")
            for target in items(grant.raw, "spec", "to")
            for wanted, name in ((normalized(target, SERVICE), text(target, "name")),)
            if wanted in _GRANTABLE
        )

    def allows(self, source: GroupKind, namespace: str, target: GroupKind, place: str, name: str) -> bool:
        """Whether an object of a namespace may name an object of another one."""
        found = ((source, namespace, target, place, each) for each in ("", name))
        return any(each in self._allowed for each in found)
