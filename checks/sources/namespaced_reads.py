"""Lists of single namespaces, for an identity that may not list the whole cluster.

Source: docs/permissions.md#namespaces-only.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from checks.facts.fact import Gap, Listed
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.managed_cluster import EgressGatewayEntry
from checks.facts.namespaces import Namespace
from checks.istio.required_connections import DNS_NAMESPACE
from checks.model.raw_values import Raw
from checks.sources.source import Answer, NotInstalled, Objects
from checks.static_egress.components import NAMESPACE as STATIC_EGRESS_NAMESPACE

KNOWN_NAMESPACES = (
    ROOT_NAMESPACE,
    EgressGatewayEntry.DEFAULT_NAMESPACE,
    STATIC_EGRESS_NAMESPACE,
    DNS_NAMESPACE,
)
"""The namespaces that are tried in every cluster, besides that of the gateway."""


def with_known_namespaces(namespaces: Iterable[str | None]) -> tuple[str, ...]:
    """The namespaces to try: the given ones without empty names, then those of every cluster."""
    return tuple(dict.fromkeys(each for each in (*namespaces, *KNOWN_NAMESPACES) if each))


def list_by_namespace(
    list_objects: Callable[[Listed], Answer], what: Listed, namespaces: Iterable[str], refused: Gap
) -> Answer:
    """The objects of the namespaces that this identity may read, and the gap for all others.

    `refused` is the answer to the list in the whole cluster. It is returned if no namespace may be read.
    """
    if what.namespace or not (what.namespaced or what.resource == Namespace.origin.resource):
        return refused
    found: list[Raw] = []
    read: list[str] = []
    failed: list[Gap] = []
    for namespace in namespaces:
        match list_objects(replace(what, namespace=namespace)):
            case Objects(raw=objects):
                found += objects
                read.append(namespace)
            case NotInstalled():
                return NotInstalled()
            case Gap(status=status) as gap if status != 403:
                failed.append(replace(gap, namespace=namespace) if what.namespaced else replace(gap, name=namespace))
            case _:
                continue
    if not read:
        return refused
    return Objects(tuple(found), (replace(refused, readable_in=tuple(sorted(read))), *failed))
