"""The `hosts` of a Sidecar's egress entry.

Each is written as `namespace/host`, `./host` or `*/host`, or is excluded with `~`.

Source: Istio `pilot/pkg/model/sidecar.go`.
"""

from collections.abc import Mapping

from checks.istio.mesh.objects.hosts import hosts_overlap, is_subset, is_wildcard
from checks.istio.mesh.objects.routing_rules import RoutingRules
from checks.istio.mesh.objects.versions import Version
from checks.model.raw_values import Raw, texts


class ImportedHosts:
    """The hosts of a Sidecar's egress entry for one namespace."""

    def __init__(self) -> None:
        self.imported: list[str] = []
        self.excluded: list[str] = []

    def matches(self, host: str) -> bool:
        return "*" in self.imported or any(is_subset(host, each) for each in self.imported)

    def overlaps(self, host: str) -> bool:
        return "*" in self.imported or any(hosts_overlap(host, each) for each in self.imported)

    def excludes(self, host: str) -> bool:
        return any(is_subset(host, each) for each in self.excluded)


def imports_rules(own: ImportedHosts, everywhere: ImportedHosts, host: str, rules: RoutingRules) -> bool:
    """Whether an entry imports a VirtualService by one of its hosts.

    The host of a Gateway API route must lie completely within the import.
    """
    if rules.gateway_api:
        imported = own.matches(host) or everywhere.matches(host)
    else:
        imported = own.overlaps(host) or everywhere.overlaps(host)
    return imported and not (own.excludes(host) or everywhere.excludes(host))


def hosts_by_namespace(raw: Raw, namespace: str, version: Version) -> dict[str, ImportedHosts]:
    """The hosts of an entry by namespace, `*` for every namespace."""
    found: dict[str, ImportedHosts] = {}
    for written in texts(raw, "hosts"):
        place, slash, host = written.partition("/")
        if not slash:
            continue
        excluded = place.startswith("~")
        if excluded and not version.excludes_hosts:
            continue  # istiod takes the text for the name of a namespace, which none has
        place = place.removeprefix("~") or "*"
        hosts = found.setdefault(namespace if place == "." else place, ImportedHosts())
        (hosts.excluded if excluded else hosts.imported).append(host)
    return found


def named_services(hosts: Mapping[str, ImportedHosts]) -> frozenset[tuple[str, str]] | None:
    """(namespace, host) of each import if no import has a wildcard, else None."""
    named = frozenset((place, host) for place, each in hosts.items() for host in each.imported)
    return None if any(place == "*" or is_wildcard(host) for place, host in named) else named


def imports_everything(hosts: Mapping[str, ImportedHosts]) -> bool:
    """Whether the hosts of an entry leave nothing out."""
    everywhere = hosts.get("*")
    return everywhere is not None and "*" in everywhere.imported and not any(each.excluded for each in hosts.values())
